using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>CreateAcls (30): without an authorizer there is nobody to keep access rules.</summary>
internal sealed class CreateAclsHandler(ServerCore server)
    : ControlHandler<CreateAclsRequest, CreateAclsResponse>(server, CreateAclsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.CreateAcls;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<CreateAclsResponse> HandleAsync(RequestContext context, CreateAclsRequest request) =>
        ValueTask.FromResult(
            new CreateAclsResponse
            {
                Results =
                [
                    .. request.Creations.Select(_ => new CreateAclsResponse.AclCreationResult
                    {
                        ErrorCode = (short)ErrorCode.SecurityDisabled,
                        ErrorMessage = SecurityDisabled.Message,
                    }),
                ],
            }
        );
}
