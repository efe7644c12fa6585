using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Described = Aot.Broker.Protocol.Messages.StreamsGroupDescribeResponse.DescribedGroup;
using Response = Aot.Broker.Protocol.Messages.StreamsGroupDescribeResponse;
using Stored = Aot.Broker.Protocol.Messages.StreamsGroupTopologyValue;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>StreamsGroupDescribe: a group with its topology, its members, what they run and what they shall run.</summary>
internal static class StreamsDescription
{
    /// <summary>No plug-in keeps descriptions of topologies here.</summary>
    private const sbyte NoDescription = 1;

    public static Described Of(GroupShard shard, string groupId, bool wantsTopologyDescription)
    {
        if (shard.FindStreams(groupId) is not { } group)
        {
            return new Described
            {
                GroupId = groupId,
                ErrorCode = (short)ErrorCode.GroupIdNotFound,
                ErrorMessage = MemberRefusals
                    .NoGroup(shard, groupId, StreamsAdmission.Kind, StreamsAdmission.LeavingTitle)
                    .Message,
            };
        }
        return new Described
        {
            GroupId = groupId,
            GroupState = group.StateName,
            GroupEpoch = group.Epoch,
            AssignmentEpoch = group.TargetEpoch,
            Topology = group.Topology is { } topology ? Describe(topology, group.Configured) : null,
            AssignorName = StickyTaskAssignor.Name,
            TopologyDescriptionStatus = wantsTopologyDescription ? NoDescription : (sbyte)0,
            Members =
            [
                .. group
                    .Members.OrderBy(member => member.MemberId, StringComparer.Ordinal)
                    .Select(member => Describe(group, member)),
            ],
        };
    }

    /// <summary>With the numbers of partitions that were decided, as soon as they are.</summary>
    private static Response.Topology Describe(StreamsTopology topology, ConfiguredTopology? configured)
    {
        IReadOnlyDictionary<string, int>? decided = configured is { IsReady: true } ? configured.Partitions : null;
        return new Response.Topology
        {
            Epoch = topology.Epoch,
            Subtopologies =
            [
                .. topology.Subtopologies.Select(subtopology => new Response.Subtopology
                {
                    SubtopologyId = subtopology.SubtopologyId,
                    SourceTopics = [.. subtopology.SourceTopics.Order(StringComparer.Ordinal)],
                    RepartitionSinkTopics = [.. subtopology.RepartitionSinkTopics.Order(StringComparer.Ordinal)],
                    StateChangelogTopics = Describe(subtopology.StateChangelogTopics, decided),
                    RepartitionSourceTopics = Describe(subtopology.RepartitionSourceTopics, decided),
                }),
            ],
        };
    }

    private static List<Response.TopicInfo> Describe(
        List<Stored.TopicInfo> topics,
        IReadOnlyDictionary<string, int>? decided
    ) =>
        [
            .. topics
                .OrderBy(topic => topic.Name, StringComparer.Ordinal)
                .Select(topic => new Response.TopicInfo
                {
                    Name = topic.Name,
                    Partitions = topic.Partitions == 0 && decided is not null ? decided[topic.Name] : topic.Partitions,
                    ReplicationFactor = topic.ReplicationFactor,
                    TopicConfigs =
                    [
                        .. topic.TopicConfigs.Select(config => new Response.KeyValue
                        {
                            Key = config.Key,
                            Value = config.Value,
                        }),
                    ],
                }),
        ];

    private static Response.Member Describe(StreamsGroup group, StreamsMember member)
    {
        TaskOffsets offsets = group.OffsetsOf(member.MemberId);
        return new Response.Member
        {
            MemberId = member.MemberId,
            MemberEpoch = member.Epoch,
            InstanceId = member.InstanceId,
            RackId = member.RackId,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            TopologyEpoch = member.TopologyEpoch,
            ProcessId = member.ProcessId,
            UserEndpoint = member.Endpoint is { } endpoint
                ? new Response.Endpoint { Host = endpoint.Host, Port = endpoint.Port }
                : null,
            ClientTags = [.. member.Tags.Select(tag => new Response.KeyValue { Key = tag.Key, Value = tag.Value })],
            TaskOffsets = [.. offsets.Positions.Select(Describe)],
            TaskEndOffsets = [.. offsets.Ends.Select(Describe)],
            Assignment = Describe(member.Assigned),
            TargetAssignment = Describe(group.Target(member.MemberId)),
        };
    }

    private static Response.TaskOffset Describe(TaskOffset offset) =>
        new()
        {
            SubtopologyId = offset.Task.Subtopology,
            Partition = offset.Task.Partition,
            Offset = offset.Offset,
        };

    private static Response.Assignment Describe(MemberTasks tasks) =>
        new()
        {
            ActiveTasks = Describe(tasks.Active),
            StandbyTasks = Describe(tasks.Standby),
            WarmupTasks = Describe(tasks.Warmup),
        };

    private static List<Response.TaskIds> Describe(TaskSet tasks) =>
        tasks.BySubtopology(
            static (id, ofOne) =>
                new Response.TaskIds { SubtopologyId = id, Partitions = [.. ofOne.Select(task => task.Partition)] }
        );
}
