using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using PartitionResult = Aot.Broker.Protocol.Messages.AddPartitionsToTxnResponse.AddPartitionsToTxnPartitionResult;
using Topic = Aot.Broker.Protocol.Messages.AddPartitionsToTxnRequest.AddPartitionsToTxnTopic;
using TopicResult = Aot.Broker.Protocol.Messages.AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// AddPartitionsToTxn (24): of producers below version 4; from version 4 on of brokers, several transactions at once, which
/// may also only ask whether partitions are in a transaction.
/// </summary>
internal sealed class AddPartitionsToTxnHandler(ServerCore server, TransactionCoordinator transactions)
    : ControlHandler<AddPartitionsToTxnRequest, AddPartitionsToTxnResponse>(server, AddPartitionsToTxnRequest.TryRead)
{
    private const short FirstOfBrokers = 4;
    private const short FirstWithFenced = 2;

    public override ApiKey Key => ApiKey.AddPartitionsToTxn;

    protected override async ValueTask<AddPartitionsToTxnResponse> HandleAsync(
        RequestContext context,
        AddPartitionsToTxnRequest request
    )
    {
        AddPartitionsToTxnResponse response = new();
        if (context.Version < FirstOfBrokers)
        {
            TransactionCaller caller = new(
                request.V3AndBelowTransactionalId,
                request.V3AndBelowProducerId,
                request.V3AndBelowProducerEpoch
            );
            response.ResultsByTopicV3AndBelow =
            [
                .. await AddAsync(context, caller, request.V3AndBelowTopics, verifyOnly: false, clientVersion: 0),
            ];
            return response;
        }
        foreach (AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction transaction in request.Transactions)
        {
            TransactionCaller caller = new(
                transaction.TransactionalId,
                transaction.ProducerId,
                transaction.ProducerEpoch
            );
            response.ResultsByTransaction.Add(
                new AddPartitionsToTxnResponse.AddPartitionsToTxnResult
                {
                    TransactionalId = transaction.TransactionalId,
                    TopicResults =
                    [
                        .. await AddAsync(
                            context,
                            caller,
                            transaction.Topics,
                            transaction.VerifyOnly,
                            TransactionRules.EpochBumpingVersion
                        ),
                    ],
                }
            );
        }
        return response;
    }

    /// <summary>All or nothing: beside a partition that does not exist, the others are not attempted.</summary>
    private async Task<IEnumerable<TopicResult>> AddAsync(
        RequestContext context,
        TransactionCaller caller,
        IReadOnlyList<Topic> topics,
        bool verifyOnly,
        short clientVersion
    )
    {
        TopicPartition[] partitions =
        [
            .. topics.SelectMany(topic => topic.Partitions.Select(p => new TopicPartition(topic.Name, p))).Distinct(),
        ];
        PartitionErrors errors = [];
        foreach (TopicPartition partition in partitions)
        {
            bool exists = context.Image.Topic(partition.Topic)?.Partition(partition.Partition) is not null;
            errors[partition] = exists ? ErrorCode.OperationNotAttempted : ErrorCode.UnknownTopicOrPartition;
        }
        if (!errors.ContainsValue(ErrorCode.UnknownTopicOrPartition))
        {
            errors = verifyOnly
                ? await transactions.VerifyAsync(context.Core, caller, partitions)
                : PartitionErrors.All(
                    partitions,
                    await transactions.AddAsync(context.Core, caller, partitions, clientVersion)
                );
        }
        // As in Apache Kafka what does not exist comes last.
        return topics
            .OrderBy(topic => context.Image.Topic(topic.Name) is null)
            .Select(topic => new TopicResult
            {
                Name = topic.Name,
                ResultsByPartition =
                [
                    .. topic.Partitions.Select(p => new PartitionResult
                    {
                        PartitionIndex = p,
                        PartitionErrorCode = (short)InVersion(
                            errors[new TopicPartition(topic.Name, p)],
                            context.Version
                        ),
                    }),
                ],
            });
    }

    private static ErrorCode InVersion(ErrorCode error, short version) =>
        error switch
        {
            ErrorCode.ProducerFenced when version < FirstWithFenced => ErrorCode.InvalidProducerEpoch,
            _ => error,
        };
}
