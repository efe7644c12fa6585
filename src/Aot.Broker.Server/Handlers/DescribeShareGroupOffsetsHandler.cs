using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeShareGroupOffsets (90), KIP-932 and, for the lag, KIP-1226.</summary>
internal sealed class DescribeShareGroupOffsetsHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse>(
        server,
        DescribeShareGroupOffsetsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DescribeShareGroupOffsets;

    protected override async ValueTask<DescribeShareGroupOffsetsResponse> HandleAsync(
        RequestContext context,
        DescribeShareGroupOffsetsRequest request
    ) =>
        ShareGroupRequests.AreServed(context.Image)
            ? await groups.Shares.DescribeOffsetsAsync(context.Core, request)
            : new DescribeShareGroupOffsetsResponse
            {
                Groups =
                [
                    .. request.Groups.Select(
                        group => new DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup
                        {
                            GroupId = group.GroupId,
                            ErrorCode = (short)ErrorCode.UnsupportedVersion,
                        }
                    ),
                ],
            };
}
