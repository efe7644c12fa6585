using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>
/// The background pool of a running broker: a few ordinary threads, shared by all cores, each started when a job finds
/// none idle.
/// </summary>
/// <remarks>
/// Any thread. A thread inherits the affinity of the core that started it, so it widens it again to what the process
/// may use. Jobs begin in order; the queue is bounded by what its callers keep in flight.
/// </remarks>
public sealed class HelperThreads : BackgroundPool
{
    private const int StackBytes = 1024 * 1024;

    private readonly object _gate = new();
    private readonly Queue<(Core Core, IBackgroundJob Job)> _jobs = new();
    private readonly List<Thread> _threads = [];
    private readonly int _threadsMax;
    private readonly CpuSet? _cpus;
    private int _idle;
    private bool _disposed;

    /// <param name="threadsMax">Threads at most.</param>
    /// <param name="cpus">Where they may run; null = where their starter may.</param>
    public HelperThreads(int threadsMax, CpuSet? cpus = null)
    {
        Invariant.That(threadsMax > 0);
        _threadsMax = threadsMax;
        _cpus = cpus;
    }

    public int ThreadCount
    {
        get
        {
            lock (_gate)
            {
                return _threads.Count;
            }
        }
    }

    public override void Run(Core core, IBackgroundJob job)
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }
            _jobs.Enqueue((core, job));
            if (_idle >= _jobs.Count)
            {
                Monitor.Pulse(_gate);
            }
            else if (_threads.Count < _threadsMax)
            {
                StartThread();
            }
        }
    }

    public override void Dispose()
    {
        Thread[] threads;
        lock (_gate)
        {
            _disposed = true;
            _jobs.Clear();
            Monitor.PulseAll(_gate);
            threads = [.. _threads];
        }
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }

    private void StartThread()
    {
        Thread thread = new(Work, StackBytes) { IsBackground = true, Name = $"helper-{_threads.Count}" };
        _threads.Add(thread);
        thread.Start();
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
