using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>AlterClientQuotas (49).</summary>
internal sealed class AlterClientQuotasHandler(ServerCore server)
    : ControlHandler<AlterClientQuotasRequest, AlterClientQuotasResponse>(server, AlterClientQuotasRequest.TryRead)
{
    public override ApiKey Key => ApiKey.AlterClientQuotas;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<AlterClientQuotasResponse> HandleAsync(
        RequestContext context,
        AlterClientQuotasRequest request
    ) => await Server.Server.Controller.AlterClientQuotasAsync(context.Core, request);
}
