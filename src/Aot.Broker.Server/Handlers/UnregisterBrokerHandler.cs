using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>UnregisterBroker (64).</summary>
internal sealed class UnregisterBrokerHandler(ServerCore server)
    : ControlHandler<UnregisterBrokerRequest, UnregisterBrokerResponse>(server, UnregisterBrokerRequest.TryRead)
{
    public override ApiKey Key => ApiKey.UnregisterBroker;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<UnregisterBrokerResponse> HandleAsync(
        RequestContext context,
        UnregisterBrokerRequest request
    ) => await Server.Server.Controller.UnregisterBrokerAsync(context.Core, request);
}
