using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>
/// The background pool of a running broker: a few ordinary threads, shared by all cores, started with the pool: a core
/// that started one would allocate, and stand still meanwhile.
/// </summary>
/// <remarks>
/// Any thread. A thread inherits the affinity of its starter, so it widens it to what the process may use. Jobs begin in
/// order; the queue is bounded by what its callers keep in flight.
/// </remarks>
public sealed class HelperThreads : BackgroundPool
{
    private const int StackBytes = 1024 * 1024;

    private readonly object _gate = new();
    private readonly Queue<(Core Core, IBackgroundJob Job)> _jobs = new();
    private readonly Thread[] _threads;
    private readonly CpuSet? _cpus;
    private int _idle;
    private bool _disposed;

    /// <param name="threads">How many.</param>
    /// <param name="name">Of each, before its number.</param>
    /// <param name="cpus">Where they may run; null = where their starter may.</param>
    public HelperThreads(int threads, string name, CpuSet? cpus = null)
    {
        Invariant.That(threads > 0);
        _cpus = cpus;
        _threads = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            _threads[i] = new Thread(Work, StackBytes) { IsBackground = true, Name = $"{name}-{i}" };
            _threads[i].Start();
        }
    }

    public int ThreadCount => _threads.Length;

    public override void Run(Core core, IBackgroundJob job)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }
            _jobs.Enqueue((core, job));
            // Without an idle thread the job waits for the first that becomes one, which looks here before it sleeps.
            if (_idle > 0)
            {
                Monitor.Pulse(_gate);
            }
        }
    }

    public override void Dispose()
    {
        lock (_gate)
        {
            _disposed = true;
            _jobs.Clear();
            Monitor.PulseAll(_gate);
        }
        foreach (Thread thread in _threads)
        {
            thread.Join();
        }
    }

    private void Work()
    {
        if (_cpus is { } cpus)
        {
            Threads.SetAffinity(cpus);
        }
        while (Take(out Core? core, out IBackgroundJob? job))
        {
            job!.Run();
            PostDone(core!, job);
        }
    }

    private bool Take(out Core? core, out IBackgroundJob? job)
    {
        lock (_gate)
        {
            while (!_disposed)
            {
                if (_jobs.TryDequeue(out (Core Core, IBackgroundJob Job) next))
                {
                    (core, job) = next;
                    return true;
                }
                _idle++;
                Monitor.Wait(_gate);
                _idle--;
            }
            core = null;
            job = null;
            return false;
        }
    }
}
