using Aot.Broker.Cluster;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ListPartitionReassignments (46).</summary>
internal sealed class ListPartitionReassignmentsHandler(ServerCore server)
    : ControlHandler<ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse>(
        server,
        ListPartitionReassignmentsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.ListPartitionReassignments;

    public override ListenerRole Roles => ListenerRole.Broker | ListenerRole.Controller;

    protected override ValueTask<ListPartitionReassignmentsResponse> HandleAsync(
        RequestContext context,
        ListPartitionReassignmentsRequest request
    ) => ValueTask.FromResult(Controller.ListPartitionReassignments(context.Image, request));
}
