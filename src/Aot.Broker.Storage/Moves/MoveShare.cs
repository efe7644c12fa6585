namespace Aot.Broker.Storage.Moves;

/// <summary>What the moves between log directories share on all cores: how many run at once, and how fast they may write.</summary>
/// <remarks>Any thread.</remarks>
public sealed class MoveShare
{
    private readonly object _gate = new();
    private double _bytesPerSecondMax = long.MaxValue;
    private int _runningMax = 1;
    private int _running;
    private long _freeAtNanos;

    /// <summary>
    /// <c>replica.alter.log.dirs.io.max.bytes.per.second</c>, and <c>num.replica.alter.log.dirs.threads</c>. Takes effect
    /// with the next piece that is copied.
    /// </summary>
    public void Configure(long bytesPerSecondMax, int runningMax)
    {
        lock (_gate)
        {
            if (_bytesPerSecondMax != bytesPerSecondMax)
            {
                _freeAtNanos = 0;
            }
            _bytesPerSecondMax = bytesPerSecondMax;
            _runningMax = Math.Max(1, runningMax);
        }
    }

    internal bool TryBegin()
    {
        lock (_gate)
        {
            bool mayRun = _running < _runningMax;
            _running += mayRun ? 1 : 0;
            return mayRun;
        }
    }

    internal void End()
    {
        lock (_gate)
        {
            _running--;
        }
    }

    /// <summary>Notes bytes that were copied: how long the rate asks to wait now, in milliseconds.</summary>
    internal long Charge(long bytes, long nowNanos)
    {
        lock (_gate)
        {
            double nanos = bytes * 1e9 / Math.Max(1, _bytesPerSecondMax);
            _freeAtNanos = Math.Max(_freeAtNanos, nowNanos) + (long)Math.Min(nanos, long.MaxValue / 4);
            return Math.Max(0, (_freeAtNanos - nowNanos) / 1_000_000);
        }
    }
}
