using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Handlers;

/// <summary>ReadShareGroupStateSummary (87): where share groups stand, without their batches.</summary>
internal sealed class ReadShareGroupStateSummaryHandler(ServerCore server, ShareStateCoordinator states)
    : ControlHandler<ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse>(
        server,
        ReadShareGroupStateSummaryRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.ReadShareGroupStateSummary;

    protected override async ValueTask<ReadShareGroupStateSummaryResponse> HandleAsync(
        RequestContext context,
        ReadShareGroupStateSummaryRequest request
    )
    {
        ReadShareGroupStateSummaryResponse response = new();
        if (request.GroupId.Length == 0 || request.Topics.Exists(static topic => topic.Partitions.Count == 0))
        {
            return response;
        }
        foreach (ReadShareGroupStateSummaryRequest.ReadStateSummaryData topic in request.Topics)
        {
            ReadShareGroupStateSummaryResponse.ReadStateSummaryResult result = new() { TopicId = topic.TopicId };
            foreach (ReadShareGroupStateSummaryRequest.PartitionData asked in topic.Partitions)
            {
                ShareStateKey key = new(request.GroupId, topic.TopicId, asked.Partition);
                ShareStateSummary read = await states.SummarizeAsync(context.Core, key);
                result.Partitions.Add(
                    new ReadShareGroupStateSummaryResponse.PartitionResult
                    {
                        Partition = asked.Partition,
                        ErrorCode = (short)read.Error,
                        ErrorMessage = read.Refusal.Message,
                        StateEpoch = read.StateEpoch,
                        LeaderEpoch = read.LeaderEpoch,
                        StartOffset = read.StartOffset,
                        DeliveryCompleteCount = read.DeliveryCompleteCount,
                    }
                );
            }
            response.Results.Add(result);
        }
        return response;
    }
}
