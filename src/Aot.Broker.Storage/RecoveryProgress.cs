namespace Aot.Broker.Storage;

/// <summary>
/// Counts the opening of logs over all cores: for the line per second while a start goes on, and for the statistics.
/// </summary>
/// <remarks>Any thread. Times are those of the cores' clock.</remarks>
public sealed class RecoveryProgress
{
    private long _requested;
    private long _opened;
    private long _recoveredSegments;
    private long _rebuiltIndexes;
    private long _bytesToScan;
    private long _scannedBytes;
    private long _truncatedBytes;
    private long _beganMillis = -1;
    private long _endedMillis = -1;

    public long Requested => Interlocked.Read(ref _requested);

    public long Opened => Interlocked.Read(ref _opened);

    public bool IsUnderWay => Opened < Requested;

    /// <summary>Segments that were scanned after an unclean stop.</summary>
    public long RecoveredSegments => Interlocked.Read(ref _recoveredSegments);

    /// <summary>Index files of other segments that were missing or wrong.</summary>
    public long RebuiltIndexes => Interlocked.Read(ref _rebuiltIndexes);

    /// <summary>Of the logs whose opening has begun.</summary>
    public long BytesToScan => Interlocked.Read(ref _bytesToScan);

    public long ScannedBytes => Interlocked.Read(ref _scannedBytes);

    public long TruncatedBytes => Interlocked.Read(ref _truncatedBytes);

    /// <summary>From the first log's request until the last one that was there at the start had been opened; 0 before.</summary>
    public long Milliseconds => Math.Max(0, Interlocked.Read(ref _endedMillis) - Interlocked.Read(ref _beganMillis));

    /// <summary>How long the rest takes if it goes on as it did so far; -1 while nothing is done.</summary>
    /// <param name="partitions">All that are to be opened.</param>
    /// <param name="nowMillis">Of the core's clock.</param>
    public long SecondsLeft(long partitions, long nowMillis)
    {
        long requested = Requested;
        double begun = requested - Opened;
        long toScan = BytesToScan;
        double scanned = toScan == 0 ? 0 : Math.Min(1, (double)ScannedBytes / toScan);
        double done = (requested - begun + (begun * scanned)) / Math.Max(1, Math.Max(partitions, requested));
        long elapsed = nowMillis - Interlocked.Read(ref _beganMillis);
        return done <= 0 ? -1 : (long)Math.Ceiling(elapsed * (1 - done) / done / 1000);
    }

    internal void Begin(long nowMillis)
    {
        Interlocked.Increment(ref _requested);
        Interlocked.CompareExchange(ref _beganMillis, nowMillis, -1);
    }

    internal void ToScan(long bytes) => Interlocked.Add(ref _bytesToScan, bytes);

    internal void Scanned(long bytes) => Interlocked.Add(ref _scannedBytes, bytes);

    internal void End(Recovery.LoadedLog? log, long nowMillis)
    {
        Interlocked.Increment(ref _opened);
        if (log is not null)
        {
            Interlocked.Add(ref _recoveredSegments, log.RecoveredSegments);
            Interlocked.Add(ref _rebuiltIndexes, log.RebuiltIndexes);
            Interlocked.Add(ref _truncatedBytes, log.TruncatedBytes);
        }
        if (log is not { IsNew: true })
        {
            Interlocked.Exchange(ref _endedMillis, nowMillis);
        }
    }
}
