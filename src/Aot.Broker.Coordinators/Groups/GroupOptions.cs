using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>The settings of the group coordinator, by the names of their configuration keys; times in milliseconds.</summary>
public sealed record GroupOptions
{
    /// <summary><c>group.min.session.timeout.ms</c></summary>
    public int SessionTimeoutMinMs { get; init; } = 6_000;

    /// <summary><c>group.max.session.timeout.ms</c></summary>
    public int SessionTimeoutMaxMs { get; init; } = 1_800_000;

    /// <summary><c>group.initial.rebalance.delay.ms</c></summary>
    public int InitialRebalanceDelayMs { get; init; } = 3_000;

    /// <summary><c>group.max.size</c></summary>
    public int GroupSizeMax { get; init; } = int.MaxValue;

    /// <summary><c>offset.metadata.max.bytes</c></summary>
    public int OffsetMetadataBytesMax { get; init; } = 4096;

    /// <summary><c>offsets.retention.minutes</c>, in milliseconds.</summary>
    public long OffsetsRetentionMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary><c>offsets.retention.check.interval.ms</c></summary>
    public long OffsetsRetentionCheckIntervalMs { get; init; } = 600_000;

    /// <summary><c>offsets.topic.compression.codec</c>: of the records that are written from now on.</summary>
    public CompressionCodec OffsetsCompression { get; init; } = CompressionCodec.None;

    public ConsumerGroupOptions Consumers { get; init; } = new();

    public ShareGroupOptions Shares { get; init; } = new();

    public StreamsGroupOptions Streams { get; init; } = new();

    /// <summary>How long a member that has just been given its id may take to join with it.</summary>
    public int NewMemberJoinTimeoutMs { get; init; } = 300_000;
}
