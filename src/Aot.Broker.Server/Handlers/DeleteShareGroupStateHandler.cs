using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>DeleteShareGroupState (86): a group coordinator forgets the state of share partitions.</summary>
internal sealed class DeleteShareGroupStateHandler(ServerCore server, ShareStateCoordinator states)
    : ControlHandler<DeleteShareGroupStateRequest, DeleteShareGroupStateResponse>(
        server,
        DeleteShareGroupStateRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DeleteShareGroupState;

    protected override async ValueTask<DeleteShareGroupStateResponse> HandleAsync(
        RequestContext context,
        DeleteShareGroupStateRequest request
    )
    {
        DeleteShareGroupStateResponse response = new();
        if (request.GroupId.Length == 0 || request.Topics.Exists(static topic => topic.Partitions.Count == 0))
        {
            return response;
        }
        foreach (DeleteShareGroupStateRequest.DeleteStateData topic in request.Topics)
        {
            DeleteShareGroupStateResponse.DeleteStateResult result = new() { TopicId = topic.TopicId };
            foreach (DeleteShareGroupStateRequest.PartitionData asked in topic.Partitions)
            {
                ShareStateKey key = new(request.GroupId, topic.TopicId, asked.Partition);
                ApiError refusal = await states.DeleteAsync(context.Core, key);
                result.Partitions.Add(
                    new DeleteShareGroupStateResponse.PartitionResult
                    {
                        Partition = asked.Partition,
                        ErrorCode = (short)refusal.Code,
                        ErrorMessage = refusal.Message,
                    }
                );
            }
            response.Results.Add(result);
        }
        return response;
    }
}
