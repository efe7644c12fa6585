using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using Answered = Aot.Broker.Protocol.Messages.OffsetForLeaderEpochResponse.EpochEndOffset;
using Asked = Aot.Broker.Protocol.Messages.OffsetForLeaderEpochRequest.OffsetForLeaderPartition;

namespace Aot.Broker.Server.Handlers;

/// <summary>OffsetForLeaderEpoch (23): where an epoch of a partition's history ended.</summary>
internal sealed class OffsetForLeaderEpochHandler(ServerCore server)
    : ControlHandler<OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse>(
        server,
        OffsetForLeaderEpochRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.OffsetForLeaderEpoch;

    protected override async ValueTask<OffsetForLeaderEpochResponse> HandleAsync(
        RequestContext context,
        OffsetForLeaderEpochRequest request
    )
    {
        List<Asked> questions = [];
        List<PartitionCalls.Place> places = [];
        foreach (OffsetForLeaderEpochRequest.OffsetForLeaderTopic topic in request.Topics)
        {
            foreach (Asked asked in topic.Partitions)
            {
                questions.Add(asked);
                places.Add(PartitionCalls.Find(context, context.Image.Topic(topic.Topic), asked.Partition));
            }
        }
        Answered[] answers = await PartitionCalls.AskAsync(
            context,
            places,
            (i, log) => ValueTask.FromResult(Answer(questions[i], log)),
            (i, error) => Refuse(questions[i], error)
        );
        OffsetForLeaderEpochResponse response = new();
        int next = 0;
        foreach (OffsetForLeaderEpochRequest.OffsetForLeaderTopic topic in request.Topics)
        {
            response.Topics.Add(
                new OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult
                {
                    Topic = topic.Topic,
                    Partitions = [.. answers.AsSpan(next, topic.Partitions.Count)],
                }
            );
            next += topic.Partitions.Count;
        }
        return response;
    }

    private static Answered Refuse(Asked asked, ErrorCode error) =>
        new() { Partition = asked.Partition, ErrorCode = (short)error };

    private static Answered Answer(Asked asked, PartitionLog log)
    {
        if (asked.CurrentLeaderEpoch >= 0 && asked.CurrentLeaderEpoch != log.LeaderEpoch)
        {
            return Refuse(
                asked,
                asked.CurrentLeaderEpoch < log.LeaderEpoch ? ErrorCode.FencedLeaderEpoch : ErrorCode.UnknownLeaderEpoch
            );
        }
        (int epoch, long endOffset) = log.EndOffsetForEpoch(asked.LeaderEpoch);
        return new Answered
        {
            Partition = asked.Partition,
            LeaderEpoch = epoch,
            EndOffset = endOffset,
        };
    }
}
