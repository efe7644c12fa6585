using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ConsumerGroupDescribe (69), KIP-848.</summary>
internal sealed class ConsumerGroupDescribeHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse>(
        server,
        ConsumerGroupDescribeRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.ConsumerGroupDescribe;

    protected override async ValueTask<ConsumerGroupDescribeResponse> HandleAsync(
        RequestContext context,
        ConsumerGroupDescribeRequest request
    )
    {
        if (!groups.ServesConsumerGroups(context.Image))
        {
            return new ConsumerGroupDescribeResponse
            {
                Groups =
                [
                    .. request.GroupIds.Select(groupId => new ConsumerGroupDescribeResponse.DescribedGroup
                    {
                        GroupId = groupId,
                        ErrorCode = (short)ErrorCode.UnsupportedVersion,
                    }),
                ],
            };
        }
        ConsumerGroupDescribeResponse response = await groups.ConsumerDescribeAsync(context.Core, request);
        if (request.IncludeAuthorizedOperations)
        {
            foreach (ConsumerGroupDescribeResponse.DescribedGroup group in response.Groups)
            {
                group.AuthorizedOperations = AuthorizedOperations.Group;
            }
        }
        return response;
    }
}
