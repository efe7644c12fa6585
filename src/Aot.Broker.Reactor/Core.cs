using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>What a core is made of. The Linux group and the simulator fill it differently; the core does not notice.</summary>
public sealed class CoreParts
{
    public required CoreIo Io { get; init; }

    public required Disk Disk { get; init; }

    public required BufferPool Buffers { get; init; }

    /// <summary>Request bytes in flight of this core.</summary>
    public required CoreMemoryBudget Budget { get; init; }

    /// <summary>The same of all cores together; <see cref="Budget"/> lies under it.</summary>
    public required ProcessMemoryBudget ProcessBudget { get; init; }

    public required BackgroundPool Background { get; init; }

    /// <summary>Null = <see cref="Background"/> does it, too.</summary>
    public BackgroundPool? Compute { get; init; }

    public Logger? Log { get; init; }

    /// <summary>
    /// An exception came out of a callback or an async method of this core: our fault, since errors from outside are
    /// values. Null = print and stop the process.
    /// </summary>
    public Action<Core, Exception>? OnUnhandled { get; init; }
}

/// <summary>
/// One core of the broker: a loop that owns connections, partitions, buffers and timers, and shares nothing.
/// </summary>
/// <remarks>
/// Owner: its thread (pinned), or, without a thread, whoever steps it with <see cref="RunTurn"/>. All members are for
/// that thread only, except <see cref="PostFromThread"/>, RunFromThreadAsync, <see cref="RequestStop"/> and
/// <see cref="Statistics"/>.
/// Time: <see cref="NowNanos"/> and its relatives are read once, at the beginning of a turn.
/// Lifetime: from its group's creation to the end of the process or of the group.
/// Non-goals: fairness between callbacks of one turn beyond the stated budgets; preemption.
/// </remarks>
public sealed class Core
{
    /// <summary>Rounds of turn-end work: a log's flush makes connections dirty, which are flushed in the same turn.</summary>
    private const int TurnEndRounds = 8;

    /// <summary>Work of one turn's end before the lists grow.</summary>
    private const int TurnEndFilled = 1024;

    /// <summary>How often buffers that a burst needed and nobody has used since go back to the kernel.</summary>
    private const int TrimEveryMillis = 10_000;

    [ThreadStatic]
    private static Core? s_current;

    private readonly CoreContext _context;
    private readonly StallDetector _stalls;
    private readonly Action<Core, Exception>? _onUnhandled;
    private readonly ReadyQueue _ready;
    private readonly Attachments _attachments = new();
    private List<ITurnEnd> _turnEnd = new(TurnEndFilled);
    private List<ITurnEnd> _turnEndRunning = new(TurnEndFilled);
    private IReadOnlyList<Core> _peers;
    private volatile bool _stopRequested;
    private volatile bool _hasStopped;

    /// <summary>A core without a thread. Join the cores of a group with <see cref="Connect"/> before the first turn.</summary>
    public Core(CoreIndex index, CoreParts parts)
    {
        Index = index;
        Io = parts.Io;
        Disk = parts.Disk;
        Buffers = parts.Buffers;
        Budget = parts.Budget;
        ProcessBudget = parts.ProcessBudget;
        Background = parts.Background;
        Compute = parts.Compute ?? parts.Background;
        _onUnhandled = parts.OnUnhandled;
        _peers = [this];
        _context = new CoreContext(this);
        _stalls = new StallDetector(this, parts.Log);
        _ready = new ReadyQueue(this);
        Mailboxes = new CoreMail(this);
        Io.Bind(this);
        ReadClock();
        Timers = new TimerWheel(NowMillis);
        Purgatory = new Purgatory(Timers);
    }

    /// <summary>The core whose callback runs on this thread, if any.</summary>
    public static Core? Current => s_current;

    public CoreIndex Index { get; }

    public int CoreCount => _peers.Count;

    /// <summary>All cores of the group by index, this one included.</summary>
    public IReadOnlyList<Core> Peers => _peers;

    public CoreIo Io { get; }

    public Disk Disk { get; }

    public BufferPool Buffers { get; }

    /// <summary>Request bytes in flight of this core, under <see cref="ProcessBudget"/>.</summary>
    public CoreMemoryBudget Budget { get; }

    public ProcessMemoryBudget ProcessBudget { get; }

    public TimerWheel Timers { get; }

    public Purgatory Purgatory { get; }

    /// <summary>For work that may wait for a disk.</summary>
    public BackgroundPool Background { get; }

    /// <summary>For work that computes for long: it must not keep the syncs and writes of <see cref="Background"/> waiting.</summary>
    public BackgroundPool Compute { get; }

    public CoreStatistics Statistics { get; } = new();

    /// <summary>The monotonic clock at the beginning of the turn.</summary>
    public long NowNanos { get; private set; }

