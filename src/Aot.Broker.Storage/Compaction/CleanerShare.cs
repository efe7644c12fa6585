namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// What the cleaners of all cores share: how many logs are cleaned at once, how fast they may read and write, and what
/// they have done.
/// </summary>
/// <remarks>Any thread. Whoever waits for a turn is served in order, so that no core is left out.</remarks>
public sealed class CleanerShare
{
    private readonly object _gate = new();
    private readonly Queue<TaskCompletionSource> _waiting = new();
    private CleanerOptions _options = new();
    private int _running;
    private long _freeAtNanos;

    public CleanerStatistics Statistics { get; } = new();

    public CleanerOptions Options
    {
        get
        {
            lock (_gate)
            {
                return _options;
            }
        }
    }

    /// <summary>Takes effect with the next piece of work of a pass, and with the next pass.</summary>
    public void Configure(CleanerOptions options)
    {
        lock (_gate)
        {
            if (_options.IoBytesPerSecondMax != options.IoBytesPerSecondMax)
            {
                _freeAtNanos = 0;
            }
            _options = options;
            StartWaiting();
        }
    }

    /// <summary>Completes when one more pass may run; ended with <see cref="EndPass"/>.</summary>
    internal Task BeginPassAsync()
    {
        lock (_gate)
        {
            TaskCompletionSource turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _waiting.Enqueue(turn);
            StartWaiting();
            return turn.Task;
        }
    }

    internal void EndPass()
    {
        lock (_gate)
        {
            _running--;
            StartWaiting();
        }
    }

    /// <summary>Notes bytes that were read or written.</summary>
    internal void Charge(long bytes, long nowNanos)
    {
        lock (_gate)
        {
            double nanos = bytes * 1e9 / Math.Max(1, _options.IoBytesPerSecondMax);
            _freeAtNanos = Math.Max(_freeAtNanos, nowNanos) + (long)Math.Min(nanos, long.MaxValue / 4);
        }
    }

    /// <summary>How long the rate asks to wait; 0 = go on.</summary>
    internal long WaitMillis(long nowNanos)
    {
        lock (_gate)
        {
            return Math.Max(0, (_freeAtNanos - nowNanos) / 1_000_000);
        }
    }

    private void StartWaiting()
    {
        while (_running < _options.Threads && _waiting.TryDequeue(out TaskCompletionSource? next))
        {
            _running++;
            next.SetResult();
        }
    }
}

/// <summary>What compaction has done since the start. Any thread; numbers may be a moment old.</summary>
public sealed class CleanerStatistics
{
    private readonly object _gate = new();
    private readonly Dictionary<int, (double MaxDirtyRatio, int Uncleanable)> _ofCore = [];
    private long _passes;
    private long _ioBytes;
    private long _freedBytes;
    private long _removedRecords;
    private long _lastRunWallMillis = -1;

    public long Passes => Interlocked.Read(ref _passes);

    /// <summary>Read and written.</summary>
    public long IoBytes => Interlocked.Read(ref _ioBytes);

    /// <summary>By which the logs became smaller.</summary>
    public long FreedBytes => Interlocked.Read(ref _freedBytes);

    public long RemovedRecords => Interlocked.Read(ref _removedRecords);

    /// <summary>Wall clock of the end of the last pass; -1 before the first.</summary>
    public long LastRunWallMillis => Interlocked.Read(ref _lastRunWallMillis);

    /// <summary>Of the logs that can be cleaned, as of each core's last look; 0 to 1.</summary>
    public double MaxDirtyRatio
    {
        get
        {
            lock (_gate)
            {
                return _ofCore.Count == 0 ? 0 : _ofCore.Values.Max(static c => c.MaxDirtyRatio);
            }
        }
    }

    /// <summary>Logs whose cleaning failed for good.</summary>
    public int UncleanablePartitions
    {
        get
        {
            lock (_gate)
            {
                return _ofCore.Values.Sum(static c => c.Uncleanable);
            }
        }
    }

    internal void Look(int core, double maxDirtyRatio, int uncleanable)
    {
        lock (_gate)
        {
            _ofCore[core] = (maxDirtyRatio, uncleanable);
        }
    }

    internal void AddIo(long bytes) => Interlocked.Add(ref _ioBytes, bytes);

    internal void AddPass(long wallMillis)
    {
        Interlocked.Increment(ref _passes);
        Interlocked.Exchange(ref _lastRunWallMillis, wallMillis);
    }

    internal void AddGroup(long freedBytes, long removedRecords)
    {
        Interlocked.Add(ref _freedBytes, freedBytes);
        Interlocked.Add(ref _removedRecords, removedRecords);
    }
}
