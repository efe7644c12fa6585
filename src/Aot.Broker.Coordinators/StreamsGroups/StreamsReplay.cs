using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>What the records of streams groups do to a shard: the only way in which a <see cref="StreamsGroup"/> changes.</summary>
internal static class StreamsReplay
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
        bool? isRead =
            version != Version
                ? false
                : type switch
                {
                    StreamsGroupRecords.GroupType => ApplyGroup(shard, ref keys, ref values, isTombstone),
                    StreamsGroupRecords.MemberType => ApplyMember(shard, ref keys, ref values, isTombstone),
                    StreamsGroupRecords.TargetEpochType => ApplyTargetEpoch(shard, ref keys, ref values, isTombstone),
                    StreamsGroupRecords.TargetMemberType => ApplyTarget(shard, ref keys, ref values, isTombstone),
                    StreamsGroupRecords.CurrentAssignmentType => ApplyAssignment(
                        shard,
                        ref keys,
                        ref values,
                        isTombstone
                    ),
                    StreamsGroupRecords.TopologyType => ApplyTopology(shard, ref keys, ref values, isTombstone),
                    _ => null,
                };
        bool isOurs =
            type
            is StreamsGroupRecords.GroupType
                or (>= StreamsGroupRecords.MemberType and <= StreamsGroupRecords.TopologyType);
        if (isOurs && isRead != true)
        {
            CoordinatorTrace.Log.Warn(
                "skipped a record of a streams group that cannot be read",
                ("partition", shard.PartitionLog.Name),
                ("type", type)
            );
        }
        return isOurs;
    }

    private static bool ApplyGroup(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (!StreamsGroupMetadataKey.TryRead(ref keys, Version, out StreamsGroupMetadataKey key))
        {
            return false;
        }
        if (isTombstone)
        {
            if (shard.FindStreams(key.GroupId) is { } gone)
            {
                gone.Stop(shard);
                shard.Remove(key.GroupId);
                shard.KeepIfItHasOffsets(key.GroupId);
            }
            return true;
        }
        if (!StreamsGroupMetadataValue.TryRead(ref values, Version, out StreamsGroupMetadataValue value))
        {
            return false;
        }
        shard
            .GetOrCreateStreams(key.GroupId)
            .SetState(
                new StreamsGroupState(
                    value.Epoch,
                    value.MetadataHash,
                    value.ValidatedTopologyEpoch,
                    [.. (value.LastAssignmentConfigs ?? []).Select(one => new AssignmentSetting(one.Key, one.Value))],
                    value.StoredDescriptionTopologyEpoch,
                    value.FailedDescriptionTopologyEpoch
                )
            );
        return true;
    }

    private static bool ApplyTopology(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (!StreamsGroupTopologyKey.TryRead(ref keys, Version, out StreamsGroupTopologyKey key))
        {
            return false;
        }
        if (isTombstone)
        {
            shard.FindStreams(key.GroupId)?.SetTopology(null);
            return true;
        }
        if (!StreamsGroupTopologyValue.TryRead(ref values, Version, out StreamsGroupTopologyValue value))
        {
            return false;
        }
        shard.GetOrCreateStreams(key.GroupId).SetTopology(new StreamsTopology(value));
        return true;
    }

    private static bool ApplyMember(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (!StreamsGroupMemberMetadataKey.TryRead(ref keys, Version, out StreamsGroupMemberMetadataKey key))
        {
            return false;
        }
        if (isTombstone)
        {
            if (shard.FindStreams(key.GroupId) is { } left)
            {
                left.TimersOf(key.MemberId).Stop(shard.Core);
                left.Remove(key.MemberId);
            }
            return true;
        }
        if (!StreamsGroupMemberMetadataValue.TryRead(ref values, Version, out StreamsGroupMemberMetadataValue value))
        {
            return false;
        }
        StreamsGroup group = shard.GetOrCreateStreams(key.GroupId);
        group.Set(
            (group.Find(key.MemberId) ?? new StreamsMember(key.MemberId)) with
            {
                InstanceId = value.InstanceId,
                RackId = value.RackId,
                ClientId = value.ClientId,
                ClientHost = value.ClientHost,
                RebalanceTimeoutMs = value.RebalanceTimeoutMs,
                TopologyEpoch = value.TopologyEpoch,
                ProcessId = value.ProcessId,
                Endpoint = value.UserEndpoint is { } endpoint
                    ? new StreamsEndpoint(endpoint.Host, endpoint.Port)
                    : null,
                Tags =
                [
                    .. value
                        .ClientTags.Select(tag => new ClientTag(tag.Key, tag.Value))
                        .OrderBy(tag => tag.Key, StringComparer.Ordinal),
                ],
            }
        );
        return true;
    }

    private static bool ApplyTargetEpoch(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (
            !StreamsGroupTargetAssignmentMetadataKey.TryRead(
                ref keys,
                Version,
                out StreamsGroupTargetAssignmentMetadataKey key
            )
        )
        {
            return false;
        }
        if (isTombstone)
        {
            shard.FindStreams(key.GroupId)?.SetTargetEpoch(0, 0);
            return true;
        }
        if (
            !StreamsGroupTargetAssignmentMetadataValue.TryRead(
                ref values,
                Version,
                out StreamsGroupTargetAssignmentMetadataValue value
            )
        )
        {
            return false;
        }
        shard.GetOrCreateStreams(key.GroupId).SetTargetEpoch(value.AssignmentEpoch, value.AssignmentTimestamp);
        return true;
    }

    private static bool ApplyTarget(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (
            !StreamsGroupTargetAssignmentMemberKey.TryRead(
                ref keys,
                Version,
                out StreamsGroupTargetAssignmentMemberKey key
            )
        )
        {
            return false;
        }
        if (isTombstone)
        {
            shard.FindStreams(key.GroupId)?.SetTarget(key.MemberId, null);
            return true;
        }
        if (
            !StreamsGroupTargetAssignmentMemberValue.TryRead(
                ref values,
                Version,
                out StreamsGroupTargetAssignmentMemberValue value
            )
        )
        {
            return false;
        }
        shard
            .GetOrCreateStreams(key.GroupId)
            .SetTarget(
                key.MemberId,
                new MemberTasks(
                    StreamsGroupRecords.Read(value.ActiveTasks),
                    StreamsGroupRecords.Read(value.StandbyTasks),
                    StreamsGroupRecords.Read(value.WarmupTasks)
                )
            );
        return true;
    }

    private static bool ApplyAssignment(GroupShard shard, ref WireReader keys, ref WireReader values, bool isTombstone)
    {
        if (
            !StreamsGroupCurrentMemberAssignmentKey.TryRead(
                ref keys,
                Version,
                out StreamsGroupCurrentMemberAssignmentKey key
            )
        )
        {
            return false;
        }
        if (isTombstone)
        {
            if (shard.FindStreams(key.GroupId) is { } left && left.Find(key.MemberId) is { } reset)
            {
                left.Set(
                    reset with
                    {
                        Epoch = 0,
                        PreviousEpoch = 0,
                        State = MemberState.Stable,
                        Assigned = MemberTasks.Empty,
                        PendingRevocation = MemberTasks.Empty,
                    }
                );
            }
            return true;
        }
        if (
            !StreamsGroupCurrentMemberAssignmentValue.TryRead(
                ref values,
                Version,
                out StreamsGroupCurrentMemberAssignmentValue value
            )
        )
        {
            return false;
        }
        StreamsGroup group = shard.GetOrCreateStreams(key.GroupId);
        group.Set(
            (group.Find(key.MemberId) ?? new StreamsMember(key.MemberId)) with
            {
                Epoch = value.MemberEpoch,
                PreviousEpoch = value.PreviousMemberEpoch,
                State = MemberStates.Read(value.State),
                Assigned = new MemberTasks(
                    StreamsGroupRecords.Read(value.ActiveTasks),
                    StreamsGroupRecords.Read(value.StandbyTasks),
                    StreamsGroupRecords.Read(value.WarmupTasks)
                ),
                PendingRevocation = new MemberTasks(
                    StreamsGroupRecords.Read(value.ActiveTasksPendingRevocation),
                    StreamsGroupRecords.Read(value.StandbyTasksPendingRevocation),
                    StreamsGroupRecords.Read(value.WarmupTasksPendingRevocation)
                ),
            }
        );
        return true;
    }
}
