using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>LeaveGroup (13).</summary>
internal sealed class LeaveGroupHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<LeaveGroupRequest, LeaveGroupResponse>(server, LeaveGroupRequest.TryRead)
{
    public override ApiKey Key => ApiKey.LeaveGroup;

    protected override async ValueTask<LeaveGroupResponse> HandleAsync(
        RequestContext context,
        LeaveGroupRequest request
    ) => await groups.LeaveGroupAsync(context.Core, context.Caller, request);
}
