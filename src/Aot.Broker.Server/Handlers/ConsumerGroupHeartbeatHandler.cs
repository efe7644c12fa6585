using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ConsumerGroupHeartbeat (68), KIP-848.</summary>
internal sealed class ConsumerGroupHeartbeatHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse>(
        server,
        ConsumerGroupHeartbeatRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.ConsumerGroupHeartbeat;

    protected override async ValueTask<ConsumerGroupHeartbeatResponse> HandleAsync(
        RequestContext context,
        ConsumerGroupHeartbeatRequest request
    ) =>
        groups.ServesConsumerGroups(context.Image)
            ? await groups.ConsumerHeartbeatAsync(context.Core, context.Caller, request)
            : new ConsumerGroupHeartbeatResponse { ErrorCode = (short)ErrorCode.UnsupportedVersion };
}
