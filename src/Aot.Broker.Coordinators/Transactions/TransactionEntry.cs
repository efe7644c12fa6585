using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// A transactional id with what only its living coordinator knows: whose turn it is to change it, and who waits for the
/// present transaction to be complete.
/// </summary>
internal sealed class TransactionEntry(string transactionalId) : IShardEntry<string>
{
    private readonly List<TaskCompletionSource> _awaitingCompletion = [];

    /// <summary>The transactional id.</summary>
    public string Key { get; } = transactionalId;

    /// <summary>As committed in the log; null while the first initialization is under way.</summary>
    public TransactionMetadata? Metadata { get; set; }

    public Turnstile Turn { get; } = new();

    public bool IsUnused => Metadata is null && Turn.IsFree;

    /// <summary>Returns when the markers of the present transaction are written, or after the given time.</summary>
    public async Task WhenCompleteAsync(Core core, long millisecondsMax)
    {
        TaskCompletionSource complete = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TimerHandle timer = core.Timers.Schedule(
            core.NowMillis + millisecondsMax,
            new TimerAction(() => complete.TrySetResult()),
            0
        );
        _awaitingCompletion.Add(complete);
        await complete.Task;
        _awaitingCompletion.Remove(complete);
        core.Timers.Cancel(timer);
    }

    public void SignalComplete()
    {
        foreach (TaskCompletionSource waiting in _awaitingCompletion)
        {
            waiting.TrySetResult();
        }
    }
}
