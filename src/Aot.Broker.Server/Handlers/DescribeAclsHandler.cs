using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeAcls (29): without an authorizer there are no access rules to show.</summary>
internal sealed class DescribeAclsHandler(ServerCore server)
    : ControlHandler<DescribeAclsRequest, DescribeAclsResponse>(server, DescribeAclsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.DescribeAcls;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<DescribeAclsResponse> HandleAsync(
        RequestContext context,
        DescribeAclsRequest request
    ) =>
        ValueTask.FromResult(
            new DescribeAclsResponse
            {
                ErrorCode = (short)ErrorCode.SecurityDisabled,
                ErrorMessage = SecurityDisabled.Message,
            }
        );
}
