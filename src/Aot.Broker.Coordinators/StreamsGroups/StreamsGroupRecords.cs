using Aot.Broker.Protocol.Messages;
using Current = Aot.Broker.Protocol.Messages.StreamsGroupCurrentMemberAssignmentValue;
using MemberValue = Aot.Broker.Protocol.Messages.StreamsGroupMemberMetadataValue;
using Targeted = Aot.Broker.Protocol.Messages.StreamsGroupTargetAssignmentMemberValue;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>The records of <c>__consumer_offsets</c> that streams groups are made of, in Apache Kafka's own form.</summary>
internal static class StreamsGroupRecords
{
    private const short ValueVersion = 0;

    public static CoordinatorRecord Group(string groupId, StreamsGroupState state) =>
        new(
            GroupKey(groupId),
            RecordBytes.Value(
                new StreamsGroupMetadataValue
                {
                    Epoch = state.Epoch,
                    MetadataHash = state.MetadataHash,
                    ValidatedTopologyEpoch = state.ValidatedTopologyEpoch,
                    LastAssignmentConfigs =
                    [
                        .. state.Settings.Select(setting => new StreamsGroupMetadataValue.LastAssignmentConfig
                        {
                            Key = setting.Key,
                            Value = setting.Value,
                        }),
                    ],
                    StoredDescriptionTopologyEpoch = state.StoredDescriptionEpoch,
                    FailedDescriptionTopologyEpoch = state.FailedDescriptionEpoch,
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Topology(string groupId, StreamsTopology topology) =>
        new(TopologyKey(groupId), RecordBytes.Value(topology.Record, ValueVersion));

    public static CoordinatorRecord Member(string groupId, StreamsMember member) =>
        new(
            MemberKey(groupId, member.MemberId),
            RecordBytes.Value(
                new MemberValue
                {
                    InstanceId = member.InstanceId,
                    RackId = member.RackId,
                    ClientId = member.ClientId,
                    ClientHost = member.ClientHost,
                    RebalanceTimeoutMs = member.RebalanceTimeoutMs,
                    TopologyEpoch = member.TopologyEpoch,
                    ProcessId = member.ProcessId,
                    UserEndpoint = member.Endpoint is { } endpoint
                        ? new MemberValue.Endpoint { Host = endpoint.Host, Port = endpoint.Port }
                        : null,
                    ClientTags =
                    [
                        .. member.Tags.Select(tag => new MemberValue.KeyValue { Key = tag.Key, Value = tag.Value }),
                    ],
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord TargetEpoch(string groupId, int epoch, long timestampMs) =>
        new(
            TargetEpochKey(groupId),
            RecordBytes.Value(
                new StreamsGroupTargetAssignmentMetadataValue
                {
                    AssignmentEpoch = epoch,
                    AssignmentTimestamp = timestampMs,
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Target(string groupId, string memberId, MemberTasks target) =>
        new(
            TargetKey(groupId, memberId),
            RecordBytes.Value(
                new Targeted
                {
                    ActiveTasks = Aimed(target.Active),
                    StandbyTasks = Aimed(target.Standby),
                    WarmupTasks = Aimed(target.Warmup),
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Assignment(string groupId, StreamsMember member) =>
        new(
            CurrentKey(groupId, member.MemberId),
            RecordBytes.Value(
                new Current
                {
                    MemberEpoch = member.Epoch,
                    PreviousMemberEpoch = member.PreviousEpoch,
                    State = (sbyte)member.State,
                    ActiveTasks = Held(member.Assigned.Active, withEpochs: true),
                    StandbyTasks = Held(member.Assigned.Standby),
                    WarmupTasks = Held(member.Assigned.Warmup),
                    ActiveTasksPendingRevocation = Held(member.PendingRevocation.Active, withEpochs: true),
                    StandbyTasksPendingRevocation = Held(member.PendingRevocation.Standby),
                    WarmupTasksPendingRevocation = Held(member.PendingRevocation.Warmup),
                },
                ValueVersion
            )
        );

    /// <summary>Forgets a member, in the order in which Apache Kafka does: what refers to it first.</summary>
    public static IEnumerable<CoordinatorRecord> ForgetMember(string groupId, string memberId)
    {
        yield return new(CurrentKey(groupId, memberId), null);
        yield return new(TargetKey(groupId, memberId), null);
        yield return new(MemberKey(groupId, memberId), null);
    }

    /// <summary>Forgets a group, with members or without.</summary>
    public static IEnumerable<CoordinatorRecord> ForgetGroup(StreamsGroup group)
    {
        string groupId = group.GroupId;
        foreach (StreamsMember member in group.Members)
        {
            yield return new(CurrentKey(groupId, member.MemberId), null);
        }
        foreach (string memberId in group.TargetMembers)
        {
            yield return new(TargetKey(groupId, memberId), null);
        }
        yield return new(TargetEpochKey(groupId), null);
        foreach (StreamsMember member in group.Members)
        {
            yield return new(MemberKey(groupId, member.MemberId), null);
        }
        yield return new(GroupKey(groupId), null);
        yield return new(TopologyKey(groupId), null);
    }

    public static TaskSet Read(List<Targeted.TaskIds> tasks) =>
        TaskSet.Of(tasks.SelectMany(ids => ids.Partitions.Select(p => new StreamsTask(ids.SubtopologyId, p))));

    public static TaskSet Read(List<Current.TaskIds> tasks) =>
        TaskSet.Of(
            tasks.SelectMany(ids =>
                ids.Partitions.Select((p, i) => new StreamsTask(ids.SubtopologyId, p, EpochAt(ids.AssignmentEpochs, i)))
            )
        );

    private static int EpochAt(List<int>? epochs, int index) => epochs is { } all && index < all.Count ? all[index] : 0;

    private static List<Targeted.TaskIds> Aimed(TaskSet tasks) =>
        tasks.BySubtopology(
            static (id, ofOne) =>
                new Targeted.TaskIds { SubtopologyId = id, Partitions = [.. ofOne.Select(task => task.Partition)] }
        );

    private static List<Current.TaskIds> Held(TaskSet tasks, bool withEpochs = false) =>
        tasks.BySubtopology(
            (id, ofOne) =>
                new Current.TaskIds
                {
                    SubtopologyId = id,
                    Partitions = [.. ofOne.Select(task => task.Partition)],
                    AssignmentEpochs = withEpochs ? [.. ofOne.Select(task => task.Epoch)] : null,
                }
        );

    private static byte[] GroupKey(string groupId) =>
        RecordBytes.Key(StreamsGroupMetadataKey.RecordType, new StreamsGroupMetadataKey { GroupId = groupId });

    private static byte[] TopologyKey(string groupId) =>
        RecordBytes.Key(StreamsGroupTopologyKey.RecordType, new StreamsGroupTopologyKey { GroupId = groupId });

    private static byte[] MemberKey(string groupId, string memberId) =>
        RecordBytes.Key(
            StreamsGroupMemberMetadataKey.RecordType,
            new StreamsGroupMemberMetadataKey { GroupId = groupId, MemberId = memberId }
        );

    private static byte[] TargetEpochKey(string groupId) =>
        RecordBytes.Key(
            StreamsGroupTargetAssignmentMetadataKey.RecordType,
            new StreamsGroupTargetAssignmentMetadataKey { GroupId = groupId }
        );

    private static byte[] TargetKey(string groupId, string memberId) =>
        RecordBytes.Key(
            StreamsGroupTargetAssignmentMemberKey.RecordType,
            new StreamsGroupTargetAssignmentMemberKey { GroupId = groupId, MemberId = memberId }
        );

    private static byte[] CurrentKey(string groupId, string memberId) =>
        RecordBytes.Key(
            StreamsGroupCurrentMemberAssignmentKey.RecordType,
            new StreamsGroupCurrentMemberAssignmentKey { GroupId = groupId, MemberId = memberId }
        );
}
