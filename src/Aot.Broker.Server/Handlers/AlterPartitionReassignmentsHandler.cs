using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>AlterPartitionReassignments (45).</summary>
internal sealed class AlterPartitionReassignmentsHandler(ServerCore server)
    : ControlHandler<AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse>(
        server,
        AlterPartitionReassignmentsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.AlterPartitionReassignments;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override async ValueTask<AlterPartitionReassignmentsResponse> HandleAsync(
        RequestContext context,
        AlterPartitionReassignmentsRequest request
    ) => await Server.Server.Controller.AlterPartitionReassignmentsAsync(context.Core, request);
}
