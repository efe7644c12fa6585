using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>OffsetCommit (8): answered when the offsets are in the group's log.</summary>
internal sealed class OffsetCommitHandler(ServerCore server, GroupCoordinator groups)
    : ControlHandler<OffsetCommitRequest, OffsetCommitResponse>(server, OffsetCommitRequest.TryRead)
{
    public override ApiKey Key => ApiKey.OffsetCommit;

    protected override async ValueTask<OffsetCommitResponse> HandleAsync(
        RequestContext context,
        OffsetCommitRequest request
    ) => await groups.OffsetCommitAsync(context.Core, context.Caller, request);
}
