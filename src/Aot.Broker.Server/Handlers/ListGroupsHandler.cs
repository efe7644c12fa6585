using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ListGroups (16).</summary>
internal sealed class ListGroupsHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<ListGroupsRequest, ListGroupsResponse>(server, ListGroupsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.ListGroups;

    protected override async ValueTask<ListGroupsResponse> HandleAsync(
        RequestContext context,
        ListGroupsRequest request
    ) => await groups.ListGroupsAsync(context.Core, context.Caller, request);
}
