using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server;

/// <summary>
/// How many connections may be open: what the broker was started with, and above it what <c>max.connections</c>,
/// <c>max.connections.per.ip</c> and <c>max.connections.per.ip.overrides</c> were set to while it runs. A limit that went
/// down refuses new connections; those that are open stay.
/// </summary>
/// <remarks>Owner: core 0, which counts the connections.</remarks>
public sealed class ConnectionLimits(ServerOptions startedWith) : IMetadataListener
{
    private static readonly Logger s_log = Log.For("server");

    private ConfigValues? _settings;
    private int _perAddress = startedWith.ConnectionsPerAddressMax;
    private IReadOnlyDictionary<IPAddress, int> _overrides = startedWith.ConnectionsPerAddress;

    public int Total { get; private set; } = startedWith.ConnectionsMax;

    public int Of(IPAddress address) => _overrides.TryGetValue(address, out int own) ? own : _perAddress;

    public async ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta)
    {
        ConfigValues settings = core.Get<MetadataView>().Settings;
        if (core.Index.Value != 0 || ReferenceEquals(settings, _settings))
        {
            return;
        }
        _settings = settings;
        Total = Dynamic(settings, "max.connections") ? settings.GetInt("max.connections") : startedWith.ConnectionsMax;
        _perAddress = Dynamic(settings, "max.connections.per.ip")
            ? settings.GetInt("max.connections.per.ip")
            : startedWith.ConnectionsPerAddressMax;
        _overrides = Dynamic(settings, ConnectionOverrides.Name)
            ? await ResolveAsync(core, settings.Text(ConnectionOverrides.Name) ?? "")
            : startedWith.ConnectionsPerAddress;
    }

    private static bool Dynamic(ConfigValues settings, string name) =>
        settings.TryGetGiven(name, out _, out ConfigSource source)
        && source is ConfigSource.DynamicBroker or ConfigSource.DynamicDefaultBroker;

    /// <summary>Names of hosts are looked up off the core; one without an address has no limit of its own.</summary>
    private static async Task<IReadOnlyDictionary<IPAddress, int>> ResolveAsync(Core core, string text)
    {
        ConnectionOverrides.TryParse(text, out List<(string Host, int Most)> entries, out _);
        Dictionary<IPAddress, int> limits = [];
        foreach ((string host, int most) in entries)
        {
            IPAddress? address = IPAddress.TryParse(host, out IPAddress? literal)
                ? literal
                : await core.RunInBackgroundAsync(() => LookUp(host));
            if (address is not null)
            {
                limits[address] = most;
            }
        }
        return limits;
    }

    private static IPAddress? LookUp(string host)
    {
        try
        {
            IPAddress[] found = Dns.GetHostAddresses(host);
            return found.FirstOrDefault(one => one.AddressFamily == AddressFamily.InterNetwork) ?? found[0];
        }
        catch (SocketException error)
        {
            s_log.Warn(
                "max.connections.per.ip.overrides names a host without an address: it has no limit of its own",
                ("host", host),
                ("why", error.Message)
            );
            return null;
        }
    }
}
