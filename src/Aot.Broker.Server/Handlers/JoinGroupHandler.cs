using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>JoinGroup (11): answered when the group's rebalance is complete.</summary>
internal sealed class JoinGroupHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<JoinGroupRequest, JoinGroupResponse>(server, JoinGroupRequest.TryRead)
{
    public override ApiKey Key => ApiKey.JoinGroup;

    protected override async ValueTask<JoinGroupResponse> HandleAsync(
        RequestContext context,
        JoinGroupRequest request
    ) => await groups.JoinGroupAsync(context.Core, context.Caller, request);
}
