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
    /// <summary>False: it cannot be read. Null: the type belongs to something else.</summary>
    public static bool? Apply(GroupShard shard, in ReplayedRecord record) =>
        record.Type switch
        {
            ShareGroupMetadataKey.RecordType => record.Read<ShareGroupMetadataKey, ShareGroupMetadataValue>(
                shard,
                ApplyEpoch
            ),
            ShareGroupMemberMetadataKey.RecordType => record.Read<
                ShareGroupMemberMetadataKey,
                ShareGroupMemberMetadataValue
            >(shard, ApplyMember),
            ShareGroupTargetAssignmentMetadataKey.RecordType => record.Read<
                ShareGroupTargetAssignmentMetadataKey,
                ShareGroupTargetAssignmentMetadataValue
            >(shard, ApplyTargetEpoch),
            ShareGroupTargetAssignmentMemberKey.RecordType => record.Read<
                ShareGroupTargetAssignmentMemberKey,
                ShareGroupTargetAssignmentMemberValue
            >(shard, ApplyTarget),
            ShareGroupCurrentMemberAssignmentKey.RecordType => record.Read<
                ShareGroupCurrentMemberAssignmentKey,
                ShareGroupCurrentMemberAssignmentValue
            >(shard, ApplyCurrent),
            ShareGroupStatePartitionMetadataKey.RecordType => record.Read<
                ShareGroupStatePartitionMetadataKey,
                ShareGroupStatePartitionMetadataValue
            >(shard, ApplyPartitions),
            _ => null,
        };

    private static void ApplyEpoch(GroupShard shard, ShareGroupMetadataKey key, ShareGroupMetadataValue? value)
    {
        if (value is not null)
        {
            shard.GetOrCreateShare(key.GroupId).SetEpoch(value.Epoch, value.MetadataHash);
        }
        else if (shard.FindShare(key.GroupId) is { } gone)
        {
            shard.Shares.StopTimers(gone);
            shard.Remove(key.GroupId);
        }
    }

    private static void ApplyMember(
        GroupShard shard,
        ShareGroupMemberMetadataKey key,
        ShareGroupMemberMetadataValue? value
    )
    {
        if (value is null)
        {
            if (shard.FindShare(key.GroupId) is { } left)
            {
                shard.Shares.StopTimers(left, key.MemberId);
                left.Remove(key.MemberId);
            }
            return;
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
    }

    private static void ApplyTargetEpoch(
        GroupShard shard,
        ShareGroupTargetAssignmentMetadataKey key,
        ShareGroupTargetAssignmentMetadataValue? value
    )
    {
        if (value is null)
        {
            shard.FindShare(key.GroupId)?.SetTargetEpoch(0, 0);
            return;
        }
        shard.GetOrCreateShare(key.GroupId).SetTargetEpoch(value.AssignmentEpoch, value.AssignmentTimestamp);
    }

    private static void ApplyTarget(
        GroupShard shard,
        ShareGroupTargetAssignmentMemberKey key,
        ShareGroupTargetAssignmentMemberValue? value
    )
    {
        if (value is null)
        {
            shard.FindShare(key.GroupId)?.SetTarget(key.MemberId, null);
            return;
        }
        PartitionSet.Builder target = new();
        foreach (ShareGroupTargetAssignmentMemberValue.TopicPartition topic in value.TopicPartitions)
        {
            target.Add(topic.TopicId, topic.Partitions);
        }
        shard.GetOrCreateShare(key.GroupId).SetTarget(key.MemberId, target.Build());
    }

    private static void ApplyCurrent(
        GroupShard shard,
        ShareGroupCurrentMemberAssignmentKey key,
        ShareGroupCurrentMemberAssignmentValue? value
    )
    {
        if (value is null)
        {
            if (shard.FindShare(key.GroupId) is { } left && left.Find(key.MemberId) is { } reset)
            {
                left.Set(reset with { Epoch = 0, PreviousEpoch = 0, Assigned = PartitionSet.Empty });
            }
            return;
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
    }

    private static void ApplyPartitions(
        GroupShard shard,
        ShareGroupStatePartitionMetadataKey key,
        ShareGroupStatePartitionMetadataValue? value
    )
    {
        if (value is null)
        {
            shard.FindShare(key.GroupId)?.SetPartitions(SharePartitions.None);
            return;
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
    }
}
