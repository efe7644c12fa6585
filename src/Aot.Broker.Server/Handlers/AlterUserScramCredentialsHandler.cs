using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>AlterUserScramCredentials (51).</summary>
internal sealed class AlterUserScramCredentialsHandler(ServerCore server)
    : ControlHandler<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>(
        server,
        AlterUserScramCredentialsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.AlterUserScramCredentials;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<AlterUserScramCredentialsResponse> HandleAsync(
        RequestContext context,
        AlterUserScramCredentialsRequest request
    ) => await Server.Server.Controller.AlterUserScramCredentialsAsync(context.Core, request);
}
