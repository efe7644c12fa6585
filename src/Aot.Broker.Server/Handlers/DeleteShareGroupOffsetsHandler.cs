using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DeleteShareGroupOffsets (92), KIP-932.</summary>
internal sealed class DeleteShareGroupOffsetsHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse>(
        server,
        DeleteShareGroupOffsetsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DeleteShareGroupOffsets;

    protected override async ValueTask<DeleteShareGroupOffsetsResponse> HandleAsync(
        RequestContext context,
        DeleteShareGroupOffsetsRequest request
    ) =>
        ShareGroupRequests.AreServed(context.Image)
            ? await groups.Shares.DeleteOffsetsAsync(context.Core, request)
            : new DeleteShareGroupOffsetsResponse { ErrorCode = (short)ErrorCode.UnsupportedVersion };
}
