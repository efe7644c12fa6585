using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DeleteGroups (42).</summary>
internal sealed class DeleteGroupsHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<DeleteGroupsRequest, DeleteGroupsResponse>(server, DeleteGroupsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.DeleteGroups;

    protected override async ValueTask<DeleteGroupsResponse> HandleAsync(
        RequestContext context,
        DeleteGroupsRequest request
    ) => await groups.DeleteGroupsAsync(context.Core, context.Caller, request);
}
