using Aot.Broker.Bench.Rig;
using Aot.Broker.Reactor;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// A million timers over ten minutes, the wheel against the runtime's heap. A heap cannot take out an element
/// that is not its first, so a cancelled one is marked and leaves when its time comes: "cancel" is therefore the whole
/// way, all cancelled and then the time passed. Each run starts from a structure with room for all.
/// </summary>
[WarmupCount(1), IterationCount(8)]
public class TimerWheels
{
    private const int TimersFull = 1_000_000;
    private const int SpanMillis = 600_000;

    private readonly CountingTarget _target = new();
    private long[] _deadlines = [];
    private int[] _order = [];
    private TimerHandle[] _handles = [];
    private bool[] _cancelled = [];
    private TimerWheel _wheel = null!;
    private PriorityQueue<int, long> _queue = null!;

    internal static int Timers => BenchSize.Of(TimersFull, 2_000);

    internal static int Span => BenchSize.Of(SpanMillis, 70_000);

    [GlobalSetup]
    public void SetUp()
    {
        Random random = new(1);
        _deadlines = new long[Timers];
        _order = new int[Timers];
        _handles = new TimerHandle[Timers];
        for (int i = 0; i < Timers; i++)
        {
            _deadlines[i] = 1 + random.Next(Span);
            _order[i] = i;
        }
        random.Shuffle(_order);
    }

    [IterationSetup(Targets = [nameof(HeapSchedule), nameof(WheelSchedule)])]
    public void MakeEmpty()
    {
        _target.Clear();
        _cancelled = new bool[Timers];
        _wheel = new TimerWheel(0, Timers);
        _queue = new PriorityQueue<int, long>(Timers);
    }

    [IterationSetup(Targets = [nameof(HeapCancel), nameof(HeapFire)])]
    public void FillHeap()
    {
        MakeEmpty();
        HeapSchedule();
    }

    [IterationSetup(Targets = [nameof(WheelCancel), nameof(WheelFire)])]
    public void FillWheel()
    {
        MakeEmpty();
        WheelSchedule();
    }

    [BenchmarkCategory("schedule"), Benchmark(Baseline = true, OperationsPerInvoke = TimersFull)]
    public long HeapSchedule()
    {
        for (int i = 0; i < _deadlines.Length; i++)
        {
            _queue.Enqueue(i, _deadlines[i]);
        }
        return _queue.Count;
    }

    [BenchmarkCategory("schedule"), Benchmark(OperationsPerInvoke = TimersFull), DataPlane]
    public long WheelSchedule()
    {
        for (int i = 0; i < _deadlines.Length; i++)
        {
            _handles[i] = _wheel.Schedule(_deadlines[i], _target, i);
        }
        return _wheel.Count;
    }

    [BenchmarkCategory("cancel"), Benchmark(Baseline = true, OperationsPerInvoke = TimersFull)]
    public long HeapCancel()
    {
        foreach (int timer in _order)
        {
            _cancelled[timer] = true;
        }
        return HeapFire();
    }

    [BenchmarkCategory("cancel"), Benchmark(OperationsPerInvoke = TimersFull), DataPlane]
    public long WheelCancel()
    {
        foreach (int timer in _order)
        {
            _wheel.Cancel(_handles[timer]);
        }
        return WheelFire();
    }

    [BenchmarkCategory("fire"), Benchmark(Baseline = true, OperationsPerInvoke = TimersFull)]
    public long HeapFire()
    {
        for (int now = 1; now <= Span; now++)
        {
            while (_queue.TryPeek(out int timer, out long deadline) && deadline <= now)
            {
                _queue.Dequeue();
                if (!_cancelled[timer])
                {
                    _target.OnTimer(timer);
                }
            }
        }
        return _target.Sum;
    }

    [BenchmarkCategory("fire"), Benchmark(OperationsPerInvoke = TimersFull), DataPlane]
    public long WheelFire()
    {
        for (int now = 1; now <= Span; now++)
        {
            _wheel.Advance(now);
        }
        return _target.Sum;
    }
}
