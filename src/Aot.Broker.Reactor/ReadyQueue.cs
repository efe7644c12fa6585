using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>Work that a core runs as soon as network and mail had their share of the turn. Owner: one core.</summary>
internal sealed class ReadyQueue(Core core)
{
    /// <summary>Work per turn; the rest waits for the next, so that async code cannot starve the sockets.</summary>
    private const int WorkPerTurn = 256;

    private readonly Queue<Ready> _queue = new(1024);

    /// <summary>Either work of the data plane, or a continuation with its state.</summary>
    private readonly record struct Ready(ITurnEnd? Work, SendOrPostCallback? Continuation, object? State);

    public bool IsEmpty => _queue.Count == 0;

    [HotPath]
    public void Add(ITurnEnd work) => _queue.Enqueue(new Ready(work, null, null));

    public void Add(SendOrPostCallback continuation, object? state) =>
        _queue.Enqueue(new Ready(null, continuation, state));

    [HotPath]
    public void Run()
    {
        for (int left = WorkPerTurn; _queue.Count > 0; left--)
        {
            if (left == 0)
            {
                core.Statistics.BudgetExhausted++;
                return;
            }
            Ready ready = _queue.Dequeue();
            if (ready.Work is not null)
            {
                ready.Work.OnTurnEnd();
                core.Ran(TurnPart.Ready, ready.Work);
            }
            else
            {
                ready.Continuation!(ready.State);
                core.Ran(TurnPart.Ready, ready.Continuation);
            }
        }
    }
}
