using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>CreatePartitions (37): more partitions for topics.</summary>
internal sealed class CreatePartitionsHandler(ServerCore server)
    : ControlHandler<CreatePartitionsRequest, CreatePartitionsResponse>(server, CreatePartitionsRequest.TryRead)
{
    public override ApiKey Key => ApiKey.CreatePartitions;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<CreatePartitionsResponse> HandleAsync(
        RequestContext context,
        CreatePartitionsRequest request
    ) => await Server.Server.Controller.CreatePartitionsAsync(context.Core, request);
}
