using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DeleteTopics (20).</summary>
internal sealed class DeleteTopicsHandler(ServerCore server)
    : ControlHandler<DeleteTopicsRequest, DeleteTopicsResponse>(server, DeleteTopicsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.DeleteTopics;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<DeleteTopicsResponse> HandleAsync(
        RequestContext context,
        DeleteTopicsRequest request
    ) => await Server.Server.Controller.DeleteTopicsAsync(context.Core, request, context.Version);
}
