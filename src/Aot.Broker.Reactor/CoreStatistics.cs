namespace Aot.Broker.Reactor;

/// <summary>Counters of one core. Written by that core only; other threads read values that may be a moment old.</summary>
public sealed class CoreStatistics
{
    /// <summary>Turns of the loop.</summary>
    public long Turns;

    /// <summary>Turns that ended with nothing to do, so that the core went to sleep.</summary>
    public long Sleeps;

    /// <summary>Turns longer than <see cref="Base.Limits.StallMilliseconds"/>.</summary>
    public long Stalls;

    public long LongestTurnMillis;

    /// <summary>Completions of network and files.</summary>
    public long IoCallbacks;

    public long MailReceived;

    public long MailPosted;

    /// <summary>TryPost said no because the mailbox was full.</summary>
    public long MailRefused;

    /// <summary>Control-plane mail that had to wait in the outbox.</summary>
    public long MailSpilled;

    /// <summary>Sleeping cores that this one woke.</summary>
    public long WakesSent;

    /// <summary>Times that the ready queue's budget ended before the queue did.</summary>
    public long BudgetExhausted;

    /// <summary>All counters as they are at this moment. On the core's thread they belong together.</summary>
    public void CopyTo(CoreStatistics target)
    {
        target.Turns = Turns;
        target.Sleeps = Sleeps;
        target.Stalls = Stalls;
        target.LongestTurnMillis = LongestTurnMillis;
        target.IoCallbacks = IoCallbacks;
        target.MailReceived = MailReceived;
        target.MailPosted = MailPosted;
        target.MailRefused = MailRefused;
        target.MailSpilled = MailSpilled;
        target.WakesSent = WakesSent;
        target.BudgetExhausted = BudgetExhausted;
    }
}
