using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>UpdateFeatures (57): the levels of the cluster's features.</summary>
internal sealed class UpdateFeaturesHandler(ServerCore server)
    : ControlHandler<UpdateFeaturesRequest, UpdateFeaturesResponse>(server, UpdateFeaturesRequest.TryRead)
{
    public override ApiKey Key => ApiKey.UpdateFeatures;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<UpdateFeaturesResponse> HandleAsync(
        RequestContext context,
        UpdateFeaturesRequest request
    ) => await Server.Server.Controller.UpdateFeaturesAsync(context.Core, request, context.Version);
}
