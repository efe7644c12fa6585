using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;

namespace Aot.Broker.Cluster;

/// <summary>Why a part of a request was refused, in the words that Kafka's clients and tools expect.</summary>
public readonly record struct ApiError(ErrorCode Code, string? Message = null)
{
    public bool IsError => Code != ErrorCode.None;
}

/// <summary>
/// What a request comes to: records that must be written together, and the answer that goes out once they are
/// committed and every core knows them. Plans are pure functions of an image, so they can be tried without a log.
/// </summary>
internal readonly record struct ControlPlan<TResponse>(List<MetadataRecord> Records, TResponse Response)
{
    /// <summary>The voters that the log takes over, when the quorum goes to kraft.version 1.</summary>
    public VoterImage[]? Voters { get; init; }
}

/// <summary>What plans need to know beside the image.</summary>
internal sealed class ControlFacts
{
    public required int NodeId { get; init; }

    /// <summary>What this broker was started with: server.properties and the flags, without dynamic settings.</summary>
    public required ConfigValues StartedWith { get; init; }
    public required Func<ulong> Random { get; init; }

    /// <summary>This node as a voter of the metadata quorum.</summary>
    public required VoterImage Voter { get; init; }

    /// <summary>The log directories of this node by their paths.</summary>
    public IReadOnlyDictionary<string, KafkaUuid> Directories { get; init; } = new Dictionary<string, KafkaUuid>();

    public KafkaUuid NewId() => KafkaUuid.NewRandom(Random);
}

/// <summary>The settings of a broker as an image has them over what the process was started with.</summary>
public static class BrokerSettings
{
    public static ConfigValues Of(MetadataImage image, int brokerId, ConfigValues startedWith) =>
        startedWith
            .With(ConfigSource.DynamicBroker, image.Configs.Of(ConfigResource.Broker(brokerId)))
            .With(ConfigSource.DynamicDefaultBroker, image.Configs.Of(ConfigResource.AllBrokers));
}
