using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>OffsetFetch (9).</summary>
internal sealed class OffsetFetchHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<OffsetFetchRequest, OffsetFetchResponse>(server, OffsetFetchRequest.TryRead)
{
    public override ApiKey Key => ApiKey.OffsetFetch;

    protected override async ValueTask<OffsetFetchResponse> HandleAsync(
        RequestContext context,
        OffsetFetchRequest request
    ) => await groups.OffsetFetchAsync(context.Core, context.Caller, request);
}
