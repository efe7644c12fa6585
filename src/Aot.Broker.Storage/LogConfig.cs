namespace Aot.Broker.Storage;

[Flags]
public enum CleanupPolicies
{
    None = 0,
    Delete = 1,
    Compact = 2,
}

/// <summary>Which time a topic's records carry (<c>message.timestamp.type</c>).</summary>
public enum MessageTimestampType
{
    CreateTime = 0,
    LogAppendTime = 1,
}

/// <summary>The topic's <c>compression.type</c>; <see cref="Producer"/> keeps each batch as it came.</summary>
public enum TopicCompression
{
    Uncompressed = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
    Producer = 100,
}

/// <summary>
/// What a partition log needs of its topic's configuration, already resolved (topic, then broker, then default). The
/// names are Kafka's keys in our spelling; the values here are Kafka's defaults. Immutable: a change of the topic's
/// configuration is a new instance given to <see cref="PartitionLog.Configure"/>.
/// </summary>
public sealed record LogConfig
{
    /// <summary><c>segment.bytes</c>.</summary>
    public int SegmentBytes { get; init; } = 1 << 30;

    /// <summary><c>segment.ms</c>.</summary>
    public long SegmentMs { get; init; } = 7 * 24 * 3600_000L;

    /// <summary><c>segment.jitter.ms</c>.</summary>
    public long SegmentJitterMs { get; init; }

    /// <summary><c>index.interval.bytes</c>.</summary>
    public int IndexIntervalBytes { get; init; } = 4096;

    /// <summary><c>segment.index.bytes</c>.</summary>
    public int IndexBytesMax { get; init; } = 10 * 1024 * 1024;

    /// <summary><c>retention.ms</c>; -1 = no limit.</summary>
    public long RetentionMs { get; init; } = 7 * 24 * 3600_000L;

    /// <summary><c>retention.bytes</c>; -1 = no limit.</summary>
    public long RetentionBytes { get; init; } = -1;

    /// <summary><c>max.message.bytes</c>: of a whole batch, compressed.</summary>
    public int MaxMessageBytes { get; init; } = 1024 * 1024 + 12;

    /// <summary><c>max.decompressed.message.bytes</c>: of the records of a batch without their compression.</summary>
    public int DecompressedBytesMax { get; init; } = 2_147_483_639;

    /// <summary><c>cleanup.policy</c>.</summary>
    public CleanupPolicies CleanupPolicy { get; init; } = CleanupPolicies.Delete;

    /// <summary><c>compression.type</c>.</summary>
    public TopicCompression CompressionType { get; init; } = TopicCompression.Producer;

    /// <summary><c>compression.gzip.level</c>, <c>compression.lz4.level</c> or <c>compression.zstd.level</c>.</summary>
    public int? CompressionLevel { get; init; }

    /// <summary><c>message.timestamp.type</c>.</summary>
    public MessageTimestampType MessageTimestampType { get; init; } = MessageTimestampType.CreateTime;

    /// <summary><c>message.timestamp.before.max.ms</c>.</summary>
    public long TimestampBeforeMaxMs { get; init; } = long.MaxValue;

    /// <summary><c>message.timestamp.after.max.ms</c>.</summary>
    public long TimestampAfterMaxMs { get; init; } = 3600_000;

    /// <summary><c>flush.messages</c>; 1 = every acknowledged record is on the disk.</summary>
    public long FlushMessages { get; init; } = long.MaxValue;

    /// <summary><c>flush.ms</c>.</summary>
    public long FlushMs { get; init; } = long.MaxValue;

    /// <summary><c>min.insync.replicas</c>. The log does not look at it; the produce handler does.</summary>
    public int MinInSyncReplicas { get; init; } = 1;

    /// <summary><c>preallocate</c>: reserve the whole segment when it is made. Otherwise space is reserved ahead in steps.</summary>
    public bool Preallocate { get; init; }

    /// <summary><c>file.delete.delay.ms</c>.</summary>
    public long FileDeleteDelayMs { get; init; } = 60_000;

    /// <summary><c>delete.retention.ms</c>.</summary>
    public long DeleteRetentionMs { get; init; } = 24 * 3600_000L;

    /// <summary><c>min.compaction.lag.ms</c>.</summary>
    public long MinCompactionLagMs { get; init; }

    /// <summary><c>max.compaction.lag.ms</c>.</summary>
    public long MaxCompactionLagMs { get; init; } = long.MaxValue;

    /// <summary><c>min.cleanable.dirty.ratio</c>.</summary>
    public double MinCleanableDirtyRatio { get; init; } = 0.5;

    /// <summary><c>unclean.leader.election.enable</c>.</summary>
    public bool UncleanLeaderElection { get; init; }

    /// <summary>
    /// <c>transaction.partition.verification.enable</c>, a broker setting: a transaction begins here only after its
    /// coordinator has agreed (<see cref="Producers.LogTransactions.Confirm"/>).
    /// </summary>
    public bool VerifiesTransactions { get; init; }

    /// <summary><c>producer.id.expiration.ms</c>: a broker setting that every log of it shares.</summary>
    public long ProducerIdExpirationMs { get; init; } = 24 * 3600_000L;

    public bool IsCompacted => (CleanupPolicy & CleanupPolicies.Compact) != 0;

    public bool IsDeleting => (CleanupPolicy & CleanupPolicies.Delete) != 0;

    /// <summary>What the configuration before this one kept may have to go now.</summary>
    internal bool DeletesOtherThan(LogConfig before) =>
        IsDeleting
        && (!before.IsDeleting || RetentionMs != before.RetentionMs || RetentionBytes != before.RetentionBytes);

    /// <summary>The age at which a segment is full: a record of a compacted topic may not wait in it for too long.</summary>
    internal long SegmentMsMax => IsCompacted ? Math.Min(SegmentMs, MaxCompactionLagMs) : SegmentMs;

    /// <summary>Acknowledged means on the disk: the append path then waits for a group-committed fdatasync.</summary>
    public bool IsSyncedBeforeAnswer => FlushMessages <= 1;

    internal int OffsetIndexEntriesMax => IndexBytesMax / Indexes.OffsetIndex.EntryBytes;

    internal int TimeIndexEntriesMax => IndexBytesMax / Indexes.TimeIndex.EntryBytes;
}
