using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>What the records of streams groups do to a shard: the only way in which a <see cref="StreamsGroup"/> changes.</summary>
internal static class StreamsReplay
{
    /// <summary>False: it cannot be read. Null: the type belongs to something else.</summary>
    public static bool? Apply(GroupShard shard, in ReplayedRecord record) =>
        record.Type switch
        {
            StreamsGroupMetadataKey.RecordType => record.Read<StreamsGroupMetadataKey, StreamsGroupMetadataValue>(
                shard,
                ApplyGroup
            ),
            StreamsGroupTopologyKey.RecordType => record.Read<StreamsGroupTopologyKey, StreamsGroupTopologyValue>(
                shard,
                ApplyTopology
            ),
            StreamsGroupMemberMetadataKey.RecordType => record.Read<
                StreamsGroupMemberMetadataKey,
                StreamsGroupMemberMetadataValue
            >(shard, ApplyMember),
            StreamsGroupTargetAssignmentMetadataKey.RecordType => record.Read<
                StreamsGroupTargetAssignmentMetadataKey,
                StreamsGroupTargetAssignmentMetadataValue
            >(shard, ApplyTargetEpoch),
            StreamsGroupTargetAssignmentMemberKey.RecordType => record.Read<
                StreamsGroupTargetAssignmentMemberKey,
                StreamsGroupTargetAssignmentMemberValue
            >(shard, ApplyTarget),
            StreamsGroupCurrentMemberAssignmentKey.RecordType => record.Read<
                StreamsGroupCurrentMemberAssignmentKey,
                StreamsGroupCurrentMemberAssignmentValue
            >(shard, ApplyAssignment),
            _ => null,
        };

    private static void ApplyGroup(GroupShard shard, StreamsGroupMetadataKey key, StreamsGroupMetadataValue? value)
    {
        if (value is null)
        {
            if (shard.FindStreams(key.GroupId) is { } gone)
            {
                gone.Stop(shard);
                shard.Remove(key.GroupId);
                shard.KeepIfItHasOffsets(key.GroupId);
            }
            return;
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
    }

    private static void ApplyTopology(GroupShard shard, StreamsGroupTopologyKey key, StreamsGroupTopologyValue? value)
    {
        if (value is null)
        {
            shard.FindStreams(key.GroupId)?.SetTopology(null);
            return;
        }
        shard.GetOrCreateStreams(key.GroupId).SetTopology(new StreamsTopology(value));
    }

    private static void ApplyMember(
        GroupShard shard,
        StreamsGroupMemberMetadataKey key,
        StreamsGroupMemberMetadataValue? value
    )
    {
        if (value is null)
        {
            if (shard.FindStreams(key.GroupId) is { } left)
            {
                left.TimersOf(key.MemberId).Stop(shard.Core);
                left.Remove(key.MemberId);
            }
            return;
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
    }

    private static void ApplyTargetEpoch(
        GroupShard shard,
        StreamsGroupTargetAssignmentMetadataKey key,
        StreamsGroupTargetAssignmentMetadataValue? value
    )
    {
        if (value is null)
        {
            shard.FindStreams(key.GroupId)?.SetTargetEpoch(0, 0);
            return;
        }
        shard.GetOrCreateStreams(key.GroupId).SetTargetEpoch(value.AssignmentEpoch, value.AssignmentTimestamp);
    }

    private static void ApplyTarget(
        GroupShard shard,
        StreamsGroupTargetAssignmentMemberKey key,
        StreamsGroupTargetAssignmentMemberValue? value
    )
    {
        if (value is null)
        {
            shard.FindStreams(key.GroupId)?.SetTarget(key.MemberId, null);
            return;
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
    }

    private static void ApplyAssignment(
        GroupShard shard,
        StreamsGroupCurrentMemberAssignmentKey key,
        StreamsGroupCurrentMemberAssignmentValue? value
    )
    {
        if (value is null)
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
            return;
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
    }
}
