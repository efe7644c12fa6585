using Aot.Perf.Client;
using Aot.Perf.Measure;
using Aot.Perf.Records;

namespace Aot.Perf.Loads;

/// <summary>
/// The producers of a load. With a rate, each batch has its time, and its latency counts from there whether it could be sent
/// then or not (an open loop, without coordinated omission); else the next follows an answer (a closed loop).
/// </summary>
internal sealed class Producers
{
    private const long Second = 1_000_000_000;
    private const double DrainSeconds = 30;

    private readonly ProduceLane[] _lanes;
    private readonly double _interval;
    private double _nextDue;
    private int _next;

    public Producers(EventLoop loop, LoadPlan plan, Meter meter)
    {
        BatchTemplate template = new(plan.Shape, plan.TransactionBatches > 0);
        _lanes = new ProduceLane[plan.Connections];
        for (int i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new ProduceLane(loop, plan, meter, template, i);
        }
        _interval = plan.Rate > 0 ? Second * plan.Shape.PerBatch / plan.Rate : 0;
    }

    public long Transactions => _lanes.Sum(lane => lane.Transactions);

    public void Start(long now) => _nextDue = now;

    /// <summary>Sends what is due; returns when it is to be called again at the latest.</summary>
    public long Send(long now)
    {
        if (_interval == 0)
        {
            foreach (ProduceLane lane in _lanes)
            {
                while (lane.TrySend(EventLoop.Now)) { }
            }
            return long.MaxValue;
        }
        while (_nextDue <= now)
        {
            if (!TrySendOne((long)_nextDue))
            {
                // All that is under way has to come back first: the next event is an answer.
                return long.MaxValue;
            }
            _nextDue += _interval;
        }
        return (long)_nextDue;
    }

    /// <summary>Waits for all answers, and ends open transactions.</summary>
    public void Drain(EventLoop loop)
    {
        long limit = EventLoop.Now + (long)(DrainSeconds * Second);
        while (_lanes.Any(lane => lane.InFlight > 0))
        {
            if (EventLoop.Now > limit)
            {
                throw new LoadException($"requests are without an answer {DrainSeconds} s after the end");
            }
            loop.Turn(limit);
        }
        foreach (ProduceLane lane in _lanes)
        {
            lane.EndTransaction();
        }
    }

    private bool TrySendOne(long due)
    {
        for (int i = 0; i < _lanes.Length; i++)
        {
            ProduceLane lane = _lanes[_next];
            _next = (_next + 1) % _lanes.Length;
            if (lane.TrySend(due))
            {
                return true;
            }
        }
        return false;
    }
}
