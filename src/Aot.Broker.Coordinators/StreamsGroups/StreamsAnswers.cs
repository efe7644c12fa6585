using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Response = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatResponse;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>What a heartbeat made of a member.</summary>
internal readonly record struct StreamsStep(StreamsGroup Group, StreamsMember Before, StreamsMember After)
{
    public bool ChangesTasks => !After.Assigned.HasSameEpochs(Before.Assigned);

    public bool ChangesEndpoint => After.Endpoint != Before.Endpoint;
}

/// <summary>The answers of StreamsGroupHeartbeat.</summary>
internal static class StreamsAnswers
{
    private const short FirstWithTagStatus = 1;

    public static StreamsHeartbeatResult Refuse(in Refusal refusal) =>
        new(new Response { ErrorCode = (short)refusal.Error, ErrorMessage = refusal.Message }, []);

    public static StreamsHeartbeatResult Refuse(ErrorCode error) => new(new Response { ErrorCode = (short)error }, []);

    public static StreamsHeartbeatResult Left(string memberId, int epoch) =>
        new(
            new Response
            {
                MemberId = memberId,
                MemberEpoch = epoch,
                Status = [],
            },
            []
        );

    public static Response Beat(
        GroupShard shard,
        GroupCaller caller,
        StreamsGroupHeartbeatRequest request,
        in StreamsStep step,
        TopicProblem? delay
    )
    {
        StreamsGroup group = step.Group;
        StreamsMember member = step.After;
        StreamsSettings settings = shard.StreamsSettings;
        Response answer = new()
        {
            MemberId = member.MemberId,
            MemberEpoch = member.Epoch,
            HeartbeatIntervalMs = settings.HeartbeatIntervalMs(group.GroupId),
            TaskOffsetIntervalMs = settings.TaskOffsetIntervalMs(group.GroupId),
            AcceptableRecoveryLag = settings.AcceptableRecoveryLag(group.GroupId),
            Status = [.. Statuses(shard, caller, step, delay).Select(Status)],
        };
        if (request.MemberEpoch == 0 || step.ChangesTasks)
        {
            answer.ActiveTasks = Tasks(member.Assigned.Active);
            answer.StandbyTasks = Tasks(member.Assigned.Standby);
            answer.WarmupTasks = Tasks(member.Assigned.Warmup);
        }
        if (step.ChangesEndpoint || (step.ChangesTasks && member.Endpoint is not null))
        {
            group.EndpointEpoch++;
        }
        answer.EndpointInformationEpoch = group.EndpointEpoch;
        if (group.EndpointEpoch != request.EndpointInformationEpoch)
        {
            answer.PartitionsByUserEndpoint = EndpointPartitions.Of(group);
        }
        return answer;
    }

    private static List<TopicProblem> Statuses(
        GroupShard shard,
        GroupCaller caller,
        in StreamsStep step,
        TopicProblem? delay
    )
    {
        StreamsGroup group = step.Group;
        StreamsMember member = step.After;
        List<TopicProblem> statuses = [];
        if (member.TopologyEpoch < group.Topology!.Epoch)
        {
            statuses.Add(
                new TopicProblem(
                    StreamsStatus.StaleTopology,
                    $"The member's topology epoch {member.TopologyEpoch} is behind the group's topology epoch "
                        + $"{group.Topology.Epoch}."
                )
            );
        }
        if (delay is not null)
        {
            statuses.Add(delay);
        }
        if (group.Configured?.Problem is { } problem)
        {
            statuses.Add(problem);
        }
        if (group.ShutdownRequestedBy is { } requester)
        {
            statuses.Add(
                new TopicProblem(
                    StreamsStatus.ShutdownApplication,
                    $"Streams group member {requester} encountered a fatal error and requested a shutdown for the "
                        + "entire application."
                )
            );
        }
        string[] missing =
        [
            .. shard.StreamsSettings.RackAwareTags(group.GroupId).Where(tag => !member.Tags.Any(own => own.Key == tag)),
        ];
        if (caller.ApiVersion >= FirstWithTagStatus && missing.Length > 0)
        {
            statuses.Add(
                new TopicProblem(
                    StreamsStatus.MissingClientTags,
                    $"Missing required client tags for rack-aware standby assignment: [{string.Join(", ", missing)}]. "
                        + "Configure them via 'client.tag.<tagKey>' in your Streams config."
                )
            );
        }
        return statuses;
    }

    private static Response.StatusData Status(TopicProblem status) =>
        new() { StatusCode = (sbyte)status.Status, StatusDetail = status.Detail };

    private static List<Response.TaskIds> Tasks(TaskSet tasks) =>
        tasks.BySubtopology(
            static (id, ofOne) =>
                new Response.TaskIds { SubtopologyId = id, Partitions = [.. ofOne.Select(task => task.Partition)] }
        );
}
