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

    /// <summary>
    /// Bytes after which a growing log's write-back is started; <see cref="int.MaxValue"/> leaves it to the kernel, and then
    /// nothing below holds.
    /// </summary>
    public int WritebackBytes { get; init; } = 1024 * 1024;

    /// <summary>
    /// Bytes of one log that may be under way to the disk: at half of it a helper thread waits for them, and beyond it
    /// the log's batches wait in its queue, so that no core is held up in the kernel.
    /// </summary>
    /// <remarks>
    /// Large enough for some seconds of a disk that others keep busy: with 64 MiB such a pause made producers wait for 2.5 s
    /// that the page cache would have taken.
    /// </remarks>
    public int DirtyBytesPerLogMax { get; init; } = 512 * 1024 * 1024;

    /// <summary>
    /// The same for all logs of a core; past it each may have an eighth of what it may have otherwise. 0 = the core's part
    /// of a sixteenth of the memory, which is well below where the kernel slows down who writes.
    /// </summary>
    public long DirtyBytesPerCoreMax { get; init; }

    /// <summary>Space is reserved in steps of this size once a segment has shown that it grows; 0 = not at all.</summary>
    public int ReservedBytes { get; init; } = 16 * 1024 * 1024;

    /// <summary>
    /// As <see cref="UnsyncedBytesMax"/>, each time that the high watermarks are written: bounds what is scanned after a kill
    /// while much is written. The pages are on their way to the disk by then, so that a sync has little left to wait for.
    /// </summary>
    public int UnsyncedBytesOfBusyMax { get; init; } = 64 * 1024 * 1024;
}
