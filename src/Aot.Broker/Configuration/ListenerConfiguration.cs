using System.Globalization;
using System.Net;

namespace Aot.Broker.Configuration;

public enum SecurityProtocol : short
{
    Plaintext = 0,
    Ssl = 1,
    SaslPlaintext = 2,
    SaslSsl = 3,
}

/// <summary>
/// One socket that the broker listens on, and the address by which clients are told to come. Names are upper case.
/// An empty host binds to every address; an advertised port of 0 means the port that the socket gets.
/// </summary>
public sealed record ListenerConfiguration(
    string Name,
    SecurityProtocol Protocol,
    string Host,
    int Port,
    string AdvertisedHost,
    int AdvertisedPort,
    bool IsController,
    bool IsInterBroker
);

/// <summary><c>NAME://host:port</c> as it was written.</summary>
internal readonly record struct ListenerAddress(string Name, string Host, int Port)
{
    /// <summary>Null when the text is not of this form. A host in brackets is an IPv6 address.</summary>
    public static ListenerAddress? Parse(string text)
    {
        int scheme = text.IndexOf("://", StringComparison.Ordinal);
        if (scheme <= 0)
        {
            return null;
        }
        return ParseHostAndPort(text[(scheme + 3)..], allowEmptyHost: true) is { } address
            ? new ListenerAddress(text[..scheme].ToUpperInvariant(), address.Host, address.Port)
            : null;
    }

    public static (string Host, int Port)? ParseHostAndPort(string text, bool allowEmptyHost)
    {
        int colon = text.LastIndexOf(':');
        if (
            colon < 0
            || !int.TryParse(text.AsSpan(colon + 1), NumberStyles.None, CultureInfo.InvariantCulture, out int port)
            || port > 65535
        )
        {
            return null;
        }
        string host = text[..colon];
        if (host is ['[', .., ']'])
        {
            host = host[1..^1];
            if (!IPAddress.TryParse(host, out _))
            {
                return null;
            }
        }
        else if (host.Contains(':'))
        {
            return null;
        }
        if (host.Length == 0 && !allowEmptyHost)
        {
            return null;
        }
        foreach (char c in host)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_' or '.' or ':' or '%'))
            {
                return null;
            }
        }
        return (host, port);
    }
}
