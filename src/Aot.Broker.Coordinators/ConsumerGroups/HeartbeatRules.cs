using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>What a ConsumerGroupHeartbeat must look like, whatever the group (KIP-848, "Request Validation").</summary>
internal static class HeartbeatRules
{
    private const int Leaving = -1;

    /// <summary>The first version in which the client makes its member id.</summary>
    private const short FirstWithClientIds = 1;

    public static Refusal? Check(ConsumerGroupHeartbeatRequest request, short version, ConsumerGroupOptions options)
    {
        string? fault = request switch
        {
            { GroupId: var id } when string.IsNullOrWhiteSpace(id) => "GroupId can't be empty.",
            { InstanceId: { } instance } when string.IsNullOrWhiteSpace(instance) => "InstanceId can't be empty.",
            { RackId: { } rack } when string.IsNullOrWhiteSpace(rack) => "RackId can't be empty.",
            _ when version >= FirstWithClientIds && string.IsNullOrWhiteSpace(request.MemberId) =>
                "MemberId can't be empty.",
            { MemberEpoch: > 0 or Leaving } when string.IsNullOrWhiteSpace(request.MemberId) =>
                "MemberId can't be empty.",
            { MemberEpoch: ConsumerMember.EpochOfStaticAway } when string.IsNullOrWhiteSpace(request.MemberId) =>
                "MemberId can't be empty.",
            { MemberEpoch: ConsumerMember.EpochOfStaticAway, InstanceId: null } => "InstanceId can't be null.",
            { MemberEpoch: < ConsumerMember.EpochOfStaticAway } => $"MemberEpoch {request.MemberEpoch} is invalid.",
            { MemberEpoch: 0 } => CheckJoin(request),
            _ => null,
        };
        if (fault is not null)
        {
            return new Refusal(ErrorCode.InvalidRequest, fault);
        }
        if (request.ServerAssignor is { } assignor && !options.Assignors.Contains(assignor))
        {
            return new Refusal(
                ErrorCode.UnsupportedAssignor,
                $"ServerAssignor {assignor} is not supported. Supported assignors: {string.Join(", ", options.Assignors)}."
            );
        }
        return null;
    }

    private static string? CheckJoin(ConsumerGroupHeartbeatRequest request)
    {
        if (request.RebalanceTimeoutMs == -1)
        {
            return "RebalanceTimeoutMs must be provided in first request.";
        }
        if (request.TopicPartitions is not { Count: 0 })
        {
            return "TopicPartitions must be empty when (re-)joining.";
        }
        return request.SubscribedTopicNames is null && request.SubscribedTopicRegex is null
            ? "Either SubscribedTopicNames or SubscribedTopicRegex must be non-null when (re-)joining."
            : null;
    }
}
