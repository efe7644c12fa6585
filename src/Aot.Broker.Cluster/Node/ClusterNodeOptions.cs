using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Cluster;

/// <summary>What a node is started with.</summary>
public sealed record ClusterNodeOptions
{
    public required int NodeId { get; init; }

    /// <summary>server.properties, environment and flags; no dynamic settings.</summary>
    public required ConfigValues StartedWith { get; init; }

    /// <summary>The cluster that this must be, or that a new directory is formatted for; null takes what is there.</summary>
    public string? ClusterId { get; init; }

    /// <summary>Where clients reach this broker: bound ports, advertised hosts; without controller listeners.</summary>
    public required IReadOnlyList<EndPointImage> AdvertisedListeners { get; init; }
    public IReadOnlyList<EndPointImage> ControllerListeners { get; init; } = [];
    public string? Rack { get; init; }

    /// <summary>
    /// Told of each image on each core, in this order, after the partitions' logs are open; for coordinators, quotas,
    /// credentials.
    /// </summary>
    public IReadOnlyList<IMetadataListener> Listeners { get; init; } = [];

    /// <summary>Told once of what must end the process: the metadata log cannot be written, or a listener failed.</summary>
    public required Action<Exception> OnFatal { get; init; }
}

/// <summary>The node cannot start on this directory; the message is for the operator. Exit code 5 or 4.</summary>
public sealed class ClusterStartException(string message) : Exception(message);
