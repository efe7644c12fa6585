using System.Globalization;
using System.Text;
using Aot.Broker.Configuration;

namespace Aot.Broker;

/// <summary>
/// How the world learns that the broker is ready and where: one line on standard output, and <c>ports.json</c> in
/// the first data directory, whose listeners stand in the order of the configuration, those for clients first.
/// </summary>
/// <param name="Listeners">The configured listeners with the ports that their sockets got.</param>
public sealed record ReadyReport(
    IReadOnlyList<ListenerConfiguration> Listeners,
    string DataDirectory,
    string ClusterId,
    string IoBackend,
    int Cores,
    long Milliseconds
)
{
    public const string FileName = "ports.json";

    /// <summary><c>aot-broker ready on 127.0.0.1:9092, data /d, io io_uring, 2 cores, 31 ms</c></summary>
    public string Line =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"aot-broker ready on {string.Join(' ', Ordered().Select(Address))}, data {DataDirectory}, io {IoBackend}, "
        )
        + string.Create(CultureInfo.InvariantCulture, $"{Cores} {(Cores == 1 ? "core" : "cores")}, {Milliseconds} ms");

    /// <summary>The content of <c>ports.json</c>.</summary>
    public string Json()
    {
        StringBuilder text = new();
        text.Append("{\n  \"pid\": ").Append(Environment.ProcessId.ToString(CultureInfo.InvariantCulture));
        text.Append(",\n  \"clusterId\": ").Append(Quoted(ClusterId)).Append(",\n  \"listeners\": [");
        string separator = "\n";
        foreach (ListenerConfiguration listener in Ordered())
        {
            text.Append(separator).Append("    { \"name\": ").Append(Quoted(listener.Name));
            text.Append(", \"host\": ").Append(Quoted(listener.Host));
            text.Append(", \"port\": ").Append(listener.Port.ToString(CultureInfo.InvariantCulture)).Append(" }");
            separator = ",\n";
        }
        return text.Append("\n  ]\n}\n").ToString();
    }

    private IEnumerable<ListenerConfiguration> Ordered() => Listeners.OrderBy(listener => listener.IsController);

    private static string Address(ListenerConfiguration listener) =>
        (listener.Host.Contains(':') ? $"[{listener.Host}]" : listener.Host)
        + ":"
        + listener.Port.ToString(CultureInfo.InvariantCulture);

    private static string Quoted(string text)
    {
        StringBuilder quoted = new("\"");
        foreach (char c in text)
        {
            if (c is '"' or '\\')
            {
                quoted.Append('\\').Append(c);
            }
            else if (c < ' ')
            {
                quoted.Append("\\u").Append(((int)c).ToString("x4", CultureInfo.InvariantCulture));
            }
            else
            {
                quoted.Append(c);
            }
        }
        return quoted.Append('"').ToString();
    }
}
