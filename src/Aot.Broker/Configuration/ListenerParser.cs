using System.Net;
using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Configuration;

/// <summary>
/// Makes the listeners of <c>listeners</c>, <c>advertised.listeners</c>, <c>listener.security.protocol.map</c>,
/// <c>controller.listener.names</c> and <c>inter.broker.listener.name</c>, which only make sense together.
/// Mistakes are collected, each with what to do about it.
/// </summary>
internal sealed class ListenerParser(
    ConfigValues values,
    IReadOnlyDictionary<string, GivenValue> given,
    List<string> errors
)
{
    private readonly HashSet<string> _controllerNames =
    [
        .. values.GetList("controller.listener.names").Select(name => name.ToUpperInvariant()),
    ];
    private Dictionary<string, SecurityProtocol> _protocols = [];

    public IReadOnlyList<ListenerConfiguration> Parse(bool isBroker)
    {
        _protocols = ParseProtocolMap();
        List<ListenerAddress> addresses = ParseAddresses("listeners");
        RefuseRepeats(addresses);
        Dictionary<string, ListenerAddress> advertised = ParseAdvertised(addresses);
        string? interBroker = FindInterBroker(addresses, advertised);

        List<ListenerConfiguration> listeners = [];
        foreach (ListenerAddress address in addresses)
        {
            if (Protocol(address.Name) is not { } protocol)
            {
                continue;
            }
            if (protocol != SecurityProtocol.Plaintext)
            {
                errors.Add(
                    $"{Origin("listeners")}: listener {address.Name} uses {NameOf(protocol)}; this version serves only "
                        + "PLAINTEXT: remove the listener, or map it to PLAINTEXT in listener.security.protocol.map"
                );
                continue;
            }
            bool isController = _controllerNames.Contains(address.Name);
            ListenerAddress seen = advertised.GetValueOrDefault(address.Name, address);
            listeners.Add(
                new ListenerConfiguration(
                    address.Name,
                    protocol,
                    address.Host,
                    address.Port,
                    seen.Host.Length == 0 ? Dns.GetHostName() : seen.Host,
                    seen.Port,
                    isController,
                    address.Name == interBroker
                )
            );
        }
        if (isBroker && errors.Count == 0 && !listeners.Any(listener => !listener.IsController))
        {
            errors.Add(
                $"{Origin("listeners")}: no listener is left for clients: controller.listener.names names all of them; "
                    + "add one to listeners"
            );
        }
        return listeners;
    }

    private string Origin(string key) => given.TryGetValue(key, out GivenValue? value) ? $"{value.Origin}: {key}" : key;

    private static string NameOf(SecurityProtocol protocol) =>
        protocol switch
        {
            SecurityProtocol.Ssl => "SSL",
            SecurityProtocol.SaslPlaintext => "SASL_PLAINTEXT",
            SecurityProtocol.SaslSsl => "SASL_SSL",
            _ => "PLAINTEXT",
        };

    private static SecurityProtocol? ParseProtocol(string name) =>
        name.ToUpperInvariant() switch
        {
            "PLAINTEXT" => SecurityProtocol.Plaintext,
            "SSL" => SecurityProtocol.Ssl,
            "SASL_PLAINTEXT" => SecurityProtocol.SaslPlaintext,
            "SASL_SSL" => SecurityProtocol.SaslSsl,
            _ => null,
        };

    private Dictionary<string, SecurityProtocol> ParseProtocolMap()
    {
        const string key = "listener.security.protocol.map";
        Dictionary<string, SecurityProtocol> map = [];
        foreach (string pair in ConfigValue.Items(values.Text(key) ?? ""))
        {
            int colon = pair.LastIndexOf(':');
            string name = colon > 0 ? pair[..colon].Trim().ToUpperInvariant() : "";
            if (name.Length == 0 || ParseProtocol(pair[(colon + 1)..].Trim()) is not { } protocol)
            {
                errors.Add(
                    $"{Origin(key)}: '{pair}' is not NAME:PROTOCOL with one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"
                );
            }
            else if (!map.TryAdd(name, protocol))
            {
                errors.Add($"{Origin(key)}: {name} is mapped twice; keep one");
            }
        }
        if (!given.ContainsKey(key))
        {
            // As in Apache Kafka: without a map of one's own, controller listeners need no entry.
            foreach (string name in _controllerNames)
            {
                map.TryAdd(name, SecurityProtocol.Plaintext);
            }
        }
        return map;
    }

    private SecurityProtocol? Protocol(string listener)
    {
        if (_protocols.TryGetValue(listener, out SecurityProtocol protocol))
        {
            return protocol;
        }
        errors.Add(
            $"{Origin("listeners")}: no security protocol is known for listener {listener}; add "
                + $"{listener}:PLAINTEXT to listener.security.protocol.map"
        );
        return null;
    }

    private List<ListenerAddress> ParseAddresses(string key)
    {
        List<ListenerAddress> addresses = [];
        foreach (string text in values.GetList(key))
        {
            if (ListenerAddress.Parse(text) is { } address)
            {
                addresses.Add(address);
            }
            else
            {
                errors.Add($"{Origin(key)}: '{text}' is not NAME://host:port");
            }
        }
        return addresses;
    }

    private void RefuseRepeats(List<ListenerAddress> addresses)
    {
        string all = values.Text("listeners") ?? "";
        foreach (IGrouping<string, ListenerAddress> same in addresses.GroupBy(address => address.Name))
        {
            if (same.Count() > 1)
            {
                errors.Add($"{Origin("listeners")}: Each listener must have a different name, listeners: {all}");
            }
        }
        foreach (IGrouping<int, ListenerAddress> same in addresses.GroupBy(address => address.Port))
        {
            // The same port once for IPv4 and once for IPv6 is not a repeat, and 0 is never one.
            bool isDual =
                same.Count() == 2
                && same.Count(address => address.Host.Contains(':')) == 1
                && same.All(address => IPAddress.TryParse(address.Host, out _));
            if (same.Key != 0 && same.Count() > 1 && !isDual)
            {
                errors.Add($"{Origin("listeners")}: Each listener must have a different port, listeners: {all}");
            }
        }
    }

    private Dictionary<string, ListenerAddress> ParseAdvertised(List<ListenerAddress> addresses)
    {
        const string key = "advertised.listeners";
        Dictionary<string, ListenerAddress> advertised = [];
        bool isGiven = values.Has(key);
        IEnumerable<ListenerAddress> from = isGiven
            ? ParseAddresses(key)
            : addresses.Where(address => !_controllerNames.Contains(address.Name));
        foreach (ListenerAddress address in from)
        {
            if (!addresses.Any(listener => listener.Name == address.Name))
            {
                errors.Add(
                    $"{Origin(key)}: listener {address.Name} is not in listeners ({values.Text("listeners")}); add it there"
                );
            }
            else if (!advertised.TryAdd(address.Name, address))
            {
                errors.Add($"{Origin(key)}: {address.Name} is given twice; keep one");
            }
            else if (address.Host is "0.0.0.0" or "::")
            {
                errors.Add(
                    $"{Origin(isGiven ? key : "listeners")}: advertised.listeners cannot use the nonroutable "
                        + $"meta-address {address.Host}. Use a routable IP address: set advertised.listeners to the "
                        + $"address by which clients reach this machine, e.g. {address.Name}://{Dns.GetHostName()}:"
                        + $"{address.Port}"
                );
            }
        }
        return advertised;
    }

    private string? FindInterBroker(List<ListenerAddress> addresses, Dictionary<string, ListenerAddress> advertised)
    {
        string? name = values.Text("inter.broker.listener.name")?.ToUpperInvariant();
        if (name is null)
        {
            SecurityProtocol? wanted = ParseProtocol(values.Text("security.inter.broker.protocol") ?? "PLAINTEXT");
            bool isChosen = given.ContainsKey("security.inter.broker.protocol");
            List<ListenerAddress> ofBrokers = [.. addresses.Where(address => !_controllerNames.Contains(address.Name))];
            name = ofBrokers
                .Where(address => _protocols.TryGetValue(address.Name, out SecurityProtocol has) && has == wanted)
                .Select(address => address.Name)
                .FirstOrDefault();
            if (name is null && isChosen && ofBrokers.Count > 0)
            {
                errors.Add(
                    $"{Origin("security.inter.broker.protocol")}: no listener has this protocol; set "
                        + "inter.broker.listener.name to one of the listeners instead"
                );
            }
            return name;
        }
        if (given.ContainsKey("security.inter.broker.protocol"))
        {
            errors.Add(
                "Only one of inter.broker.listener.name and security.inter.broker.protocol should be set: remove "
                    + Origin("security.inter.broker.protocol")
            );
        }
        if (_controllerNames.Contains(name))
        {
            errors.Add(
                $"{Origin("inter.broker.listener.name")}: {name} is one of controller.listener.names; brokers need a "
                    + "listener of their own"
            );
        }
        else if (!advertised.ContainsKey(name))
        {
            errors.Add(
                $"{Origin("inter.broker.listener.name")} must be a listener name defined in advertised.listeners. "
                    + $"The valid options based on currently configured listeners are {string.Join(",", advertised.Keys)}"
            );
        }
        return name;
    }
}
