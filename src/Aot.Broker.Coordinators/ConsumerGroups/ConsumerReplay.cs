using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// What the records of consumer groups do to a shard: the only way in which a <see cref="ConsumerGroup"/> changes.
/// </summary>
internal static class ConsumerReplay
{
    private const short Version = 0;

    /// <summary>False when the type belongs to something else.</summary>
    public static bool TryApply(
        GroupShard shard,
        short type,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        bool isTombstone
    )
    {
        WireReader keys = new(key);
        keys.ReadInt16();
        WireReader values = new(value);
        short version = isTombstone ? Version : values.ReadInt16();
        bool isRead = type switch
        {
            ConsumerGroupRecords.EpochType => ApplyEpoch(shard, ref keys, ref values, isTombstone),
            ConsumerGroupRecords.MemberType => ApplyMember(shard, ref keys, ref values, isTombstone),
            ConsumerGroupRecords.TargetEpochType => ApplyTargetEpoch(shard, ref keys, ref values, isTombstone),
            ConsumerGroupRecords.TargetMemberType => ApplyTarget(shard, ref keys, ref values, isTombstone),
            ConsumerGroupRecords.CurrentAssignmentType => ApplyCurrent(shard, ref keys, ref values, isTombstone),
            ConsumerGroupRecords.RegexType => ApplyRegex(shard, ref keys, ref values, isTombstone),
            ConsumerGroupRecords.PartitionMetadataType => true,
            _ => false,
        };
        bool isOurs =
            type
            is >= ConsumerGroupRecords.EpochType
                and <= ConsumerGroupRecords.CurrentAssignmentType
                or ConsumerGroupRecords.RegexType;
        if (isOurs && (!isRead || version != Version))
        {
            CoordinatorTrace.Log.Warn(
                "skipped a record of a consumer group that cannot be read",
                ("partition", shard.PartitionLog.Name),
                ("type", type)
            );
        }
        return isOurs;
    }

    private static bool ApplyEpoch(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (!ConsumerGroupMetadataKey.TryRead(ref keys, Version, out ConsumerGroupMetadataKey key))
        {
            return false;
        }
        if (isTombstone)
        {
            if (shard.FindConsumer(key.GroupId) is { } gone)
            {
                shard.Consumers.StopTimers(gone);
                shard.Remove(key.GroupId);
                shard.KeepIfItHasOffsets(key.GroupId);
            }
            return true;
        }
        if (!ConsumerGroupMetadataValue.TryRead(ref values, Version, out ConsumerGroupMetadataValue value))
        {
            return false;
        }
        shard.GetOrCreateConsumer(key.GroupId).SetEpoch(value.Epoch, value.MetadataHash);
        return true;
    }

    private static bool ApplyMember(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (!ConsumerGroupMemberMetadataKey.TryRead(ref keys, Version, out ConsumerGroupMemberMetadataKey key))
        {
            return false;
        }
        if (isTombstone)
        {
            if (shard.FindConsumer(key.GroupId) is { } left)
            {
                shard.Consumers.StopTimers(left, key.MemberId);
                left.Remove(key.MemberId);
            }
            return true;
        }
        if (!ConsumerGroupMemberMetadataValue.TryRead(ref values, Version, out ConsumerGroupMemberMetadataValue value))
        {
            return false;
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
        return true;
    }

    private static bool ApplyTargetEpoch(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (
            !ConsumerGroupTargetAssignmentMetadataKey.TryRead(
                ref keys,
                Version,
                out ConsumerGroupTargetAssignmentMetadataKey key
            )
        )
        {
            return false;
        }
        if (isTombstone)
        {
            shard.FindConsumer(key.GroupId)?.SetTargetEpoch(0, 0);
            return true;
        }
        if (
            !ConsumerGroupTargetAssignmentMetadataValue.TryRead(
                ref values,
                Version,
                out ConsumerGroupTargetAssignmentMetadataValue value
            )
        )
        {
            return false;
        }
        shard.GetOrCreateConsumer(key.GroupId).SetTargetEpoch(value.AssignmentEpoch, value.AssignmentTimestamp);
        return true;
    }

    private static bool ApplyTarget(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (
            !ConsumerGroupTargetAssignmentMemberKey.TryRead(
                ref keys,
                Version,
                out ConsumerGroupTargetAssignmentMemberKey key
            )
        )
        {
            return false;
        }
        if (isTombstone)
        {
            shard.FindConsumer(key.GroupId)?.SetTarget(key.MemberId, null);
            return true;
        }
        if (
            !ConsumerGroupTargetAssignmentMemberValue.TryRead(
                ref values,
                Version,
                out ConsumerGroupTargetAssignmentMemberValue value
            )
        )
        {
            return false;
        }
        shard
            .GetOrCreateConsumer(key.GroupId)
            .SetTarget(key.MemberId, ConsumerGroupRecords.Read(value.TopicPartitions));
        return true;
    }

    private static bool ApplyCurrent(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (
            !ConsumerGroupCurrentMemberAssignmentKey.TryRead(
                ref keys,
                Version,
                out ConsumerGroupCurrentMemberAssignmentKey key
            )
        )
        {
            return false;
        }
        if (isTombstone)
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
            return true;
        }
        if (
            !ConsumerGroupCurrentMemberAssignmentValue.TryRead(
                ref values,
                Version,
                out ConsumerGroupCurrentMemberAssignmentValue value
            )
        )
        {
            return false;
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
        return true;
    }

    private static bool ApplyRegex(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (!ConsumerGroupRegularExpressionKey.TryRead(ref keys, Version, out ConsumerGroupRegularExpressionKey key))
        {
            return false;
        }
        if (isTombstone)
        {
            shard.FindConsumer(key.GroupId)?.SetRegex(key.RegularExpression, null);
            return true;
        }
        if (
            !ConsumerGroupRegularExpressionValue.TryRead(
                ref values,
                Version,
                out ConsumerGroupRegularExpressionValue value
            )
        )
        {
            return false;
        }
        shard
            .GetOrCreateConsumer(key.GroupId)
            .SetRegex(key.RegularExpression, new ResolvedRegex(value.Topics, value.Version, value.Timestamp));
        return true;
    }
}
