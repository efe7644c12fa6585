using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using Answered = Aot.Broker.Protocol.Messages.DescribeProducersResponse.PartitionResponse;

namespace Aot.Broker.Server.Handlers;

/// <summary>DescribeProducers (61): the idempotent and transactional producers that a partition remembers.</summary>
internal sealed class DescribeProducersHandler(ServerCore server)
    : ControlHandler<DescribeProducersRequest, DescribeProducersResponse>(server, DescribeProducersRequest.TryRead)
{
    private const string NoSuchTopic = "This server does not host this topic-partition.";

    public override ApiKey Key => ApiKey.DescribeProducers;

    protected override async ValueTask<DescribeProducersResponse> HandleAsync(
        RequestContext context,
        DescribeProducersRequest request
    )
    {
        List<PartitionCalls.Place> places = [];
        foreach (DescribeProducersRequest.TopicRequest topic in request.Topics)
        {
            foreach (int partition in topic.PartitionIndexes)
            {
                places.Add(PartitionCalls.Find(context, context.Image.Topic(topic.Name), partition));
            }
        }
        // As in Apache Kafka only a topic that is not there comes with a sentence.
        string?[] sentences =
        [
            .. request.Topics.SelectMany(topic =>
                Enumerable.Repeat(
                    context.Image.Topic(topic.Name) is null ? NoSuchTopic : null,
                    topic.PartitionIndexes.Count
                )
            ),
        ];
        string?[] problems =
        [
            .. request.Topics.SelectMany(topic =>
                Enumerable.Repeat(Cluster.TopicNames.Problem(topic.Name), topic.PartitionIndexes.Count)
            ),
        ];
        int[] indexes = [.. request.Topics.SelectMany(topic => topic.PartitionIndexes)];
        Answered[] answers = await PartitionCalls.AskAsync(
            context,
            places,
            (i, log) => ValueTask.FromResult(Describe(indexes[i], log)),
            (i, error) =>
                new Answered
                {
                    PartitionIndex = indexes[i],
                    ErrorCode = (short)(problems[i] is null ? error : ErrorCode.InvalidTopicException),
                    ErrorMessage = problems[i] ?? sentences[i],
                }
        );
        DescribeProducersResponse response = new();
        int next = 0;
        foreach (DescribeProducersRequest.TopicRequest topic in request.Topics)
        {
            response.Topics.Add(
                new DescribeProducersResponse.TopicResponse
                {
                    Name = topic.Name,
                    Partitions = [.. answers.AsSpan(next, topic.PartitionIndexes.Count)],
                }
            );
            next += topic.PartitionIndexes.Count;
        }
        return response;
    }

    private static Answered Describe(int partition, PartitionLog log) =>
        new()
        {
            PartitionIndex = partition,
            ActiveProducers =
            [
                .. log.DescribeProducers()
                    .Select(producer => new DescribeProducersResponse.ProducerState
                    {
                        ProducerId = producer.ProducerId,
                        ProducerEpoch = producer.ProducerEpoch,
                        LastSequence = producer.LastSequence,
                        LastTimestamp = producer.LastTimestamp,
                        CoordinatorEpoch = producer.CoordinatorEpoch,
                        CurrentTxnStartOffset = producer.CurrentTransactionStartOffset,
                    }),
            ],
        };
}
