using Aot.Broker.Base;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>The topics that a regular expression matched, when it was last looked at.</summary>
/// <param name="Topics">In ascending order.</param>
/// <param name="MetadataVersion">Offset of the metadata image that they come from.</param>
/// <param name="TimestampMs">Wall clock.</param>
public sealed record ResolvedRegex(IReadOnlyList<string> Topics, long MetadataVersion, long TimestampMs);

/// <summary>
/// A group of the consumer protocol (KIP-848): a partition has one holder at a time. It changes by its records only, see
/// <see cref="ConsumerReplay"/>. Owned by the shard's core.
///
/// Invariants: a partition has at most one holder; every static instance name points to a member.
/// </summary>
public sealed class ConsumerGroup(string groupId) : TargetedGroup(groupId)
{
    private readonly Dictionary<string, ConsumerMember> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _staticMembers = [];
    private readonly Dictionary<KafkaUuid, Dictionary<int, string>> _holders = [];
    private readonly Dictionary<string, ResolvedRegex> _regexes = [];

    public override string TypeName => "consumer";

    public override string ProtocolTypeName => ConsumerSubscription.ProtocolType;

    public override bool IsVacant => _members.Count == 0;

    public IReadOnlyCollection<ConsumerMember> Members => _members.Values;

    public IReadOnlyDictionary<string, ResolvedRegex> Regexes => _regexes;

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

    internal override IReadOnlyCollection<GroupMember> AnyMembers => _members.Values;

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

    /// <summary>Whether nobody but this member holds the partition.</summary>
    public bool IsFree(KafkaUuid topic, int partition, string memberId) =>
        !_holders.TryGetValue(topic, out Dictionary<int, string>? holders)
        || !holders.TryGetValue(partition, out string? holder)
        || holder == memberId;

    /// <summary>The names of the member's subscription and those that its expression matched, in no order.</summary>
    internal override IEnumerable<string> TopicsOf(GroupMember member) =>
        RegexOf(member) is { Length: > 0 } regex && _regexes.TryGetValue(regex, out ResolvedRegex? resolved)
            ? member.SubscribedNames.Union(resolved.Topics)
            : member.SubscribedNames;

    // Newlines are in no topic name and in no regular expression that matches one.
    internal override string SubscriptionOf(GroupMember member) => $"{RegexOf(member)}\n{base.SubscriptionOf(member)}";

    private static string? RegexOf(GroupMember member) => ((ConsumerMember)member).SubscribedRegex;

    internal override IAssignor Assignor(GroupShard shard) =>
        ConsumerAssignors.Preferred(this, shard.Options.Consumers);

    internal override int AssignmentIntervalMs(GroupShard shard) => shard.GroupSettings.AssignmentIntervalMs(GroupId);

    internal override CoordinatorRecord EpochRecord(int epoch, long metadataHash) =>
        ConsumerGroupRecords.Epoch(GroupId, epoch, metadataHash);

    internal override CoordinatorRecord TargetRecord(string memberId, PartitionSet target) =>
        ConsumerGroupRecords.Target(GroupId, memberId, target);

    internal override CoordinatorRecord TargetEpochRecord(int epoch, long timestampMs) =>
        ConsumerGroupRecords.TargetEpoch(GroupId, epoch, timestampMs);

    public bool UsesRegex(string regex) => _members.Values.Any(member => member.SubscribedRegex == regex);

    // Changes by records -----------------------------------------------------------------------------------------------

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
        }
        ForgetTimers(memberId);
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
