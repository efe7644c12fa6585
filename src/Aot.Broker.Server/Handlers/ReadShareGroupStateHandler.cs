using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ReadShareGroupState (84): a partition's leader begins to serve a share group.</summary>
internal sealed class ReadShareGroupStateHandler(ServerCore server, ShareStateCoordinator states)
    : ControlHandler<ReadShareGroupStateRequest, ReadShareGroupStateResponse>(
        server,
        ReadShareGroupStateRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.ReadShareGroupState;

    protected override async ValueTask<ReadShareGroupStateResponse> HandleAsync(
        RequestContext context,
        ReadShareGroupStateRequest request
    )
    {
        ReadShareGroupStateResponse response = new();
        if (request.GroupId.Length == 0 || request.Topics.Exists(static topic => topic.Partitions.Count == 0))
        {
            return response;
        }
        foreach (ReadShareGroupStateRequest.ReadStateData topic in request.Topics)
        {
            ReadShareGroupStateResponse.ReadStateResult result = new() { TopicId = topic.TopicId };
            foreach (ReadShareGroupStateRequest.PartitionData asked in topic.Partitions)
            {
                ShareStateKey key = new(request.GroupId, topic.TopicId, asked.Partition);
                ShareStateRead read = await states.ReadAsync(context.Core, key, asked.LeaderEpoch);
                result.Partitions.Add(
                    new ReadShareGroupStateResponse.PartitionResult
                    {
                        Partition = asked.Partition,
                        ErrorCode = (short)read.Error,
                        ErrorMessage = read.Refusal.Message,
                        StateEpoch = read.StateEpoch,
                        StartOffset = read.StartOffset,
                        StateBatches =
                        [
                            .. read.Batches.Select(batch => new ReadShareGroupStateResponse.StateBatch
                            {
                                FirstOffset = batch.FirstOffset,
                                LastOffset = batch.LastOffset,
                                DeliveryState = batch.DeliveryState,
                                DeliveryCount = batch.DeliveryCount,
                            }),
                        ],
                    }
                );
            }
            response.Results.Add(result);
        }
        return response;
    }
}
