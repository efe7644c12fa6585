using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>The topics that a regular expression matched, when it was last looked at.</summary>
/// <param name="Topics">In ascending order.</param>
/// <param name="MetadataVersion">Offset of the metadata image that they come from.</param>
/// <param name="TimestampMs">Wall clock.</param>
public sealed record ResolvedRegex(IReadOnlyList<string> Topics, long MetadataVersion, long TimestampMs);

/// <summary>
/// A group whose partitions the broker divides (KIP-848). What its records say: members, epochs, the target. It changes
/// by them only (<see cref="ConsumerReplay"/>), at load and while running alike. Beside them it has the timers of its
/// members. Owned by the shard's core.
///
/// Invariants: a partition has at most one holder; every static instance name points to a member.
/// </summary>
public sealed class ConsumerGroup(string groupId) : ShardGroup(groupId)
{
    private readonly Dictionary<string, ConsumerMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _staticMembers = [];
    private readonly Dictionary<string, PartitionSet> _targets = [];
    private readonly Dictionary<KafkaUuid, Dictionary<int, string>> _holders = [];
    private readonly Dictionary<string, ResolvedRegex> _regexes = [];
    private readonly Dictionary<string, MemberTimers> _timers = [];

    public override string TypeName => "consumer";

    public override string ProtocolTypeName => ConsumerSubscription.ProtocolType;

    public override bool IsVacant => _members.Count == 0;

    public override long? UnusedSinceMs => null;

    /// <summary>Grows with each change that a new division of the partitions has to follow.</summary>
    public int Epoch { get; private set; }

    /// <summary>A hash over the subscribed topics as they were at that epoch.</summary>
    public long MetadataHash { get; private set; }

    /// <summary>The group epoch that the target belongs to.</summary>
    public int TargetEpoch { get; private set; }

    /// <summary>Wall clock of that decision; 0 = unknown.</summary>
    public long TargetTimestampMs { get; private set; }

    public IReadOnlyCollection<ConsumerMember> Members => _members.Values;

    public IReadOnlyDictionary<string, ResolvedRegex> Regexes => _regexes;

    /// <summary>The image that <see cref="MetadataHash"/> was last compared with.</summary>
    internal MetadataImage? ComparedImage { get; set; }

    /// <summary>Decides the next target, where that has to wait a little.</summary>
    internal TimerHandle? TargetTimer { get; set; }

    /// <summary>True from a subscription by expression until its topics are found.</summary>
    internal bool IsResolving { get; set; }

    /// <summary>Topics came or went meanwhile.</summary>
    internal bool MustResolveAgain { get; set; }

    public override string StateName
    {
        get
        {
            if (_members.Count == 0)
            {
                return "Empty";
            }
            if (Epoch > TargetEpoch)
            {
                return "Assigning";
            }
            return _members.Values.All(member => member.HasReached(TargetEpoch)) ? "Stable" : "Reconciling";
        }
    }

    public override IReadOnlySet<string> SubscribedTopics
    {
        get
        {
            HashSet<string> topics = [];
            foreach (ConsumerMember member in _members.Values)
            {
                topics.UnionWith(TopicsOf(member));
            }
            return topics;
        }
    }

    internal override void Start(GroupShard shard) => shard.Consumers.RestartTimers(this);

    internal override void Stop(GroupShard shard) => shard.Consumers.StopTimers(this);

    internal override IEnumerable<CoordinatorRecord> Tombstones => ConsumerGroupRecords.ForgetGroup(this);

    public ConsumerMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    /// <summary>The same for an id that is no string yet.</summary>
    [HotPath]
    internal ConsumerMember? Find(ReadOnlySpan<char> memberId) =>
        _members.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(memberId, out ConsumerMember? member)
            ? member
            : null;

    public ConsumerMember? FindStatic(string instanceId) =>
        _staticMembers.TryGetValue(instanceId, out string? memberId) ? Find(memberId) : null;

