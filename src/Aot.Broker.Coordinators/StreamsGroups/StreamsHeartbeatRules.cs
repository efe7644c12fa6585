using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>What a StreamsGroupHeartbeat must look like, whatever the group (KIP-1071, "Request Validation").</summary>
internal static class StreamsHeartbeatRules
{
    public static Refusal? Check(StreamsGroupHeartbeatRequest request)
    {
        bool hasExpressions =
            request.Topology is { } declared
            && declared.Subtopologies.Any(subtopology => subtopology.SourceTopicRegex.Count > 0);
        bool joins = request.MemberEpoch == 0;
        string? fault =
            hasExpressions ? "Regular expressions for source topics are not supported yet."
            : string.IsNullOrWhiteSpace(request.MemberId) ? "MemberId can't be empty."
            : string.IsNullOrWhiteSpace(request.GroupId) ? "GroupId can't be empty."
            : request.InstanceId is { } instance && string.IsNullOrWhiteSpace(instance) ? "InstanceId can't be empty."
            : request.RackId is { } rack && string.IsNullOrWhiteSpace(rack) ? "RackId can't be empty."
            : joins ? CheckJoin(request)
            : request.MemberEpoch == ConsumerMember.EpochOfStaticAway && request.InstanceId is null
                ? "InstanceId can't be null."
            : request.MemberEpoch < ConsumerMember.EpochOfStaticAway
                ? $"MemberEpoch is {request.MemberEpoch}, but must be greater than or equal to "
                    + $"{ConsumerMember.EpochOfStaticAway}."
            : null;
        if (fault is null && joins && CheckChangelogs(request.Topology!) is { } invalid)
        {
            return new Refusal(ErrorCode.StreamsInvalidTopology, invalid);
        }
        fault ??=
            SaysOnlyPart(request) ? "If one task-type is non-null, all must be non-null."
            : !joins && request.Topology is not null ? "Topology can only be provided when (re-)joining."
            : null;
        return fault is null ? null : new Refusal(ErrorCode.InvalidRequest, fault);
    }

    private static string? CheckJoin(StreamsGroupHeartbeatRequest request) =>
        request.RebalanceTimeoutMs == -1 ? "RebalanceTimeoutMs must be provided in first request."
        : request.ActiveTasks is not { Count: 0 } ? "ActiveTasks must be empty when (re-)joining."
        : request.StandbyTasks is not { Count: 0 } ? "StandbyTasks must be empty when (re-)joining."
        : request.WarmupTasks is not { Count: 0 } ? "WarmupTasks must be empty when (re-)joining."
        : request.Topology is null ? "Topology must be non-null when (re-)joining."
        : null;

    /// <summary>How many partitions a changelog has follows from the tasks.</summary>
    private static string? CheckChangelogs(StreamsGroupHeartbeatRequest.TopologyData topology)
    {
        foreach (StreamsGroupHeartbeatRequest.Subtopology subtopology in topology.Subtopologies)
        {
            foreach (StreamsGroupHeartbeatRequest.TopicInfo changelog in subtopology.StateChangelogTopics)
            {
                if (changelog.Partitions != 0)
                {
                    return $"Changelog topic {changelog.Name} must have an undefined partition count, but it is set to "
                        + $"{changelog.Partitions}.";
                }
            }
        }
        return null;
    }

    private static bool SaysOnlyPart(StreamsGroupHeartbeatRequest request)
    {
        bool saysAny =
            request.ActiveTasks is not null || request.StandbyTasks is not null || request.WarmupTasks is not null;
        return saysAny && (request.ActiveTasks is null || request.StandbyTasks is null || request.WarmupTasks is null);
    }

    /// <summary>A member can only hold tasks that the topology has.</summary>
    public static Refusal? CheckTasks(StreamsGroupHeartbeatRequest request, ConfiguredTopology topology)
    {
        foreach (
            StreamsGroupHeartbeatRequest.TaskIds ids in (request.ActiveTasks ?? [])
                .Concat(request.StandbyTasks ?? [])
                .Concat(request.WarmupTasks ?? [])
        )
        {
            if (topology.Find(ids.SubtopologyId) is not { } subtopology)
            {
                return new Refusal(
                    ErrorCode.InvalidRequest,
                    $"Subtopology {ids.SubtopologyId} does not exist in the topology."
                );
            }
            foreach (int partition in ids.Partitions)
            {
                if (partition < 0 || partition >= subtopology.TaskCount)
                {
                    return new Refusal(
                        ErrorCode.InvalidRequest,
                        $"Task {partition} for subtopology {ids.SubtopologyId} is invalid. Number of tasks for this "
                            + $"subtopology: {subtopology.TaskCount}"
                    );
                }
            }
        }
        return null;
    }
}
