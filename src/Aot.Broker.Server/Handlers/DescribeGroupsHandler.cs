using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeGroups (15).</summary>
internal sealed class DescribeGroupsHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<DescribeGroupsRequest, DescribeGroupsResponse>(server, DescribeGroupsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.DescribeGroups;

    protected override async ValueTask<DescribeGroupsResponse> HandleAsync(
        RequestContext context,
        DescribeGroupsRequest request
    )
    {
        DescribeGroupsResponse response = await groups.DescribeGroupsAsync(context.Core, context.Caller, request);
        if (request.IncludeAuthorizedOperations)
        {
            foreach (DescribeGroupsResponse.DescribedGroup group in response.Groups)
            {
                group.AuthorizedOperations = AuthorizedOperations.Group;
            }
        }
        return response;
    }
}
