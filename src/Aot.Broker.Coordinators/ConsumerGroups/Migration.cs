using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// A group changes its protocol while it works (KIP-848, online migration): to the consumer protocol when the first
/// member that speaks it joins, back to the classic one when the last such member is gone. Members keep their
/// partitions. Runs on the shard's core.
/// </summary>
internal sealed class Migration(GroupShard shard)
{
    private const string CustomAssignor =
        "Cannot upgrade classic group {0} to consumer group because an unsupported custom assignor is in use. Please "
        + "refer to the documentation or switch to a default assignor before re-attempting the upgrade.";

    /// <summary>The group in its new form; null, with the reason, when it has to stay as it is.</summary>
    public ConsumerGroup? TryUpgrade(GroupWrite write, GroupEntry entry, out Refusal refusal)
    {
        ClassicGroup group = entry.Group;
        refusal = new Refusal(ErrorCode.GroupIdNotFound, $"Group {group.GroupId} is not a consumer group.");
        if (
            !shard.Options.Consumers.AllowsUpgrade
            || group.ProtocolType != ConsumerSubscription.ProtocolType
            || group.Members.Count == 0
            || group.Members.Count > shard.Options.Consumers.SizeMax
        )
        {
            return null;
        }
        List<ConsumerMember> members = [];
        foreach (ClassicMember member in group.Members)
        {
            if (Convert(group, member, ref refusal) is not { } converted)
            {
                return null;
            }
            members.Add(converted);
        }
        string groupId = group.GroupId;
        shard.Membership.Rebalance.Dissolve(entry);
        write.Add(entry.Tombstones);
        shard.Remove(groupId);
        foreach (ConsumerMember member in members)
        {
            write.Add(ConsumerGroupRecords.Member(groupId, member));
        }
        write.Add(ConsumerGroupRecords.Epoch(groupId, group.Generation, 0));
        foreach (ConsumerMember member in members)
        {
            write.Add(ConsumerGroupRecords.Target(groupId, member.MemberId, member.Assigned));
        }
        write.Add(ConsumerGroupRecords.TargetEpoch(groupId, group.Generation, 0));
        foreach (ConsumerMember member in members)
        {
            write.Add(ConsumerGroupRecords.Current(groupId, member));
        }
        ConsumerGroup upgraded = shard.FindConsumer(groupId)!;
        shard.Consumers.RestartTimers(upgraded);
        CoordinatorTrace.Log.Info("a group moved to the consumer protocol", ("group", groupId));
        return upgraded;
    }

    private ConsumerMember? Convert(ClassicGroup group, ClassicMember member, ref Refusal refusal)
    {
        MetadataImage image = shard.Metadata.Image;
        PartitionSet? assigned = ConsumerProtocol.ReadAssignment(member.Assignment, image, out byte[]? userData);
        if (userData is { Length: > 0 })
        {
            refusal = new Refusal(ErrorCode.GroupIdNotFound, string.Format(CustomAssignor, group.GroupId));
            return null;
        }
        if (
            assigned is null
            || member.Protocols.Count == 0
            || ConsumerProtocol.ReadSubscription(member.Protocols[0].Metadata, image) is not { } subscription
        )
        {
            return null;
        }
        PartitionSet.Builder held = new();
        foreach (TopicPartitions topic in assigned.Topics)
        {
            foreach (HeldPartition partition in topic.Held)
            {
                held.Add(topic.Topic, new HeldPartition(partition.Partition, group.Generation));
            }
        }
        return new ConsumerMember(member.MemberId)
        {
            InstanceId = member.InstanceId,
            RackId = subscription.RackId,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            RebalanceTimeoutMs = member.RebalanceTimeoutMs,
            SubscribedNames = subscription.Names,
            Classic = new ClassicMembershipInfo(member.SessionTimeoutMs, member.Protocols),
            Epoch = group.Generation,
            PreviousEpoch = group.Generation,
            Assigned = held.Build(),
        };
    }

    /// <summary>
    /// Moves the group back when nobody in it speaks the consumer protocol any more, but for <paramref name="leaving"/>,
    /// who is removed with it. False when it stays. Where every member has what it shall have, nobody need notice.
    /// </summary>
    public bool TryDowngrade(GroupWrite write, ConsumerGroup group, ConsumerMember? leaving, bool mustRebalance = true)
    {
        List<ConsumerMember> stay = [.. group.Members.Where(member => member.MemberId != leaving?.MemberId)];
        if (!CanDowngrade(stay))
        {
            return false;
        }
        string groupId = group.GroupId;
        ClassicGroup classic = Convert(group, stay);
        Dictionary<string, byte[]> assignments = classic.Members.ToDictionary(m => m.MemberId, m => m.Assignment);
        write.Add(group.Tombstones);
        shard.Remove(groupId);
        GroupEntry entry = shard.Adopt(classic);
        write.Add(new CoordinatorRecord(GroupRecords.GroupKey(groupId), GroupRecords.GroupValue(classic, assignments)));
        shard.Membership.Rebalance.RestartSessions(entry);
        if (mustRebalance)
        {
            shard.Membership.Rebalance.PrepareRebalance(entry);
        }
        CoordinatorTrace.Log.Info("a group moved back to the classic protocol", ("group", groupId));
        return true;
    }

    public bool CanDowngrade(IReadOnlyCollection<ConsumerMember> members) =>
        shard.Options.Consumers.AllowsDowngrade
        && members.Count > 0
        && members.Count <= shard.Options.GroupSizeMax
        && members.All(member => member.UsesClassicProtocol);

    private ClassicGroup Convert(ConsumerGroup group, List<ConsumerMember> members)
    {
        ClassicGroup classic = new(group.GroupId);
        string protocolName = members[0]
            .Classic!.Protocols.Select(protocol => protocol.Name)
            .First(name => members.All(member => member.Classic!.Protocols.Any(protocol => protocol.Name == name)));
        classic.Restore(
            ConsumerSubscription.ProtocolType,
            protocolName,
            group.Epoch,
            members[0].MemberId,
            shard.Core.WallMillis,
            members.Select(member => new ClassicMember
            {
                MemberId = member.MemberId,
                InstanceId = member.InstanceId,
                ClientId = member.ClientId,
                ClientHost = member.ClientHost,
                RebalanceTimeoutMs = member.RebalanceTimeoutMs,
                SessionTimeoutMs = member.Classic!.SessionTimeoutMs,
                Protocols = member.Classic.Protocols,
                Assignment = ConsumerProtocol.WriteAssignment(
                    group.Target(member.MemberId),
                    shard.Metadata.Image,
                    member.Classic.Protocols[0].Metadata
                ),
            })
        );
        return classic;
    }
}
