using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>AlterConfigs (33): replaces all settings of a resource.</summary>
internal sealed class AlterConfigsHandler(ServerCore server)
    : ControlHandler<AlterConfigsRequest, AlterConfigsResponse>(server, AlterConfigsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.AlterConfigs;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<AlterConfigsResponse> HandleAsync(
        RequestContext context,
        AlterConfigsRequest request
    ) => await Server.Server.Controller.AlterConfigsAsync(context.Core, request);
}
