namespace Aot.Broker.Storage.Compaction;

/// <summary>The broker's settings of compaction; the values here are Kafka's defaults. All cores share one instance.</summary>
public sealed record CleanerOptions
{
    /// <summary><c>log.cleaner.enable</c>.</summary>
    public bool IsEnabled { get; init; } = true;

    /// <summary><c>log.cleaner.threads</c>: logs of this process that are cleaned at once; 0 = none.</summary>
    public int Threads { get; init; } = 1;

    /// <summary><c>log.cleaner.dedupe.buffer.size</c>: bytes of the offset maps of all passes together.</summary>
    public long DedupeBufferBytes { get; init; } = 128 * 1024 * 1024;

    /// <summary><c>log.cleaner.io.buffer.load.factor</c>: how full an offset map gets.</summary>
    public double LoadFactor { get; init; } = 0.9;

    /// <summary><c>log.cleaner.io.buffer.size</c>: of one pass, for writing.</summary>
    public int IoBufferBytes { get; init; } = 512 * 1024;

    /// <summary><c>log.cleaner.io.max.bytes.per.second</c>: read and written, by all passes together.</summary>
    public double IoBytesPerSecondMax { get; init; } = double.MaxValue;

    /// <summary><c>log.cleaner.backoff.ms</c>: between two looks at the logs when there is nothing to clean.</summary>
    public long BackoffMs { get; init; } = 15_000;

    internal long MapBytesMax => DedupeBufferBytes / Math.Max(1, Threads);
}
