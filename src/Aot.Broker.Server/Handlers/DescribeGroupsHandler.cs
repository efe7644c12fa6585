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
    ) => await groups.DescribeGroupsAsync(context.Core, context.Caller, request);
}
