namespace Aot.Broker.Bench.Rig;

/// <summary>
/// A second thread that lives as long as the benchmark and does its work once per invocation, so that a run costs two
/// wake-ups and not a new thread.
/// </summary>
internal sealed class Partner : IDisposable
{
    private readonly AutoResetEvent _go = new(initialState: false);
    private readonly AutoResetEvent _done = new(initialState: false);
    private readonly Action _work;
    private readonly Thread _thread;
    private volatile bool _isOver;

    public Partner(Action work)
    {
        _work = work;
        _thread = new Thread(Run) { IsBackground = true, Name = "partner" };
        _thread.Start();
    }

    /// <summary>Managed bytes that the last run of the work allocated. Read it after <see cref="End"/>.</summary>
    public long AllocatedBytes { get; private set; }

    public void Begin() => _go.Set();

    public void End() => _done.WaitOne();

    public void Dispose()
    {
        _isOver = true;
        _go.Set();
        _thread.Join();
        _go.Dispose();
        _done.Dispose();
    }

    private void Run()
    {
        while (true)
        {
            _go.WaitOne();
            if (_isOver)
            {
                return;
            }
            long before = GC.GetAllocatedBytesForCurrentThread();
            _work();
            AllocatedBytes = GC.GetAllocatedBytesForCurrentThread() - before;
            _done.Set();
        }
    }
}

/// <summary>What a thread does that finds a ring full or empty: spins shortly, then lets the other one run.</summary>
internal struct Backoff
{
    private const int SpinsMax = 64;
    private int _spins;

    public void Wait()
    {
        if (++_spins < SpinsMax)
        {
            Thread.SpinWait(4);
            return;
        }
        _spins = 0;
        Thread.Yield();
    }
}
