using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>A run found something wrong. The message has the seed, the command that replays it, and what happened last.</summary>
internal sealed class SimulationFailure(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>
/// A machine with its disk, its network, its clients and the broker processes that run on it one after the other: all
/// in one thread, with a clock that jumps, and every choice taken from one seed.
/// </summary>
/// <remarks>
/// Time stands still while a turn of a core or an event runs, moves a little after each turn, and jumps to the next event
/// when nobody can run. What may run now (the cores that have something to do, and the events that are due) is chosen by
/// the seed, so that every order that threads could produce is possible and none is likely.
/// Client code is async and runs as events: this object is its synchronization context.
/// Non-goals: the speed of anything.
/// </remarks>
internal sealed class World : SynchronizationContext, IDisposable
{
    /// <summary>The wall clock at the beginning: 2026-01-01T00:00:00Z.</summary>
    private const long WallAtStartMillis = 1_767_225_600_000;

    private const int TurnNanosMax = 20_000;

    private readonly PriorityQueue<(string Kind, Action Run), (long Nanos, long Number)> _events = new();
    private readonly List<SimulatedProcess> _processes = [];
    private readonly List<SimulatedIo> _runnable = [];
    private readonly int _threadId = Environment.CurrentManagedThreadId;
    private readonly string _replay;
    private Exception? _failure;
    private long _eventNumber;

    /// <param name="seed">Of every choice.</param>
    /// <param name="name">Of the run, for its report.</param>
    /// <param name="replay">The words after <c>./build.sh sim</c> that repeat it; null = the seed alone does.</param>
    public World(ulong seed, string name = "Simulation", string? replay = null)
    {
        Seed = seed;
        Random = new SeededRandom(seed);
        string? path = Environment.GetEnvironmentVariable("AOT_BROKER_SIM_TRACE");
        Trace = new Trace(path is null ? null : $"{path}.{name}.{seed}.{Interlocked.Increment(ref s_worlds)}");
        _replay = $"{name}, seed {seed}; replay: ./build.sh sim {replay ?? $"--seed {seed}"}";
        Device = new Device(this);
        Network = new SimulatedNetwork(this);
    }

    private static int s_worlds;

    public ulong Seed { get; }

    public SeededRandom Random { get; }

    public Trace Trace { get; }

    public long NowNanos { get; private set; } = 1_000_000_000;

    public long WallMillis => WallAtStartMillis + (NowNanos / 1_000_000);

    /// <summary>The disk, which survives its processes.</summary>
    public Device Device { get; }

    public SimulatedNetwork Network { get; }

    /// <summary>Runs the action in so many nanoseconds.</summary>
    public void Schedule(long delayNanos, string kind, Action run) =>
        _events.Enqueue((kind, run), (NowNanos + Math.Max(0, delayNanos), _eventNumber++));

    public void Note(string kind, long a = 0, long b = 0, string? text = null) => Trace.Add(NowNanos, kind, a, b, text);

    public SimulatedProcess StartProcess(ProcessOptions options)
    {
        SimulatedProcess process = new(this, options);
        _processes.Add(process);
        return process;
    }

    /// <summary>Client code: async, on this world's time. What it throws is a failure of the run.</summary>
    public Task Start(Func<Task> client)
    {
        TaskCompletionSource done = new();
        Schedule(0, "client starts", () => _ = RunClient(client, done));
        return done.Task;
    }

    public Task DelayAsync(long nanos)
    {
        TaskCompletionSource passed = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Schedule(nanos, "delay", passed.SetResult);
        return passed.Task;
    }

    /// <summary>
    /// Goes on until the condition holds. Not reaching it within the given virtual time is a failure, which says
    /// <paramref name="what"/> as it then is.
    /// </summary>
    public void RunUntil(Func<bool> done, long withinNanos, object what)
    {
        long limit = NowNanos + withinNanos;
        SynchronizationContext? outer = Current;
        SetSynchronizationContext(this);
        try
        {
            while (!done())
            {
                if (!Step())
                {
                    Fail($"nothing can happen any more, waiting for: {what}");
                }
                if (NowNanos > limit)
                {
                    Fail($"not within {withinNanos / 1e9} s of virtual time: {what}");
                }
                ThrowIfFailed();
            }
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }

    public void RunFor(long nanos)
    {
        bool isOver = false;
        Schedule(nanos, "end of run", () => isOver = true);
        RunUntil(() => isOver, nanos + 1_000_000_000, "the end of the run");
    }

    /// <summary>The first failure ends the run at its next step.</summary>
    public void Fail(string why, Exception? cause = null) =>
        _failure ??= new SimulationFailure(
            $"{why}\n{_replay}\nat {NowNanos / 1e6:F3} ms of virtual time; the last events:\n{Trace.LastEvents()}",
            cause
        );

    /// <summary>As the other form; the message is only put together when it is needed.</summary>
    public void Check(bool condition, [InterpolatedStringHandlerArgument(nameof(condition))] ref CheckMessage message)
    {
        if (!condition)
        {
            Check(false, message.ToString());
        }
    }

    public void Check(bool condition, string message)
    {
        if (!condition)
        {
            Fail(message);
            ThrowIfFailed();
        }
    }

    /// <summary>A simulated object was used by a thread that is not the world's: the run would not be repeatable.</summary>
    public void AssertOwnThread()
    {
        if (Environment.CurrentManagedThreadId != _threadId)
        {
            Fail($"another thread got in: {Environment.StackTrace}");
        }
    }

    public override void Post(SendOrPostCallback callback, object? state)
    {
        AssertOwnThread();
        Schedule(0, "continue", () => callback(state));
    }

    public override SynchronizationContext CreateCopy() => this;

    public void Dispose()
    {
        foreach (SimulatedProcess process in _processes)
        {
            process.Dispose();
        }
        Trace.Close();
    }

    /// <summary>One turn or one event. False: there is nothing left that could ever happen.</summary>
    private bool Step()
    {
        while (true)
        {
            _runnable.Clear();
            long next = long.MaxValue;
            foreach (SimulatedProcess process in _processes)
            {
                process.CollectRunnable(_runnable, ref next);
            }
            bool isDue = false;
            if (_events.TryPeek(out _, out (long Nanos, long Number) first))
            {
                isDue = first.Nanos <= NowNanos;
                next = Math.Min(next, first.Nanos);
            }
            int choices = _runnable.Count + (isDue ? 1 : 0);
            if (choices > 0)
            {
                RunChoice(choices == 1 ? 0 : Random.Below(choices));
                return true;
            }
            if (next == long.MaxValue)
            {
                return false;
            }
            NowNanos = Math.Max(NowNanos, next);
        }
    }

    private void RunChoice(int choice)
    {
        if (choice < _runnable.Count)
        {
            SimulatedIo io = _runnable[choice];
            Trace.AddRoutine(NowNanos, "turn", io.Number);
            io.RunTurn();
            NowNanos += Random.Between(200, TurnNanosMax);
            return;
        }
        (string kind, Action run) = _events.Dequeue();
        Trace.AddRoutine(NowNanos, kind);
        try
        {
            run();
        }
        catch (ProcessEnded)
        {
            // The event did something for a process that came to its end over it.
        }
    }

    private async Task RunClient(Func<Task> client, TaskCompletionSource done)
    {
        try
        {
            await client();
        }
        catch (ProcessEnded)
        {
            // The process that this was about came to its end in one of its own system calls.
        }
        catch (Exception error)
        {
            Fail($"a client failed: {error}", error);
        }
        done.SetResult();
    }

    private void ThrowIfFailed()
    {
        if (_failure is not null)
        {
            throw _failure;
        }
    }
}
