namespace Aot.Broker.Storage;

/// <summary>How often a core looks after its logs. Times in milliseconds; Kafka's defaults.</summary>
public sealed record LogSetOptions
{
    /// <summary><c>replica.high.watermark.checkpoint.interval.ms</c>.</summary>
    public long HighWatermarkCheckpointMs { get; init; } = 5_000;

    /// <summary><c>log.flush.offset.checkpoint.interval.ms</c>.</summary>
    public long RecoveryPointCheckpointMs { get; init; } = 60_000;

    /// <summary><c>log.retention.check.interval.ms</c>.</summary>
    public long RetentionCheckMs { get; init; } = 300_000;

    /// <summary><c>producer.id.expiration.check.interval.ms</c>.</summary>
    public long ProducerExpirationCheckMs { get; init; } = 600_000;

    /// <summary>A log that was not used for so long gives its descriptors and buffers back.</summary>
    public long IdleAfterMs { get; init; } = 30_000;

    /// <summary>Segments held open per core beyond those in use (up to three descriptors each).</summary>
    public int OpenSegmentsMax { get; init; } = 1024;

    /// <summary>A log with more bytes than this that are not on the disk is synced when the recovery point is written.</summary>
    public int UnsyncedBytesMax { get; init; } = 8 * 1024 * 1024;

    /// <summary>
    /// Bytes of a batch's records beyond which a compute thread looks at them, where the codecs do not ask for fewer
    /// (see <see cref="Appending.CoreWork"/>).
    /// </summary>
    public int JudgedOnCoreBytesMax { get; init; } = int.MaxValue;
}
