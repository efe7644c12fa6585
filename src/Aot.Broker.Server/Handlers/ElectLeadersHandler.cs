using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ElectLeaders (43).</summary>
internal sealed class ElectLeadersHandler(ServerCore server)
    : ControlHandler<ElectLeadersRequest, ElectLeadersResponse>(server, ElectLeadersRequest.TryRead)
{
    public override ApiKey Key => ApiKey.ElectLeaders;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<ElectLeadersResponse> HandleAsync(
        RequestContext context,
        ElectLeadersRequest request
    ) => await Server.Server.Controller.ElectLeadersAsync(context.Core, request, context.Version);
}
