using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>OffsetDelete (47).</summary>
internal sealed class OffsetDeleteHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<OffsetDeleteRequest, OffsetDeleteResponse>(server, OffsetDeleteRequest.TryRead)
{
    public override ApiKey Key => ApiKey.OffsetDelete;

    protected override async ValueTask<OffsetDeleteResponse> HandleAsync(
        RequestContext context,
        OffsetDeleteRequest request
    ) => await groups.OffsetDeleteAsync(context.Core, context.Caller, request);
}