    /// <summary>The same in milliseconds: the clock of timers and purgatory deadlines.</summary>
    public long NowMillis { get; private set; }

    /// <summary>Milliseconds since the epoch at the beginning of the turn.</summary>
    public long WallMillis { get; private set; }

    internal CoreMail Mailboxes { get; }

    internal bool HasStopped => _hasStopped;

    /// <summary>Gives the cores of a group their peers and mailboxes.</summary>
    public static void Connect(IReadOnlyList<Core> cores)
    {
        for (int i = 0; i < cores.Count; i++)
        {
            Invariant.That(cores[i].Index.Value == i);
            cores[i]._peers = cores;
        }
        CoreMail.Connect(cores);
    }

    public ulong NextRandom() => Io.Random();

    // Mail -----------------------------------------------------------------------------------------------------------

    /// <summary>Data plane. False = the mailbox is full: the caller keeps the work and comes back through <see cref="WhenMailboxDrains"/>.</summary>
    [HotPath]
    public bool TryPost(CoreIndex target, in Mail mail)
    {
        Mail sent = mail;
        sent.From = Index;
        return Mailboxes.TryPost(target, sent);
    }

    /// <summary>Control plane. A full mailbox spills into a bounded queue that is drained in order.</summary>
    public void Post(CoreIndex target, in Mail mail)
    {
        Mail sent = mail;
        sent.From = Index;
        Mailboxes.Post(target, sent);
    }

    /// <summary>Runs <paramref name="retry"/> once when the mailbox to the target has room again.</summary>
    public void WhenMailboxDrains(CoreIndex target, ITurnEnd retry) => Mailboxes.WhenMailboxDrains(target, retry);

    /// <summary>From a helper thread to this core.</summary>
    public void PostFromThread(in Mail mail)
    {
        Mail sent = mail;
        sent.From = new CoreIndex(-1);
        Mailboxes.PostFromThread(sent);
    }

    // Work -----------------------------------------------------------------------------------------------------------

    /// <summary>Runs the work later in this turn, or in the next when this turn's budget is used up.</summary>
    [HotPath]
    public void RunLater(ITurnEnd work) => _ready.Add(work);

    /// <summary>Runs the work once at the end of this turn. The caller sees to it that it is added once.</summary>
    [HotPath]
    public void AtTurnEnd(ITurnEnd work) => _turnEnd.Add(work);

    /// <summary>Starts async control-plane work that nobody awaits; what it throws is an unhandled exception of this core.</summary>
    public void Spawn(Func<Core, ValueTask> work)
    {
        Enqueue(static state => ((SpawnedWork)state!).Start(), new SpawnedWork(this, work));
    }

    /// <summary>Control plane: runs the work on the target and continues here; inline when the target is this core.</summary>
    public Task<T> CallAsync<T>(CoreIndex target, Func<Core, ValueTask<T>> work) =>
        target == Index ? InlineAsync(this, work) : new CrossCall<T>(work).Start(this, _peers[target.Value]);

    public Task CallAsync(CoreIndex target, Func<Core, ValueTask> work) => CallAsync(target, AsValue(work));

    /// <summary>The work on every core of the group, at the same time; done when all are.</summary>
    public Task RunOnAllAsync(Func<Core, ValueTask> work)
    {
        Task[] calls = new Task[CoreCount];
        for (int i = 0; i < calls.Length; i++)
        {
            calls[i] = CallAsync(new CoreIndex(i), work);
        }
        return CoreTasks.AllAsync(calls);
    }

    /// <summary>From a thread that is no core (start-up, tests): the work on this core.</summary>
    public Task<T> RunFromThreadAsync<T>(Func<Core, ValueTask<T>> work) => new CrossCall<T>(work).StartFromThread(this);

    public Task RunFromThreadAsync(Func<Core, ValueTask> work) => RunFromThreadAsync(AsValue(work));

    /// <summary>Runs a blocking function on a helper thread and continues here.</summary>
    public Task<T> RunInBackgroundAsync<T>(Func<T> blockingWork)
    {
        BackgroundCall<T> call = new(blockingWork);
        Background.Run(this, call);
        return call.Task;
    }

    public Task DelayAsync(long milliseconds)
    {
        Delay delay = new();
        Timers.Schedule(NowMillis + Math.Max(0, milliseconds), delay, 0);
        return delay.Task;
    }

    // What a core owns -----------------------------------------------------------------------------------------------

    /// <summary>The part of this type that was attached; it has to be there.</summary>
    public T Get<T>()
        where T : class
    {
        T? part = _attachments.Find<T>();
        Invariant.That(part is not null);
        return part;
    }

    public T? Find<T>()
        where T : class => _attachments.Find<T>();