    /// <summary>What the member shall have; empty for somebody whom no decision knows yet.</summary>
    public PartitionSet Target(string memberId) => _targets.GetValueOrDefault(memberId, PartitionSet.Empty);

    public IEnumerable<string> TargetMembers => _targets.Keys;

    /// <summary>Whether nobody but this member holds the partition.</summary>
    public bool IsFree(KafkaUuid topic, int partition, string memberId) =>
        !_holders.TryGetValue(topic, out Dictionary<int, string>? holders)
        || !holders.TryGetValue(partition, out string? holder)
        || holder == memberId;

    /// <summary>The names of the member's subscription and those that its expression matched, in no order.</summary>
    public IEnumerable<string> TopicsOf(ConsumerMember member) =>
        member.SubscribedRegex is { Length: > 0 } regex && _regexes.TryGetValue(regex, out ResolvedRegex? resolved)
            ? member.SubscribedNames.Union(resolved.Topics)
            : member.SubscribedNames;

    public bool UsesRegex(string regex) => _members.Values.Any(member => member.SubscribedRegex == regex);

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

    internal void SetEpoch(int epoch, long metadataHash)
    {
        Epoch = epoch;
        MetadataHash = metadataHash;
    }

    internal void SetTargetEpoch(int epoch, long timestampMs)
    {
        TargetEpoch = epoch;
        TargetTimestampMs = timestampMs;
    }

    internal void SetTarget(string memberId, PartitionSet? target)
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

    internal void SetRegex(string regex, ResolvedRegex? resolved)
    {
        if (resolved is null)
        {
            _regexes.Remove(regex);
        }
        else
        {
            _regexes[regex] = resolved;
        }
    }

    /// <summary>Adds the member, or changes it; what it held before is no longer held by it but for what the new one has.</summary>
    internal void Set(ConsumerMember member)
    {
        if (_members.TryGetValue(member.MemberId, out ConsumerMember? before))
        {
            Release(before);
            ForgetInstance(before);
        }
        _members[member.MemberId] = member;
        if (member.InstanceId is not null)
        {
            _staticMembers[member.InstanceId] = member.MemberId;
        }
        Hold(member.Assigned, member.MemberId);
        Hold(member.PendingRevocation, member.MemberId);
    }

    private void Hold(PartitionSet partitions, string memberId)
    {
        foreach (TopicPartitions topic in partitions.Topics)
        {
            if (!_holders.TryGetValue(topic.Topic, out Dictionary<int, string>? holders))
            {
                _holders[topic.Topic] = holders = [];
            }
            foreach (HeldPartition held in topic.Held)
            {
                holders[held.Partition] = memberId;
            }
        }
    }

    internal void Remove(string memberId)
    {
        if (_members.Remove(memberId, out ConsumerMember? member))
        {
            Release(member);
            ForgetInstance(member);
            _timers.Remove(memberId);
        }
    }

    private void Release(ConsumerMember member)
    {
        Release(member.Assigned, member.MemberId);
        Release(member.PendingRevocation, member.MemberId);
    }

    private void Release(PartitionSet partitions, string memberId)
    {
        foreach (TopicPartitions topic in partitions.Topics)
        {
            if (!_holders.TryGetValue(topic.Topic, out Dictionary<int, string>? holders))
            {
                continue;
            }
            foreach (HeldPartition held in topic.Held)
            {
                if (holders.GetValueOrDefault(held.Partition) == memberId)
                {
                    holders.Remove(held.Partition);
                }
            }
            if (holders.Count == 0)
            {
                _holders.Remove(topic.Topic);
            }
        }
    }

    private void ForgetInstance(ConsumerMember member)
    {
        if (member.InstanceId is not null && _staticMembers.GetValueOrDefault(member.InstanceId) == member.MemberId)
        {
            _staticMembers.Remove(member.InstanceId);
        }
    }
}
