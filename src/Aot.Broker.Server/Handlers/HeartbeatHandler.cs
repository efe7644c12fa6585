using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>Heartbeat (12).</summary>
internal sealed class HeartbeatHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<HeartbeatRequest, HeartbeatResponse>(server, HeartbeatRequest.TryRead)
{
    public override ApiKey Key => ApiKey.Heartbeat;

    protected override async ValueTask<HeartbeatResponse> HandleAsync(
        RequestContext context,
        HeartbeatRequest request
    ) => await groups.HeartbeatAsync(context.Core, context.Caller, request);
}
