using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ShareGroupDescribe (77), KIP-932.</summary>
internal sealed class ShareGroupDescribeHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<ShareGroupDescribeRequest, ShareGroupDescribeResponse>(server, ShareGroupDescribeRequest.TryRead)
{
    public override ApiKey Key => ApiKey.ShareGroupDescribe;

    protected override async ValueTask<ShareGroupDescribeResponse> HandleAsync(
        RequestContext context,
        ShareGroupDescribeRequest request
    )
    {
        if (!ShareGroupRequests.AreServed(context.Image))
        {
            return new ShareGroupDescribeResponse
            {
                Groups =
                [
                    .. request.GroupIds.Select(groupId => new ShareGroupDescribeResponse.DescribedGroup
                    {
                        GroupId = groupId,
                        ErrorCode = (short)ErrorCode.UnsupportedVersion,
                    }),
                ],
            };
        }
        ShareGroupDescribeResponse response = await groups.Shares.DescribeAsync(context.Core, request);
        if (request.IncludeAuthorizedOperations)
        {
            foreach (ShareGroupDescribeResponse.DescribedGroup group in response.Groups)
            {
                group.AuthorizedOperations = AuthorizedOperations.Group;
            }
        }
        return response;
    }
}
