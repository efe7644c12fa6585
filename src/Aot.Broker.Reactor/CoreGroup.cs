using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>How a group of cores is made. Everything has a default that suits this machine.</summary>
public sealed class CoreGroupOptions
{
    /// <summary>Cores; 0 = as many as affinity and control group allow.</summary>
    public int Cores { get; init; }

    public IoMode Io { get; init; } = IoMode.Auto;

    /// <summary>Pins each core's thread to a CPU of its own.</summary>
    public bool Pin { get; init; } = true;

    /// <summary>Null = the kernel's.</summary>
    public Disk? Disk { get; init; }

    /// <summary>Helper threads for blocking work.</summary>
    public int HelperThreadsMax { get; init; } = 4;

    /// <summary>Request bytes in flight in the whole process before sockets are no longer read.</summary>
    public long InFlightBytesMax { get; init; } = Limits.InFlightBytesMax;

    /// <summary>The part of it that one connection may hold; 0 = a quarter.</summary>
    public long InFlightBytesPerConnectionMax { get; init; }

    /// <summary>
    /// Buffer bytes of one core; 0 = the whole in-flight limit (requests may all be on one core) and as much again for
    /// answers and receive buffers. Address space only: pages come with their first use.
    /// </summary>
    public long BufferBytesPerCore { get; init; }

    public BufferChecks BufferChecks { get; init; } = BufferChecks.None;

    public Logger? Log { get; init; }

    internal RingSizes RingSizes { get; init; } = RingSizes.Default;

    /// <summary>See <see cref="CoreParts.OnUnhandled"/>.</summary>
    public Action<Core, Exception>? OnUnhandled { get; init; }
}

/// <summary>io_uring was demanded and is not to be had. The message says why, and what would help.</summary>
public sealed class IoBackendException(string reason) : Exception(reason);

/// <summary>
/// The cores of a broker: makes them, starts their threads, stops them.
/// </summary>
/// <remarks>
/// Any thread calls it. Between <see cref="Create"/> and <see cref="Start"/> nothing runs, and the cores may be given
/// their parts (Core.Set) from here. A stepped group has no threads: its owner calls Core.RunTurn.
/// </remarks>
public sealed class CoreGroup : IDisposable
{
    private readonly Core[] _cores;
    private readonly Thread?[] _threads;
    private readonly Arena[] _arenas;
    private readonly BackgroundPool _background;
    private readonly BackgroundPool _compute;
    private readonly bool _ownsPools;
    private readonly CpuSet? _pinTo;
    private readonly TaskCompletionSource _allStopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int _running;
    private bool _disposed;

    private CoreGroup(
        CoreIo[] ios,
        CoreGroupOptions options,
        BackgroundPool background,
        BackgroundPool compute,
        bool ownsPools,
        CpuSet? pinTo
    )
    {
        int count = ios.Length;
        _cores = new Core[count];
        _threads = new Thread?[count];
        _arenas = new Arena[count];
        _background = background;
        _compute = compute;
        _ownsPools = ownsPools;
        _pinTo = pinTo;
        BackendName = ios[0].Name;
        Disk disk = options.Disk ?? new LinuxDisk();
        ProcessMemoryBudget process = new(options.InFlightBytesMax, count);
        long perConnection =
            options.InFlightBytesPerConnectionMax > 0
                ? options.InFlightBytesPerConnectionMax
                : Math.Max(1, options.InFlightBytesMax / 4);
        long bufferBytes = options.BufferBytesPerCore > 0 ? options.BufferBytesPerCore : options.InFlightBytesMax * 2;
        for (int i = 0; i < count; i++)
        {
            CoreIndex index = new(i);
            _arenas[i] = new Arena(index);
            _cores[i] = new Core(
                index,
                new CoreParts
                {
                    Io = ios[i],
                    Disk = disk,
                    Buffers = new BufferPool(_arenas[i].AddShare("buffers", bufferBytes), options.BufferChecks),
                    Budget = new CoreMemoryBudget(process, index, options.InFlightBytesMax, perConnection),
                    ProcessBudget = process,
                    Background = background,
                    Compute = compute,
                    Log = options.Log,
                    OnUnhandled = options.OnUnhandled,
                }
            );
        }
        Core.Connect(_cores);
    }

    public IReadOnlyList<Core> Cores => _cores;

    /// <summary>"io_uring", "epoll" or "simulated".</summary>
    public string BackendName { get; }

    /// <summary>Why io_uring is not used although it would have been taken; null = it is used, or was not wanted.</summary>
    public string? FallbackReason { get; private init; }

