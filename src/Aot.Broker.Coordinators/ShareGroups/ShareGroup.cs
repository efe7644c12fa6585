using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>
/// A share group (KIP-932): several members may have a partition, and each record goes to one of them. What its records say:
/// members, epochs, the target, and of which partitions the share coordinator keeps state. It changes by them only
/// (<see cref="ShareReplay"/>). Owned by the shard's core.
/// </summary>
public sealed class ShareGroup : TargetedGroup
{
    public const string Type = "share";

    /// <summary>Of a group that no record has given one; nothing has to be divided in it.</summary>
    private const int InitialEpoch = 1;

    private static readonly SimpleAssignor s_assignor = new();

    private readonly Dictionary<string, ShareMember> _members = [];

    public ShareGroup(string groupId)
        : base(groupId)
    {
        SetEpoch(InitialEpoch, 0);
        SetTargetEpoch(InitialEpoch, 0);
    }

    public override string TypeName => Type;

    public override string ProtocolTypeName => Type;

    public override string StateName => _members.Count == 0 ? "Empty" : "Stable";

    public override bool IsVacant => _members.Count == 0;

    /// <summary>What the share coordinator keeps for it would be lost.</summary>
    public override bool Expires => false;

    public IReadOnlyCollection<ShareMember> Members => _members.Values;

    /// <summary>Of which partitions the share coordinator keeps state.</summary>
    public SharePartitions Partitions { get; private set; } = SharePartitions.None;

    internal override IReadOnlyCollection<GroupMember> AnyMembers => _members.Values;

    internal override IEnumerable<CoordinatorRecord> Tombstones => ShareGroupRecords.ForgetGroup(this);

    internal override void Start(GroupShard shard) => shard.Shares.RestartTimers(this);

    internal override void Stop(GroupShard shard) => shard.Shares.StopTimers(this);

    public ShareMember? Find(string memberId) => _members.GetValueOrDefault(memberId);

    /// <summary>The subscribed partitions that may be given to members.</summary>
    internal override AssignorTopic Assignable(TopicImage topic)
    {
        HeldPartition[] initialized = Partitions.Initialized.Of(topic.Id);
        return new AssignorTopic(
            topic.Id,
            topic.Partitions.Length,
            Array.ConvertAll(initialized, static held => held.Partition)
        );
    }

    internal override IAssignor Assignor(GroupShard shard) => s_assignor;

    internal override int AssignmentIntervalMs(GroupShard shard) => shard.Shares.Settings.AssignmentIntervalMs(GroupId);

    internal override CoordinatorRecord EpochRecord(int epoch, long metadataHash) =>
        ShareGroupRecords.Epoch(GroupId, epoch, metadataHash);

    internal override CoordinatorRecord TargetRecord(string memberId, PartitionSet target) =>
        ShareGroupRecords.Target(GroupId, memberId, target);

    internal override CoordinatorRecord TargetEpochRecord(int epoch, long timestampMs) =>
        ShareGroupRecords.TargetEpoch(GroupId, epoch, timestampMs);

    internal void Set(ShareMember member) => _members[member.MemberId] = member;

    internal void Remove(string memberId)
    {
        _members.Remove(memberId);
        ForgetTimers(memberId);
    }

    internal void SetPartitions(SharePartitions partitions) => Partitions = partitions;
}
