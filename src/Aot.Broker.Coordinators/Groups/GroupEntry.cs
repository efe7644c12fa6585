using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A group with what only its living coordinator knows: the timers of a rebalance and who still has to sync. None of
/// it is in the log: after a restart the members' sessions simply begin anew.
/// </summary>
internal sealed class GroupEntry(ClassicGroup group)
{
    public ClassicGroup Group { get; } = group;

    /// <summary>Ends the joining phase, whoever is still missing.</summary>
    public TimerHandle? JoinTimer { get; set; }

    /// <summary>True while the first rebalance of an empty group waits for company on purpose.</summary>
    public bool IsInitialDelay { get; set; }

    /// <summary>How much longer the initial delay may be extended, in milliseconds.</summary>
    public int InitialDelayLeftMs { get; set; }

    /// <summary>Throws out members that joined the generation and never asked for their assignment.</summary>
    public TimerHandle? SyncTimer { get; set; }

    public HashSet<string> AwaitedSyncs { get; } = [];

    /// <summary>Runs out for members that were given an id and did not come back with it.</summary>
    public Dictionary<string, TimerHandle> PendingTimers { get; } = [];
}

/// <summary>A timer that runs an action on its core.</summary>
internal sealed class TimerAction(Action action) : ITimerTarget
{
    public void OnTimer(long token) => action();
}
