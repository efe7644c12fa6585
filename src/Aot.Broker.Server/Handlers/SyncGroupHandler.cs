using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>SyncGroup (14): answered when the leader has brought the assignment.</summary>
internal sealed class SyncGroupHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<SyncGroupRequest, SyncGroupResponse>(server, SyncGroupRequest.TryRead)
{
    public override ApiKey Key => ApiKey.SyncGroup;

    protected override async ValueTask<SyncGroupResponse> HandleAsync(
        RequestContext context,
        SyncGroupRequest request
    ) => await groups.SyncGroupAsync(context.Core, context.Caller, request);
}
