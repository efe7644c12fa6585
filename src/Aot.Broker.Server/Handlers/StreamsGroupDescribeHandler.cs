using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>StreamsGroupDescribe (89), KIP-1071.</summary>
internal sealed class StreamsGroupDescribeHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<StreamsGroupDescribeRequest, StreamsGroupDescribeResponse>(
        server,
        StreamsGroupDescribeRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.StreamsGroupDescribe;

    protected override async ValueTask<StreamsGroupDescribeResponse> HandleAsync(
        RequestContext context,
        StreamsGroupDescribeRequest request
    )
    {
        if (!groups.ServesStreamsGroups(context.Image))
        {
            return new StreamsGroupDescribeResponse
            {
                Groups =
                [
                    .. request.GroupIds.Select(groupId => new StreamsGroupDescribeResponse.DescribedGroup
                    {
                        GroupId = groupId,
                        ErrorCode = (short)ErrorCode.UnsupportedVersion,
                    }),
                ],
            };
        }
        StreamsGroupDescribeResponse response = await groups.StreamsDescribeAsync(context.Core, request);
        foreach (StreamsGroupDescribeResponse.DescribedGroup group in response.Groups)
        {
            if (request.IncludeAuthorizedOperations && group.ErrorCode == 0)
            {
                group.AuthorizedOperations = AuthorizedOperations.Group;
            }
        }
        return response;
    }
}
