using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// What the records of consumer groups do to a shard: the only way in which a <see cref="ConsumerGroup"/> changes.
/// </summary>
internal static class ConsumerReplay
{
    /// <summary>False: it cannot be read. Null: the type belongs to something else.</summary>
    public static bool? Apply(GroupShard shard, in ReplayedRecord record) =>
        record.Type switch
        {
            ConsumerGroupMetadataKey.RecordType => record.Read<ConsumerGroupMetadataKey, ConsumerGroupMetadataValue>(
                shard,
                ApplyEpoch
            ),
            ConsumerGroupMemberMetadataKey.RecordType => record.Read<
                ConsumerGroupMemberMetadataKey,
                ConsumerGroupMemberMetadataValue
            >(shard, ApplyMember),
            ConsumerGroupTargetAssignmentMetadataKey.RecordType => record.Read<
                ConsumerGroupTargetAssignmentMetadataKey,
                ConsumerGroupTargetAssignmentMetadataValue
            >(shard, ApplyTargetEpoch),
            ConsumerGroupTargetAssignmentMemberKey.RecordType => record.Read<
                ConsumerGroupTargetAssignmentMemberKey,
                ConsumerGroupTargetAssignmentMemberValue
            >(shard, ApplyTarget),
            ConsumerGroupCurrentMemberAssignmentKey.RecordType => record.Read<
                ConsumerGroupCurrentMemberAssignmentKey,
                ConsumerGroupCurrentMemberAssignmentValue
            >(shard, ApplyCurrent),
            ConsumerGroupRegularExpressionKey.RecordType => record.Read<
                ConsumerGroupRegularExpressionKey,
                ConsumerGroupRegularExpressionValue
            >(shard, ApplyRegex),
            // Written by Apache Kafka 4.0 and older; what it says is found in the metadata image here.
            ConsumerGroupPartitionMetadataKey.RecordType => true,
            _ => null,
        };

    private static void ApplyEpoch(GroupShard shard, ConsumerGroupMetadataKey key, ConsumerGroupMetadataValue? value)
    {
        if (value is null)
        {
            if (shard.FindConsumer(key.GroupId) is { } gone)
            {
                shard.Consumers.StopTimers(gone);
                shard.Remove(key.GroupId);
                shard.KeepIfItHasOffsets(key.GroupId);
            }
            return;
        }
        shard.GetOrCreateConsumer(key.GroupId).SetEpoch(value.Epoch, value.MetadataHash);
    }

    private static void ApplyMember(
        GroupShard shard,
        ConsumerGroupMemberMetadataKey key,
        ConsumerGroupMemberMetadataValue? value
    )
    {
        if (value is null)
        {
            if (shard.FindConsumer(key.GroupId) is { } left)
            {
                shard.Consumers.StopTimers(left, key.MemberId);
                left.Remove(key.MemberId);
            }
            return;
        }
        ConsumerGroup group = shard.GetOrCreateConsumer(key.GroupId);
        ConsumerMember before = group.Find(key.MemberId) ?? new ConsumerMember(key.MemberId);
        group.Set(
            before with
            {
                InstanceId = value.InstanceId,
                RackId = value.RackId,
                ClientId = value.ClientId,
                ClientHost = value.ClientHost,
                SubscribedNames = [.. value.SubscribedTopicNames.Distinct().Order(StringComparer.Ordinal)],
                SubscribedRegex = value.SubscribedTopicRegex,
                RebalanceTimeoutMs = value.RebalanceTimeoutMs,
                ServerAssignor = value.ServerAssignor,
                Classic = value.ClassicMemberMetadata is { } classic
                    ? new ClassicMembershipInfo(
                        classic.SessionTimeoutMs,
                        [.. classic.SupportedProtocols.Select(p => new MemberProtocol(p.Name, p.Metadata))]
                    )
                    : null,
            }
        );
    }

    private static void ApplyTargetEpoch(
        GroupShard shard,
        ConsumerGroupTargetAssignmentMetadataKey key,
        ConsumerGroupTargetAssignmentMetadataValue? value
    )
    {
        if (value is null)
        {
            shard.FindConsumer(key.GroupId)?.SetTargetEpoch(0, 0);
            return;
        }
        shard.GetOrCreateConsumer(key.GroupId).SetTargetEpoch(value.AssignmentEpoch, value.AssignmentTimestamp);
    }

    private static void ApplyTarget(
        GroupShard shard,
        ConsumerGroupTargetAssignmentMemberKey key,
        ConsumerGroupTargetAssignmentMemberValue? value
    )
    {
        if (value is null)
        {
            shard.FindConsumer(key.GroupId)?.SetTarget(key.MemberId, null);
            return;
        }
        shard
            .GetOrCreateConsumer(key.GroupId)
            .SetTarget(key.MemberId, ConsumerGroupRecords.Read(value.TopicPartitions));
    }

    private static void ApplyCurrent(
        GroupShard shard,
        ConsumerGroupCurrentMemberAssignmentKey key,
        ConsumerGroupCurrentMemberAssignmentValue? value
    )
    {
        if (value is null)
        {
            if (shard.FindConsumer(key.GroupId) is { } left && left.Find(key.MemberId) is { } reset)
            {
                left.Set(
                    reset with
                    {
                        Epoch = 0,
                        PreviousEpoch = 0,
                        State = MemberState.Stable,
                        Assigned = PartitionSet.Empty,
                        PendingRevocation = PartitionSet.Empty,
                    }
                );
            }
            return;
        }
        ConsumerGroup group = shard.GetOrCreateConsumer(key.GroupId);
        group.Set(
            (group.Find(key.MemberId) ?? new ConsumerMember(key.MemberId)) with
            {
                Epoch = value.MemberEpoch,
                PreviousEpoch = value.PreviousMemberEpoch,
                State = MemberStates.Read(value.State),
                Assigned = ConsumerGroupRecords.Read(value.AssignedPartitions),
                PendingRevocation = ConsumerGroupRecords.Read(value.PartitionsPendingRevocation),
            }
        );
    }

    private static void ApplyRegex(
        GroupShard shard,
        ConsumerGroupRegularExpressionKey key,
        ConsumerGroupRegularExpressionValue? value
    )
    {
        if (value is null)
        {
            shard.FindConsumer(key.GroupId)?.SetRegex(key.RegularExpression, null);
            return;
        }
        shard
            .GetOrCreateConsumer(key.GroupId)
            .SetRegex(key.RegularExpression, new ResolvedRegex(value.Topics, value.Version, value.Timestamp));
    }
}
