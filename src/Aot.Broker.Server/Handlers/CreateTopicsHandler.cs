using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>CreateTopics (19): the controller decides; the answer comes when every core knows the topics.</summary>
internal sealed class CreateTopicsHandler(ServerCore server)
    : ControlHandler<CreateTopicsRequest, CreateTopicsResponse>(server, CreateTopicsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.CreateTopics;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<CreateTopicsResponse> HandleAsync(
        RequestContext context,
        CreateTopicsRequest request
    ) => await Server.Server.Controller.CreateTopicsAsync(context.Core, request);
}
