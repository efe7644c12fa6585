using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>
/// What the records of share groups do to a shard: the only way in which a <see cref="ShareGroup"/> changes. A record without
/// a value forgets what it is about.
/// </summary>
internal static class ShareReplay
{
    /// <summary>False when the type belongs to something else.</summary>
    public static bool TryApply(
        GroupShard shard,
        short type,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        bool isTombstone
    )
    {
        bool? isRead = type switch
        {
            ShareGroupMetadataKey.RecordType => ApplyEpoch(shard, key, value, isTombstone),
            ShareGroupMemberMetadataKey.RecordType => ApplyMember(shard, key, value, isTombstone),
            ShareGroupTargetAssignmentMetadataKey.RecordType => ApplyTargetEpoch(shard, key, value, isTombstone),
            ShareGroupTargetAssignmentMemberKey.RecordType => ApplyTarget(shard, key, value, isTombstone),
            ShareGroupCurrentMemberAssignmentKey.RecordType => ApplyCurrent(shard, key, value, isTombstone),
            ShareGroupStatePartitionMetadataKey.RecordType => ApplyPartitions(shard, key, value, isTombstone),
            _ => null,
        };
        if (isRead == false)
        {
            CoordinatorTrace.Log.Warn(
                "skipped a record of a share group that cannot be read",
                ("partition", shard.PartitionLog.Name),
                ("type", type)
            );
        }
        return isRead is not null;
    }

    private static bool ApplyEpoch(
        GroupShard shard,
        ReadOnlySpan<byte> keys,
        ReadOnlySpan<byte> values,
        bool isTombstone
    )
    {
        if (
            !RecordBytes.TryRead(
                keys,
                values,
                isTombstone,
                out ShareGroupMetadataKey key,
                out ShareGroupMetadataValue? value
            )
        )
        {
            return false;
        }
        if (value is not null)
        {
            shard.GetOrCreateShare(key.GroupId).SetEpoch(value.Epoch, value.MetadataHash);
        }
        else if (shard.FindShare(key.GroupId) is { } gone)
        {
            shard.Shares.StopTimers(gone);
            shard.Remove(key.GroupId);
        }
        return true;
    }

    private static bool ApplyMember(
        GroupShard shard,
        ReadOnlySpan<byte> keys,
        ReadOnlySpan<byte> values,
        bool isTombstone
    )
    {
        if (
            !RecordBytes.TryRead(
                keys,
                values,
                isTombstone,
                out ShareGroupMemberMetadataKey key,
                out ShareGroupMemberMetadataValue? value
            )
        )
        {
            return false;
        }
        if (value is null)
        {
            if (shard.FindShare(key.GroupId) is { } left)
            {
                shard.Shares.StopTimers(left, key.MemberId);
                left.Remove(key.MemberId);
            }
            return true;
        }
        ShareGroup group = shard.GetOrCreateShare(key.GroupId);
        group.Set(
            (group.Find(key.MemberId) ?? new ShareMember(key.MemberId)) with
            {
                RackId = value.RackId,
                ClientId = value.ClientId,
                ClientHost = value.ClientHost,
                SubscribedNames = [.. value.SubscribedTopicNames.Distinct().Order(StringComparer.Ordinal)],
            }
        );
        return true;
    }

    private static bool ApplyTargetEpoch(
        GroupShard shard,
        ReadOnlySpan<byte> keys,
        ReadOnlySpan<byte> values,
        bool isTombstone
    )
    {
        bool isRead = RecordBytes.TryRead(
            keys,
            values,
            isTombstone,
            out ShareGroupTargetAssignmentMetadataKey key,
            out ShareGroupTargetAssignmentMetadataValue? value
        );
        if (isRead && value is not null)
        {
            shard.GetOrCreateShare(key.GroupId).SetTargetEpoch(value.AssignmentEpoch, value.AssignmentTimestamp);
        }
        else if (isRead)
        {
            shard.FindShare(key.GroupId)?.SetTargetEpoch(0, 0);
        }
        return isRead;
    }

    private static bool ApplyTarget(
        GroupShard shard,
        ReadOnlySpan<byte> keys,
        ReadOnlySpan<byte> values,
        bool isTombstone
    )
    {
        if (
            !RecordBytes.TryRead(
                keys,
                values,
                isTombstone,
                out ShareGroupTargetAssignmentMemberKey key,
                out ShareGroupTargetAssignmentMemberValue? value
            )
        )
        {
            return false;
        }
        if (value is null)
        {
            shard.FindShare(key.GroupId)?.SetTarget(key.MemberId, null);
            return true;
        }
        PartitionSet.Builder target = new();
        foreach (ShareGroupTargetAssignmentMemberValue.TopicPartition topic in value.TopicPartitions)
        {
            target.Add(topic.TopicId, topic.Partitions);
        }
        shard.GetOrCreateShare(key.GroupId).SetTarget(key.MemberId, target.Build());
        return true;
    }

    private static bool ApplyCurrent(
        GroupShard shard,
        ReadOnlySpan<byte> keys,
        ReadOnlySpan<byte> values,
        bool isTombstone
    )
    {
        if (
            !RecordBytes.TryRead(
                keys,
                values,
                isTombstone,
                out ShareGroupCurrentMemberAssignmentKey key,
                out ShareGroupCurrentMemberAssignmentValue? value
            )
        )
        {
            return false;
        }
        if (value is null)
        {
            if (shard.FindShare(key.GroupId) is { } left && left.Find(key.MemberId) is { } reset)
            {
                left.Set(reset with { Epoch = 0, PreviousEpoch = 0, Assigned = PartitionSet.Empty });
            }
            return true;
        }
        PartitionSet.Builder assigned = new();
        foreach (ShareGroupCurrentMemberAssignmentValue.TopicPartitions topic in value.AssignedPartitions)
        {
            assigned.Add(topic.TopicId, topic.Partitions);
        }
        ShareGroup group = shard.GetOrCreateShare(key.GroupId);
        group.Set(
            (group.Find(key.MemberId) ?? new ShareMember(key.MemberId)) with
            {
                Epoch = value.MemberEpoch,
                PreviousEpoch = value.PreviousMemberEpoch,
                Assigned = assigned.Build(),
            }
        );
        return true;
    }

    private static bool ApplyPartitions(
        GroupShard shard,
        ReadOnlySpan<byte> keys,
        ReadOnlySpan<byte> values,
        bool isTombstone
    )
    {
        if (
            !RecordBytes.TryRead(
                keys,
                values,
                isTombstone,
                out ShareGroupStatePartitionMetadataKey key,
                out ShareGroupStatePartitionMetadataValue? value
            )
        )
        {
            return false;
        }
        if (value is null)
        {
            shard.FindShare(key.GroupId)?.SetPartitions(SharePartitions.None);
            return true;
        }
        List<KafkaUuid> deleting = [];
        foreach (ShareGroupStatePartitionMetadataValue.TopicInfo topic in value.DeletingTopics)
        {
            deleting.Add(topic.TopicId);
        }
        shard
            .GetOrCreateShare(key.GroupId)
            .SetPartitions(
                new SharePartitions(
                    ShareGroupRecords.Read(value.InitializingTopics),
                    ShareGroupRecords.Read(value.InitializedTopics),
                    deleting,
                    shard.Core.WallMillis
                )
            );
        return true;
    }
}
