namespace Aot.Broker.Storage;

/// <summary>Counts the opening of logs over all cores.</summary>
public sealed class RecoveryProgress
{
    private long _requested;
    private long _opened;
    private long _recovered;
    private long _scannedBytes;
    private long _truncatedBytes;

    public long Requested => Interlocked.Read(ref _requested);

    public long Opened => Interlocked.Read(ref _opened);

    /// <summary>Segments that were scanned after an unclean stop.</summary>
    public long RecoveredSegments => Interlocked.Read(ref _recovered);

    public long ScannedBytes => Interlocked.Read(ref _scannedBytes);

    public long TruncatedBytes => Interlocked.Read(ref _truncatedBytes);

    internal void Begin() => Interlocked.Increment(ref _requested);

    internal void End(Recovery.LoadedLog? log)
    {
        Interlocked.Increment(ref _opened);
        if (log is not null)
        {
            Interlocked.Add(ref _recovered, log.RecoveredSegments);
            Interlocked.Add(ref _scannedBytes, log.ScannedBytes);
            Interlocked.Add(ref _truncatedBytes, log.TruncatedBytes);
        }
    }
}
