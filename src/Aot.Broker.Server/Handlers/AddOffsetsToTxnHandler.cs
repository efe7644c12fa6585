using Aot.Broker.Cluster;
using Aot.Broker.Coordinators;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Handlers;

/// <summary>AddOffsetsToTxn (25): adds the partition that holds a group's offsets to the transaction.</summary>
internal sealed class AddOffsetsToTxnHandler(ServerCore server, TransactionCoordinator transactions)
    : ControlHandler<AddOffsetsToTxnRequest, AddOffsetsToTxnResponse>(server, AddOffsetsToTxnRequest.TryRead)
{
    private const short FirstWithFenced = 2;

    public override ApiKey Key => ApiKey.AddOffsetsToTxn;

    protected override async ValueTask<AddOffsetsToTxnResponse> HandleAsync(
        RequestContext context,
        AddOffsetsToTxnRequest request
    )
    {
        TopicImage? topic = context.Image.Topic(TopicImage.GroupMetadataTopic);
        if (topic is null)
        {
            // The first group of all: some clients do not ask again.
            await Server.TopicCreation.WhenMadeAsync(TopicImage.GroupMetadataTopic);
            topic = Server.Image.Topic(TopicImage.GroupMetadataTopic);
        }
        if (topic is null)
        {
            return new AddOffsetsToTxnResponse { ErrorCode = (short)ErrorCode.CoordinatorNotAvailable };
        }
        TopicPartition partition = new(topic.Name, CoordinatorPartition.Of(request.GroupId, topic.Partitions.Length));
        ErrorCode error = await transactions.AddAsync(
            context.Core,
            new TransactionCaller(request.TransactionalId, request.ProducerId, request.ProducerEpoch),
            [partition]
        );
        bool knowsFenced = context.Version >= FirstWithFenced;
        return new AddOffsetsToTxnResponse
        {
            ErrorCode = (short)(
                error == ErrorCode.ProducerFenced && !knowsFenced ? ErrorCode.InvalidProducerEpoch : error
            ),
        };
    }
}
