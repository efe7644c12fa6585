using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DeleteAcls (31): without an authorizer there are no access rules to delete.</summary>
internal sealed class DeleteAclsHandler(ServerCore server)
    : ControlHandler<DeleteAclsRequest, DeleteAclsResponse>(server, DeleteAclsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.DeleteAcls;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<DeleteAclsResponse> HandleAsync(RequestContext context, DeleteAclsRequest request) =>
        ValueTask.FromResult(
            new DeleteAclsResponse
            {
                FilterResults =
                [
                    .. request.Filters.Select(_ => new DeleteAclsResponse.DeleteAclsFilterResult
                    {
                        ErrorCode = (short)ErrorCode.SecurityDisabled,
                        ErrorMessage = SecurityDisabled.Message,
                    }),
                ],
            }
        );
}
