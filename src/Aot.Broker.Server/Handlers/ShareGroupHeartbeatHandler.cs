using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ShareGroupHeartbeat (76), KIP-932.</summary>
internal sealed class ShareGroupHeartbeatHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse>(
        server,
        ShareGroupHeartbeatRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.ShareGroupHeartbeat;

    protected override async ValueTask<ShareGroupHeartbeatResponse> HandleAsync(
        RequestContext context,
        ShareGroupHeartbeatRequest request
    ) =>
        ShareGroupRequests.AreServed(context.Image)
            ? await groups.Shares.HeartbeatAsync(context.Core, context.Caller, request)
            : new ShareGroupHeartbeatResponse { ErrorCode = (short)ErrorCode.UnsupportedVersion };
}
