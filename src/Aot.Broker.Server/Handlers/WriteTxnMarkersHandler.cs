using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using PartitionResult = Aot.Broker.Protocol.Messages.WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult;
using TopicResult = Aot.Broker.Protocol.Messages.WriteTxnMarkersResponse.WritableTxnMarkerTopicResult;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// WriteTxnMarkers (27): ends transactions in partitions of this broker. Other coordinators send it, and administrators who
/// abort a transaction that its coordinator has forgotten.
/// </summary>
internal sealed class WriteTxnMarkersHandler(ServerCore server, TransactionCoordinator transactions)
    : ControlHandler<WriteTxnMarkersRequest, WriteTxnMarkersResponse>(server, WriteTxnMarkersRequest.TryRead)
{
    public override ApiKey Key => ApiKey.WriteTxnMarkers;

    protected override async ValueTask<WriteTxnMarkersResponse> HandleAsync(
        RequestContext context,
        WriteTxnMarkersRequest request
    )
    {
        WriteTxnMarkersResponse response = new();
        foreach (WriteTxnMarkersRequest.WritableTxnMarker marker in request.Markers)
        {
            response.Markers.Add(await WriteAsync(context, marker));
        }
        return response;
    }

    private async Task<WriteTxnMarkersResponse.WritableTxnMarkerResult> WriteAsync(
        RequestContext context,
        WriteTxnMarkersRequest.WritableTxnMarker marker
    )
    {
        TransactionMarker ending = new(
            marker.ProducerId,
            marker.ProducerEpoch,
            marker.TransactionResult,
            marker.CoordinatorEpoch,
            marker.TransactionVersion >= TransactionRules.EpochBumpingVersion
        );
        TopicPartition[] partitions =
        [
            .. marker
                .Topics.SelectMany(topic => topic.PartitionIndexes.Select(p => new TopicPartition(topic.Name, p)))
                .Distinct(),
        ];
        Dictionary<TopicPartition, ErrorCode> results = await TransactionMarkers.WriteAsync(
            context.Core,
            transactions.NodeId,
            ending,
            partitions
        );
        return new WriteTxnMarkersResponse.WritableTxnMarkerResult
        {
            ProducerId = marker.ProducerId,
            Topics =
            [
                .. marker.Topics.Select(topic => new TopicResult
                {
                    Name = topic.Name,
                    Partitions =
                    [
                        .. topic.PartitionIndexes.Select(p => new PartitionResult
                        {
                            PartitionIndex = p,
                            ErrorCode = (short)results[new TopicPartition(topic.Name, p)],
                        }),
                    ],
                }),
            ],
        };
    }
}
