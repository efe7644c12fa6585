using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>The settings of the share coordinator, by the names of their configuration keys; times in milliseconds.</summary>
public sealed record ShareStateOptions
{
    /// <summary><c>share.coordinator.snapshot.update.records.per.snapshot</c></summary>
    public int UpdatesPerSnapshot { get; init; } = 500;

    /// <summary><c>share.coordinator.write.timeout.ms</c>: how long a caller in this process waits for a shard to begin.</summary>
    public int WriteTimeoutMs { get; init; } = 5_000;

    /// <summary><c>share.coordinator.state.topic.compression.codec</c>: of the records that are written from now on.</summary>
    public CompressionCodec Compression { get; init; } = CompressionCodec.None;

    /// <summary><c>share.coordinator.state.topic.prune.interval.ms</c></summary>
    public int PruneIntervalMs { get; init; } = 300_000;

    /// <summary><c>share.coordinator.cold.partition.snapshot.interval.ms</c></summary>
    public int ColdSnapshotIntervalMs { get; init; } = 300_000;
}
