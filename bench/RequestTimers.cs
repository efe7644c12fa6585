using Aot.Broker.Bench.Rig;
using Aot.Broker.Reactor;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// The life of request time-outs with a million of them waiting at any time: one is scheduled, the oldest is cancelled
/// because its request was answered, a millisecond passes with every 32nd. None ever fires. One operation is all three.
/// </summary>
public class RequestTimers
{
    private const int WaitingFull = 1_000_000;
    private const int PerInvoke = 1024;
    private const int PerMillisecond = 32;

    /// <summary>Twice as long as a timer waits, as a request's time-out is far longer than the request.</summary>
    private static long TimeoutMillis => 2 * Waiting / PerMillisecond;

    private readonly CountingTarget _target = new();
    private TimerHandle[] _handles = [];
    private bool[] _cancelled = [];
    private TimerWheel _wheel = null!;
    private PriorityQueue<int, long> _queue = null!;
    private int _wheelAt;
    private int _queueAt;
    private long _wheelNow;
    private long _queueNow;

    internal static int Waiting => BenchSize.Of(WaitingFull, 2048);

    internal int WheelWaiting => _wheel.Count;

    [GlobalSetup]
    public void SetUp()
    {
        _wheelAt = _queueAt = 0;
        _wheelNow = _queueNow = 0;
        _handles = new TimerHandle[Waiting];
        _wheel = new TimerWheel(0, Waiting + 1);
        // In the heap a timer outlives its cancellation, twice as many are in it.
        _cancelled = new bool[4 * Waiting];
        _queue = new PriorityQueue<int, long>(4 * Waiting);
        Array.Fill(_handles, TimerHandle.None);
        for (int done = 0; done < 3 * Waiting; done += PerInvoke)
        {
            Wheel();
            Heap();
        }
    }

    [Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke)]
    public long Heap()
    {
        for (int i = 0; i < PerInvoke; i++)
        {
            int timer = _queueAt;
            _queueAt = timer + 1 == _cancelled.Length ? 0 : timer + 1;
            _cancelled[timer] = false;
            _queue.Enqueue(timer, _queueNow + TimeoutMillis);
            int oldest = timer - Waiting;
            _cancelled[oldest < 0 ? oldest + _cancelled.Length : oldest] = true;
            if (timer % PerMillisecond == 0)
            {
                _queueNow++;
                while (_queue.TryPeek(out int first, out long deadline) && deadline <= _queueNow)
                {
                    _queue.Dequeue();
                    if (!_cancelled[first])
                    {
                        _target.OnTimer(1);
                    }
                }
            }
        }
        return _target.Sum;
    }

    [Benchmark(OperationsPerInvoke = PerInvoke), DataPlane]
    public long Wheel()
    {
        for (int i = 0; i < PerInvoke; i++)
        {
            int timer = _wheelAt;
            _wheelAt = timer + 1 == _handles.Length ? 0 : timer + 1;
            _wheel.Cancel(_handles[timer]);
            _handles[timer] = _wheel.Schedule(_wheelNow + TimeoutMillis, _target, 1);
            if (timer % PerMillisecond == 0)
            {
                _wheel.Advance(++_wheelNow);
            }
        }
        return _target.Sum;
    }
}
