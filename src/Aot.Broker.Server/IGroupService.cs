using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server;

/// <summary>Who sent a group request, as far as groups care.</summary>
/// <param name="ClientId">The request header's client id, empty when null.</param>
/// <param name="ClientHost">The peer's address in Kafka's form: a slash and the address, without port.</param>
/// <param name="ApiVersion">The version of the request, which decides what an answer may say.</param>
public readonly record struct CallerFacts(string ClientId, string ClientHost, short ApiVersion);

/// <summary>
/// The coordinator of groups as the handlers call it, from any core; each method answers on the calling core. Where it is
/// absent the group APIs are not served.
/// </summary>
public interface IGroupService
{
    /// <summary>Which partition of the groups' topic answers for a group.</summary>
    int PartitionOf(string groupId, int partitionCount);

    Task<OffsetCommitResponse> OffsetCommitAsync(Core from, CallerFacts caller, OffsetCommitRequest request);

    Task<OffsetFetchResponse> OffsetFetchAsync(Core from, CallerFacts caller, OffsetFetchRequest request);

    Task<JoinGroupResponse> JoinGroupAsync(Core from, CallerFacts caller, JoinGroupRequest request);

    Task<HeartbeatResponse> HeartbeatAsync(Core from, CallerFacts caller, HeartbeatRequest request);

    Task<LeaveGroupResponse> LeaveGroupAsync(Core from, CallerFacts caller, LeaveGroupRequest request);

    Task<SyncGroupResponse> SyncGroupAsync(Core from, CallerFacts caller, SyncGroupRequest request);

    Task<DescribeGroupsResponse> DescribeGroupsAsync(Core from, CallerFacts caller, DescribeGroupsRequest request);

    Task<ListGroupsResponse> ListGroupsAsync(Core from, CallerFacts caller, ListGroupsRequest request);

    Task<DeleteGroupsResponse> DeleteGroupsAsync(Core from, CallerFacts caller, DeleteGroupsRequest request);

    Task<OffsetDeleteResponse> OffsetDeleteAsync(Core from, CallerFacts caller, OffsetDeleteRequest request);
}
