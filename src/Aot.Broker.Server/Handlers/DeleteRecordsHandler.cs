using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using Answered = Aot.Broker.Protocol.Messages.DeleteRecordsResponse.DeleteRecordsPartitionResult;
using Asked = Aot.Broker.Protocol.Messages.DeleteRecordsRequest.DeleteRecordsPartition;

namespace Aot.Broker.Server.Handlers;

/// <summary>DeleteRecords (21): moves the start of logs forward. Offset -1 means all that consumers may read.</summary>
internal sealed class DeleteRecordsHandler(ServerCore server)
    : ControlHandler<DeleteRecordsRequest, DeleteRecordsResponse>(server, DeleteRecordsRequest.TryRead)
{
    private const long HighWatermark = -1;
    private const long NoWatermark = -1;

    public override ApiKey Key => ApiKey.DeleteRecords;

    protected override async ValueTask<DeleteRecordsResponse> HandleAsync(
        RequestContext context,
        DeleteRecordsRequest request
    )
    {
        List<Asked> questions = [];
        List<PartitionCalls.Place> places = [];
        foreach (DeleteRecordsRequest.DeleteRecordsTopic topic in request.Topics)
        {
            foreach (Asked asked in topic.Partitions)
            {
                PartitionCalls.Place place = PartitionCalls.Find(
                    context,
                    context.Image.Topic(topic.Name),
                    asked.PartitionIndex
                );
                if (TopicImage.IsInternalName(topic.Name))
                {
                    place = place with { Error = ErrorCode.InvalidTopicException };
                }
                questions.Add(asked);
                places.Add(place);
            }
        }
        Answered[] answers = await PartitionCalls.AskAsync(
            context,
            places,
            (i, log) => DeleteAsync(questions[i], log),
            (i, error) => Answer(questions[i], error, NoWatermark)
        );
        DeleteRecordsResponse response = new();
        int next = 0;
        foreach (DeleteRecordsRequest.DeleteRecordsTopic topic in request.Topics)
        {
            response.Topics.Add(
                new DeleteRecordsResponse.DeleteRecordsTopicResult
                {
                    Name = topic.Name,
                    Partitions = [.. answers.AsSpan(next, topic.Partitions.Count)],
                }
            );
            next += topic.Partitions.Count;
        }
        return response;
    }

    private static async ValueTask<Answered> DeleteAsync(Asked asked, PartitionLog log)
    {
        if (!log.Config.IsDeleting)
        {
            return Answer(asked, ErrorCode.PolicyViolation, NoWatermark);
        }
        long offset = asked.Offset == HighWatermark ? log.HighWatermark : asked.Offset;
        if (offset < 0 || offset > log.HighWatermark)
        {
            return Answer(asked, ErrorCode.OffsetOutOfRange, NoWatermark);
        }
        ErrorCode error = await log.DeleteRecordsAsync(offset);
        return Answer(asked, error, error == ErrorCode.None ? log.LogStartOffset : NoWatermark);
    }

    private static Answered Answer(Asked asked, ErrorCode error, long lowWatermark) =>
        new()
        {
            PartitionIndex = asked.PartitionIndex,
            ErrorCode = (short)error,
            LowWatermark = lowWatermark,
        };
}
