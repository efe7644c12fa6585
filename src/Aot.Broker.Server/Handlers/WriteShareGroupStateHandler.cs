using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>WriteShareGroupState (85): a partition's leader notes what happened to records.</summary>
internal sealed class WriteShareGroupStateHandler(ServerCore server, ShareStateCoordinator states)
    : ControlHandler<WriteShareGroupStateRequest, WriteShareGroupStateResponse>(
        server,
        WriteShareGroupStateRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.WriteShareGroupState;

    protected override async ValueTask<WriteShareGroupStateResponse> HandleAsync(
        RequestContext context,
        WriteShareGroupStateRequest request
    )
    {
        WriteShareGroupStateResponse response = new();
        if (request.GroupId.Length == 0 || request.Topics.Exists(static topic => topic.Partitions.Count == 0))
        {
            return response;
        }
        foreach (WriteShareGroupStateRequest.WriteStateData topic in request.Topics)
        {
            WriteShareGroupStateResponse.WriteStateResult result = new() { TopicId = topic.TopicId };
            foreach (WriteShareGroupStateRequest.PartitionData asked in topic.Partitions)
            {
                ShareStateKey key = new(request.GroupId, topic.TopicId, asked.Partition);
                ShareStateWrite write = new(
                    asked.StateEpoch,
                    asked.LeaderEpoch,
                    asked.StartOffset,
                    asked.DeliveryCompleteCount,
                    [
                        .. asked.StateBatches.Select(batch => new ShareStateBatch(
                            batch.FirstOffset,
                            batch.LastOffset,
                            batch.DeliveryState,
                            batch.DeliveryCount
                        )),
                    ]
                );
                ApiError refusal = await states.WriteAsync(context.Core, key, write);
                result.Partitions.Add(
                    new WriteShareGroupStateResponse.PartitionResult
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
