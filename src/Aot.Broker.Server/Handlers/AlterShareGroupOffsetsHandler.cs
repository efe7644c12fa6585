using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>AlterShareGroupOffsets (91), KIP-932.</summary>
internal sealed class AlterShareGroupOffsetsHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse>(
        server,
        AlterShareGroupOffsetsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.AlterShareGroupOffsets;

    protected override async ValueTask<AlterShareGroupOffsetsResponse> HandleAsync(
        RequestContext context,
        AlterShareGroupOffsetsRequest request
    ) =>
        ShareGroupRequests.AreServed(context.Image)
            ? await groups.Shares.AlterOffsetsAsync(context.Core, request)
            : new AlterShareGroupOffsetsResponse { ErrorCode = (short)ErrorCode.UnsupportedVersion };
}
