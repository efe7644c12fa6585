using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Reactor;
using Reported = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatRequest.TaskOffset;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>What the record of a streams group itself says, besides its members and its topology.</summary>
/// <param name="Epoch">Grows with each change that a new division of the tasks has to follow; a new group begins at 1.</param>
/// <param name="MetadataHash">A hash over the required topics as they were at that epoch.</param>
/// <param name="ValidatedTopologyEpoch">Of the topology that the topics fit; -1 while they do not.</param>
/// <param name="Settings">Those that the last division was made with.</param>
/// <param name="StoredDescriptionEpoch">Of the topology whose description a plug-in keeps; carried along for Apache Kafka.</param>
/// <param name="FailedDescriptionEpoch">As the one before, where the plug-in refused it.</param>
public sealed record StreamsGroupState(
    int Epoch,
    long MetadataHash,
    int ValidatedTopologyEpoch,
    IReadOnlyList<AssignmentSetting> Settings,
    int StoredDescriptionEpoch = -1,
    int FailedDescriptionEpoch = -1
)
{
    public static StreamsGroupState Initial { get; } = new(1, 0, -1, []);

    /// <summary>Whether nothing differs that a new division of the tasks would have to follow.</summary>
    public bool HasSameDivision(StreamsGroupState other) =>
        MetadataHash == other.MetadataHash
        && ValidatedTopologyEpoch == other.ValidatedTopologyEpoch
        && Settings.SequenceEqual(other.Settings);
}

/// <summary>
/// A group of the members of a Kafka Streams application, whose tasks the broker divides (KIP-1071). What its records say:
/// members, topology, epochs, the target. It changes by them only (<see cref="StreamsReplay"/>), at load and while running
/// alike. Beside them it has what lives in memory only: timers, how far members' state is, who asked for a shutdown, where
/// queries are answered. Owned by the shard's core.
///
/// Invariants: an active task has at most one holder; every static instance name points to a member.
/// </summary>
public sealed class StreamsGroup(string groupId) : ShardGroup(groupId)
{
    public const string Type = "streams";

    private const int InitialTargetEpoch = 1;

    private readonly Dictionary<string, StreamsMember> _members = [];
    private readonly Dictionary<string, string> _staticMembers = [];
    private readonly Dictionary<string, MemberTasks> _targets = [];
    private readonly Dictionary<string, MemberTimers> _timers = [];
    private readonly Dictionary<string, TaskOffsets> _offsets = [];

    public override string TypeName => Type;

    public override string ProtocolTypeName => Type;

    public override bool IsVacant => _members.Count == 0;

    public override long? UnusedSinceMs => null;

    public StreamsGroupState State { get; private set; } = StreamsGroupState.Initial;

    public int Epoch => State.Epoch;

    /// <summary>Null between the records that make a group, and in one that Apache Kafka left so.</summary>
    public StreamsTopology? Topology { get; private set; }

    /// <summary>The group epoch that the target belongs to.</summary>
    public int TargetEpoch { get; private set; } = InitialTargetEpoch;

    /// <summary>Wall clock of that decision; 0 = there was none since the group had nobody in it.</summary>
    public long TargetTimestampMs { get; private set; }

    public IReadOnlyCollection<StreamsMember> Members => _members.Values;

    public override string StateName =>
        _members.Count == 0 ? "Empty"
        : Topology?.Epoch != State.ValidatedTopologyEpoch ? "NotReady"
        : Epoch > TargetEpoch ? "Assigning"
        : _members.Values.All(member => member.HasReached(TargetEpoch)) ? "Stable"
        : "Reconciling";

    public override IReadOnlySet<string> SubscribedTopics =>
        _members.Count == 0 || Topology is null ? new HashSet<string>() : Topology.SourceTopics;

    internal override IEnumerable<CoordinatorRecord> Tombstones => StreamsGroupRecords.ForgetGroup(this);

    internal override void Start(GroupShard shard) => shard.Streams.RestartTimers(this);

    internal override void Stop(GroupShard shard) => shard.Streams.StopTimers(this);

    public StreamsMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    public StreamsMember? FindStatic(string instanceId) =>
        _staticMembers.TryGetValue(instanceId, out string? memberId) ? Find(memberId) : null;

    /// <summary>What the member shall have; empty for somebody whom no decision knows yet.</summary>
    public MemberTasks Target(string memberId) => _targets.GetValueOrDefault(memberId, MemberTasks.Empty);

    public IEnumerable<string> TargetMembers => _targets.Keys;

    // In memory only ---------------------------------------------------------------------------------------------------

    /// <summary>The topology as the topics of <see cref="ConfiguredImage"/> have it.</summary>
    internal ConfiguredTopology? Configured { get; set; }

    internal MetadataImage? ConfiguredImage { get; set; }

    /// <summary>Runs while the first member of an empty group waits for company: nobody gets tasks until then.</summary>
    internal TimerHandle? InitialDelay { get; set; }

    /// <summary>The member that asked for the end of the whole application; forgotten when nobody is left.</summary>
    internal string? ShutdownRequestedBy { get; set; }

    /// <summary>Grows with each change of the members' endpoints or of what they answer for.</summary>
    internal int EndpointEpoch { get; set; }

    internal TaskOffsets OffsetsOf(string memberId) => _offsets.GetValueOrDefault(memberId, TaskOffsets.None);

    /// <summary>What a member's heartbeat says of its state; null: nothing.</summary>
    internal void Report(string memberId, List<Reported>? positions, List<Reported>? ends)
    {
        if (positions is not null || ends is not null)
        {
            _offsets[memberId] = OffsetsOf(memberId).Update(positions, ends);
        }
    }

    internal MemberTimers TimersOf(string memberId)
    {
        if (!_timers.TryGetValue(memberId, out MemberTimers? timers))
        {
            _timers[memberId] = timers = new MemberTimers();
        }
        return timers;
    }

    internal IEnumerable<MemberTimers> Timers => _timers.Values;

    // Changes by records -----------------------------------------------------------------------------------------------

    internal void SetState(StreamsGroupState state) => State = state;

    internal void SetTopology(StreamsTopology? topology)
    {
        Topology = topology;
        Configured = null;
    }

    internal void SetTargetEpoch(int epoch, long timestampMs)
    {
        TargetEpoch = epoch;
        TargetTimestampMs = timestampMs;
    }

    internal void SetTarget(string memberId, MemberTasks? target)
    {
        if (target is null)
        {
            _targets.Remove(memberId);
        }
        else
        {
            _targets[memberId] = target;
        }
    }

    /// <summary>Adds the member, or changes it.</summary>
    internal void Set(StreamsMember member)
    {
        ForgetInstance(member.MemberId);
        _members[member.MemberId] = member;
        if (member.InstanceId is not null)
        {
            _staticMembers[member.InstanceId] = member.MemberId;
        }
    }

    internal void Remove(string memberId)
    {
        ForgetInstance(memberId);
        _members.Remove(memberId);
        _timers.Remove(memberId);
        _offsets.Remove(memberId);
        if (_members.Count == 0)
        {
            ShutdownRequestedBy = null;
        }
    }

    private void ForgetInstance(string memberId)
    {
        if (Find(memberId)?.InstanceId is { } instanceId && _staticMembers.GetValueOrDefault(instanceId) == memberId)
        {
            _staticMembers.Remove(instanceId);
        }
    }
}
