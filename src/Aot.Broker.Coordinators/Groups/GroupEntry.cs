using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// A group with what only its living coordinator knows: the timers of a rebalance and who still has to sync. None of
/// it is in the log: after a restart the members' sessions simply begin anew.
/// </summary>
internal sealed class GroupEntry(ClassicGroup group) : ShardGroup(group.GroupId)
{
    public ClassicGroup Group { get; } = group;

    public override string TypeName => "classic";

    public override string StateName => Group.State.ToString();

    public override string ProtocolTypeName => Group.ProtocolType ?? "";

    public override bool IsVacant => Group is { Size: 0, State: ClassicGroupState.Empty };

    public override bool IsDead => Group.State == ClassicGroupState.Dead;

    /// <summary>A group that only stores offsets has no membership that could have ended.</summary>
    public override long? UnusedSinceMs =>
        Group is { ProtocolType: not null, State: ClassicGroupState.Empty, StateTimestampMs: >= 0 }
            ? Group.StateTimestampMs
            : null;

    public override IReadOnlySet<string>? SubscribedTopics
    {
        get
        {
            HashSet<string> topics = [];
            if (Group.Members.Count == 0)
            {
                return topics;
            }
            if (Group is not { ProtocolType: ConsumerSubscription.ProtocolType, State: ClassicGroupState.Stable })
            {
                return null;
            }
            bool areKnown = Group.Members.All(member =>
                ConsumerSubscription.TryReadTopics(member.MetadataOf(Group.ProtocolName), topics)
            );
            return areKnown ? topics : null;
        }
    }

    internal override void Start(GroupShard shard) => shard.Membership.Rebalance.RestartSessions(this);

    internal override void Stop(GroupShard shard) => shard.Membership.Rebalance.Abandon(this);

    /// <summary>Also of a group that only stored offsets: Apache Kafka makes a group of them, and keeps it without this.</summary>
    internal override IEnumerable<CoordinatorRecord> Tombstones =>
        [new CoordinatorRecord(GroupRecords.GroupKey(GroupId), null)];

    /// <summary>The log has a record of the group, though nobody may have joined it yet.</summary>
    public bool IsRecorded { get; set; }

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
