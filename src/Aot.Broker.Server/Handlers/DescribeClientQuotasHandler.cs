using Aot.Broker.Cluster;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeClientQuotas (48): read from the image.</summary>
internal sealed class DescribeClientQuotasHandler(ServerCore server)
    : ControlHandler<DescribeClientQuotasRequest, DescribeClientQuotasResponse>(
        server,
        DescribeClientQuotasRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DescribeClientQuotas;

    public override ListenerRole Roles => ListenerRole.Broker;

    protected override ValueTask<DescribeClientQuotasResponse> HandleAsync(
        RequestContext context,
        DescribeClientQuotasRequest request
    ) => ValueTask.FromResult(QuotaControl.Describe(context.Image, request));
}
