using Aot.Broker.Cluster;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeUserScramCredentials (50): read from the image.</summary>
internal sealed class DescribeUserScramCredentialsHandler(ServerCore server)
    : ControlHandler<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>(
        server,
        DescribeUserScramCredentialsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DescribeUserScramCredentials;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<DescribeUserScramCredentialsResponse> HandleAsync(
        RequestContext context,
        DescribeUserScramCredentialsRequest request
    ) => ValueTask.FromResult(ScramControl.Describe(context.Image, request));
}
