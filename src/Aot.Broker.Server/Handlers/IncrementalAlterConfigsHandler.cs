using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>IncrementalAlterConfigs (44): sets, deletes, appends to and subtracts from settings.</summary>
internal sealed class IncrementalAlterConfigsHandler(ServerCore server)
    : ControlHandler<IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse>(
        server,
        IncrementalAlterConfigsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.IncrementalAlterConfigs;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<IncrementalAlterConfigsResponse> HandleAsync(
        RequestContext context,
        IncrementalAlterConfigsRequest request
    ) => await Server.Server.Controller.IncrementalAlterConfigsAsync(context.Core, request);
}