    /// <summary>Attaches a part of the broker to this core, one per type. Not replaced, not removed.</summary>
    public void Set<T>(T part)
        where T : class => _attachments.Add(part);

    // The loop -------------------------------------------------------------------------------------------------------

    /// <summary>The loop of a core's own thread, until <see cref="RequestStop"/>.</summary>
    internal void Run()
    {
        Enter();
        Io.Start();
        Timers.Schedule(NowMillis + TrimEveryMillis, new Trimming(this), 0);
        while (!_stopRequested)
        {
            Turn();
        }
        Io.Dispose();
        _hasStopped = true;
        Leave(null, null);
    }

    /// <summary>One turn for a core without a thread. Its Io's SubmitAndWait must not block.</summary>
    public void RunTurn()
    {
        Core? outer = s_current;
        SynchronizationContext? outerContext = SynchronizationContext.Current;
        Enter();
        Turn();
        Leave(outer, outerContext);
    }

    /// <summary>Ends the loop after the current turn. Any thread.</summary>
    public void RequestStop()
    {
        _stopRequested = true;
        Io.Wake();
    }

    private void Turn()
    {
        try
        {
            BeginTurn();
            Statistics.IoCallbacks += Io.Dispatch();
            Mailboxes.WakeTouched();
            Mailboxes.Drain();
            Mailboxes.RetryWaiting();
            Mailboxes.WakeTouched();
            Timers.Advance(NowMillis);
            Ran(TurnPart.Timer, Timers);
            _ready.Run();
            Mailboxes.WakeTouched();
            RunTurnEnd();
            Mailboxes.WakeTouched();
            _stalls.EndTurn();
        }
        catch (Exception error)
        {
            UnhandledSlow(error);
        }
        Io.SubmitAndWait(SleepUntil());
    }

    /// <summary>Tells the stall detector what has just run.</summary>
    [HotPath]
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Ran(TurnPart part, object target) => _stalls.Ran(part, target);

    internal void Enqueue(SendOrPostCallback callback, object? state) => _ready.Add(callback, state);

    internal bool IsPeerOf(Core other) => ReferenceEquals(_peers, other._peers);

    private void BeginTurn()
    {
        Statistics.Turns++;
        Mailboxes.AwakeAgain();
        ReadClock();
        _stalls.BeginTurn();
    }

    private void ReadClock()
    {
        NowNanos = Io.MonotonicNanos();
        long millis = NowNanos / 1_000_000;
        if (millis != NowMillis)
        {
            NowMillis = millis;
            WallMillis = Io.WallMillis();
        }
    }

    [HotPath]
    private void RunTurnEnd()
    {
        for (int round = 0; _turnEnd.Count > 0 && round < TurnEndRounds; round++)
        {
            (_turnEnd, _turnEndRunning) = (_turnEndRunning, _turnEnd);
            foreach (ITurnEnd work in _turnEndRunning)
            {
                work.OnTurnEnd();
                Ran(TurnPart.TurnEnd, work);
            }
            _turnEndRunning.Clear();
        }
    }

    /// <summary>The monotonic time until which nothing can happen but I/O, mail or a stop; now or earlier = do not wait.</summary>
    private long SleepUntil()
    {
        if (!_ready.IsEmpty || _turnEnd.Count > 0 || _stopRequested || !Mailboxes.TryFallAsleep())
        {
            return 0;
        }
        Statistics.Sleeps++;
        return Timers.NextDeadlineMillis is { } millis ? millis * 1_000_000 : long.MaxValue;
    }

    private void Enter()
    {
        s_current = this;
        SynchronizationContext.SetSynchronizationContext(_context);
    }

    private static void Leave(Core? outer, SynchronizationContext? outerContext)
    {
        s_current = outer;
        SynchronizationContext.SetSynchronizationContext(outerContext);
    }

    private void UnhandledSlow(Exception error)
    {
        _turnEndRunning.Clear();
        if (_onUnhandled is not null)
        {
            _onUnhandled(this, error);
            return;
        }
        string message = $"unhandled exception on core {Index}: {error}";
        Console.Error.WriteLine(message);
        Environment.FailFast(message, error);
    }

    private static async Task<T> InlineAsync<T>(Core core, Func<Core, ValueTask<T>> work) => await work(core);

    private static Func<Core, ValueTask<bool>> AsValue(Func<Core, ValueTask> work) =>
        async core =>
        {
            await work(core);
            return true;
        };

    private sealed class Trimming(Core core) : ITimerTarget
    {
        public void OnTimer(long token)
        {
            core.Buffers.Trim();
            core.Timers.Schedule(core.NowMillis + TrimEveryMillis, this, 0);
        }
    }

    private sealed class SpawnedWork(Core core, Func<Core, ValueTask> work)
    {
        public async void Start() => await work(core);
    }
}
