using System.Net;

namespace Aot.Broker.Server;

/// <summary>One listener as it is configured.</summary>
/// <param name="Name">The listener's name, which metadata answers are built for.</param>
/// <param name="Bind">Where the socket listens; port 0 picks a free one.</param>
public sealed record ListenerOptions(string Name, IPEndPoint Bind, ListenerRole Role);

/// <summary>What the server takes from the configuration. Immutable.</summary>
public sealed record ServerOptions
{
    public required int NodeId { get; init; }

    public required IReadOnlyList<ListenerOptions> Listeners { get; init; }

    /// <summary><c>socket.request.max.bytes</c></summary>
    public int RequestBytesMax { get; init; } = 100 * 1024 * 1024;

    /// <summary><c>socket.listen.backlog.size</c></summary>
    public int ListenBacklog { get; init; } = 50;

    /// <summary><c>connections.max.idle.ms</c></summary>
    public long ConnectionIdleMillisMax { get; init; } = 600_000;

    /// <summary><c>max.connections</c>; Kafka's default is unbounded, here it is what the process may open.</summary>
    public int ConnectionsMax { get; init; } = 10_000;

    /// <summary><c>max.connections.per.ip</c></summary>
    public int ConnectionsPerAddressMax { get; init; } = 10_000;

    /// <summary><c>max.connections.per.ip.overrides</c></summary>
    public IReadOnlyDictionary<IPAddress, int> ConnectionsPerAddress { get; init; } = new Dictionary<IPAddress, int>();

    /// <summary><c>fetch.max.bytes</c></summary>
    public int FetchBytesMax { get; init; } = 55 * 1024 * 1024;

    /// <summary><c>max.incremental.fetch.session.cache.slots</c></summary>
    public int FetchSessionsMax { get; init; } = 1000;

    /// <summary><c>group.share.max.share.sessions</c></summary>
    public int ShareSessionsMax { get; init; } = 2000;

    /// <summary><c>max.request.partition.size.limit</c></summary>
    public int DescribedPartitionsMax { get; init; } = 2000;

    public bool AutoCreateTopics { get; init; } = true;

    /// <summary>Versions of requests that may still change are offered too: <c>unstable.api.versions.enable</c>.</summary>
    public bool OffersUnstableVersions { get; init; }

    public int DefaultPartitions { get; init; } = 1;

    public short DefaultReplicationFactor { get; init; } = 1;

    public string? Rack { get; init; }
}
