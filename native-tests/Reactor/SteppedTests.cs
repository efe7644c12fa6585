using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor.Tests;

/// <summary>Cores without threads over another seam: the same loop, one turn at a time, on a clock that the test moves.</summary>
public sealed class SteppedTests : IDisposable
{
    private readonly VirtualWorld _world = new();
    private readonly CoreGroup _group;

    public SteppedTests() =>
        _group = CoreGroup.CreateStepped(
            new CoreGroupOptions { Cores = 2 },
            [new VirtualIo(_world), new VirtualIo(_world)],
            new QueuedJobs(_world)
        );

    public void Dispose() => _group.Dispose();

    [Fact]
    public void Time_passes_only_when_the_test_moves_it()
    {
        Core core = _group.Cores[0];
        List<long> fired = [];
        core.Timers.Schedule(core.NowMillis + 50, new Timer(() => fired.Add(core.NowMillis)), 0);
        for (int i = 0; i < 10; i++)
        {
            core.RunTurn();
        }
        Assert.Empty(fired);
        // The wheel may ask for an earlier turn, to move the timer down a level.
        Assert.InRange(((VirtualIo)core.Io).SleepsUntil, 1_001_000_000, 1_050_000_000);
        _world.Nanos += 50_000_000;
        core.RunTurn();
        Assert.Equal([1050], fired);
        Assert.Equal(long.MaxValue, ((VirtualIo)core.Io).SleepsUntil);
    }

    [Fact]
    public void Async_code_across_two_cores_and_a_background_job_runs_on_the_one_thread()
    {
        int thread = Environment.CurrentManagedThreadId;
        SynchronizationContext? outer = SynchronizationContext.Current;
        List<string> trace = [];
        Core first = _group.Cores[0];
        first.Spawn(async core =>
        {
            int answer = await core.CallAsync(
                new CoreIndex(1),
                async other =>
                {
                    await other.DelayAsync(5);
                    return 7;
                }
            );
            trace.Add($"{answer} at {core.NowMillis}");
            string job = await core.RunInBackgroundAsync(() =>
            {
                Assert.Null(Core.Current);
                return "job";
            });
            Assert.Same(core, Core.Current);
            trace.Add($"{job} at {core.NowMillis}");
        });
        for (int step = 0; step < 100 && trace.Count < 2; step++)
        {
            foreach (Core core in _group.Cores)
            {
                core.RunTurn();
            }
            _world.RunOneJob();
            _world.Nanos += 1_000_000;
        }
        Assert.Null(Core.Current);
        Assert.Same(outer, SynchronizationContext.Current);
        Assert.Equal(thread, Environment.CurrentManagedThreadId);
        Assert.Equal(2, trace.Count);
        Assert.Equal("7 at 1006", trace[0]);
    }

    [Fact]
    public void A_sleeping_core_is_woken_once_by_its_peer()
    {
        _group.Cores[0].RunTurn();
        _group.Cores[1].RunTurn();
        VirtualIo second = (VirtualIo)_group.Cores[1].Io;
        Assert.Equal(0, second.Wakes);
        Sink sink = new();
        _group
            .Cores[0]
            .RunLater(
                new Later(() =>
                {
                    for (int i = 0; i < 10; i++)
                    {
                        Assert.True(_group.Cores[0].TryPost(new CoreIndex(1), new Mail { Target = sink }));
                    }
                })
            );
        _group.Cores[0].RunTurn();
        Assert.Equal(1, second.Wakes);
        _group.Cores[1].RunTurn();
        Assert.Equal(10, sink.Count);
    }

    private sealed class Sink : IMailTarget
    {
        public int Count;

        public void Receive(Core core, in Mail mail) => Count++;
    }

    private sealed class Later(Action action) : ITurnEnd
    {
        public void OnTurnEnd() => action();
    }

    private sealed class Timer(Action fired) : ITimerTarget
    {
        public void OnTimer(long token) => fired();
    }

    private sealed class VirtualWorld
    {
        public long Nanos = 1_000_000_000;
        public readonly Queue<Action> Jobs = new();

        public void RunOneJob()
        {
            if (Jobs.TryDequeue(out Action? job))
            {
                job();
            }
        }
    }

    private sealed class QueuedJobs(VirtualWorld world) : BackgroundPool
    {
        public override void Run(Core core, IBackgroundJob job) =>
            world.Jobs.Enqueue(() =>
            {
                job.Run();
                PostDone(core, job);
            });

        public override void Dispose() => world.Jobs.Clear();
    }

    /// <summary>A seam with a clock and no network.</summary>
    private sealed class VirtualIo(VirtualWorld world) : CoreIo
    {
        public long SleepsUntil;
        public int Wakes;
        private ulong _random;

        public override string Name => "simulated";

        public override int Connections => 0;

        public override void Start() { }

        public override Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound)
        {
            listener = Fd.None;
            bound = endpoint;
            return Errno.EACCES;
        }

        public override void Accept(Fd listener, IAcceptTarget target) => NoNetwork();

        public override void StopAccept(Fd listener) => NoNetwork();

        public override IoHandle Attach(Fd socket, IConnectionEvents events) => throw NoNetwork();

        public override void Receive(IoHandle connection) => NoNetwork();

        public override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length) =>
            NoNetwork();

        public override long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more) => throw NoNetwork();

        public override long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more) =>
            throw NoNetwork();

        public override void ArmWritable(IoHandle connection) => NoNetwork();

        public override void Close(IoHandle connection) => NoNetwork();

        public override IPEndPoint LocalEndPoint(IoHandle connection) => throw NoNetwork();

        public override IPEndPoint RemoteEndPoint(IoHandle connection) => throw NoNetwork();

        public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token) => NoNetwork();

        public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token) =>
            NoNetwork();

        public override long MonotonicNanos() => world.Nanos;

        public override long CoarseNanos() => world.Nanos;

        public override long WallMillis() => world.Nanos / 1_000_000;

        public override ulong Random() => _random++;

        public override int Dispatch() => 0;

        public override void SubmitAndWait(long deadlineNanos) => SleepsUntil = deadlineNanos;

        public override void Wake() => Wakes++;

        public override void Dispose() { }

        private static InvalidOperationException NoNetwork()
        {
            Assert.Fail("this seam has no network and no files");
            return new InvalidOperationException();
        }
    }
}