    /// <summary>Where the number of cores comes from.</summary>
    public string CoreCountReason { get; private init; } = "";

    /// <exception cref="IoBackendException">io_uring was demanded and is not to be had.</exception>
    public static CoreGroup Create(CoreGroupOptions options)
    {
        LinuxPlatform.CheckLayouts();
        // sendfile to a closed peer raises SIGPIPE, and no flag of the call prevents it.
        Signals.Ignore(SignalNumber.SIGPIPE).OrThrow("signal");
        int detected = CpuBudget.Detect(out string countReason);
        int count = options.Cores > 0 ? options.Cores : detected;
        CpuSet? cpus = Threads.GetAffinity().TryGet(out CpuSet mine, out _) ? mine : null;
        CoreIo[] ios = MakeIos(options, count, cpus, out string? fallbackReason);
        HelperThreads helpers = new(options.HelperThreadsMax, "helper", cpus);
        HelperThreads compute = new(count, "compute", cpus);
        return new CoreGroup(ios, options, helpers, compute, ownsPools: true, options.Pin ? cpus : null)
        {
            FallbackReason = fallbackReason,
            CoreCountReason = options.Cores > 0 ? "as configured" : countReason,
        };
    }

    /// <summary>
    /// A group without threads, for whoever steps its cores with Core.RunTurn: each core's I/O, the disk (options) and
    /// the background pool come from there. The pool stays the caller's.
    /// </summary>
    public static CoreGroup CreateStepped(CoreGroupOptions options, CoreIo[] ios, BackgroundPool background) =>
        new(ios, options, background, background, ownsPools: false, pinTo: null) { CoreCountReason = "as configured" };

    /// <summary>Starts a thread per core. Work may be posted before and is then done in the first turns.</summary>
    public void Start()
    {
        _running = _cores.Length;
        for (int i = 0; i < _cores.Length; i++)
        {
            Core core = _cores[i];
            _threads[i] = new Thread(() => RunCore(core)) { IsBackground = true, Name = $"core-{i}" };
        }
        foreach (Thread? thread in _threads)
        {
            thread!.Start();
        }
    }

    /// <summary>Ends the loops after their current turns and waits for the threads. Connections still open are closed.</summary>
    public Task StopAsync()
    {
        foreach (Core core in _cores)
        {
            core.RequestStop();
        }
        return _running == 0 && _threads[0] is null ? Task.CompletedTask : _allStopped.Task;
    }

    /// <summary>After <see cref="StopAsync"/>, or for a group that never started.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        foreach (Thread? thread in _threads)
        {
            thread?.Join();
        }
        if (_ownsPools)
        {
            _background.Dispose();
            _compute.Dispose();
        }
        for (int i = 0; i < _cores.Length; i++)
        {
            if (_threads[i] is null)
            {
                _cores[i].Io.Dispose();
            }
        }
    }

    private static CoreIo[] MakeIos(CoreGroupOptions options, int count, CpuSet? cpus, out string? fallbackReason)
    {
        fallbackReason = null;
        if (options.Io != IoMode.Epoll)
        {
            CoreIo[]? rings = TryMakeRings(options.RingSizes, count, cpus, out fallbackReason);
            if (rings is not null)
            {
                return rings;
            }
            if (options.Io == IoMode.Uring)
            {
                throw new IoBackendException(fallbackReason!);
            }
        }
        CoreIo[] ios = new CoreIo[count];
        for (int i = 0; i < count; i++)
        {
            ios[i] = new EpollIo();
        }
        return ios;
    }

    private static CoreIo[]? TryMakeRings(RingSizes sizes, int count, CpuSet? cpus, out string? reason)
    {
        reason = null;
        CoreIo[] ios = new CoreIo[count];
        for (int i = 0; i < count; i++)
        {
            Ring? ring = UringSupport.TryCreateRing(sizes, out reason);
            if (ring is null)
            {
                foreach (CoreIo made in ios.AsSpan(0, i))
                {
                    made.Dispose();
                }
                return null;
            }
            ios[i] = new UringIo(ring) { WorkerCpus = cpus };
        }
        return ios;
    }

    private void RunCore(Core core)
    {
        if (_pinTo is { } cpus)
        {
            // A core beyond the number of CPUs shares one; a CPU that was taken away meanwhile leaves the core unpinned.
            Threads.PinTo(cpus.Nth(core.Index.Value % Math.Max(1, cpus.Count)));
        }
        Threads.SetName($"core-{core.Index}");
        core.Buffers.BindToCurrentThread();
        core.Run();
        if (Interlocked.Decrement(ref _running) == 0)
        {
            _allStopped.SetResult();
        }
    }
}
