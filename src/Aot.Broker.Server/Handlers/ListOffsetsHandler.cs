using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using Answered = Aot.Broker.Protocol.Messages.ListOffsetsResponse.ListOffsetsPartitionResponse;
using Asked = Aot.Broker.Protocol.Messages.ListOffsetsRequest.ListOffsetsPartition;

namespace Aot.Broker.Server.Handlers;

/// <summary>ListOffsets (2): offsets by time, and the special times that mean an end of the log.</summary>
internal sealed class ListOffsetsHandler(ServerCore server)
    : ControlHandler<ListOffsetsRequest, ListOffsetsResponse>(server, ListOffsetsRequest.TryRead)
{
    private const long Latest = -1;
    private const long Earliest = -2;
    private const long MaxTimestamp = -3;
    private const long EarliestLocal = -4;
    private const long LatestTiered = -5;
    private const long EarliestPendingUpload = -6;
    private const sbyte ReadCommitted = 1;
    private const short FirstWithLeaderEpoch = 4;

    public override ApiKey Key => ApiKey.ListOffsets;

    protected override async ValueTask<ListOffsetsResponse> HandleAsync(
        RequestContext context,
        ListOffsetsRequest request
    )
    {
        HashSet<(string, int)> seen = [];
        HashSet<(string, int)> twice = [];
        foreach (ListOffsetsRequest.ListOffsetsTopic topic in request.Topics)
        {
            foreach (Asked asked in topic.Partitions)
            {
                if (!seen.Add((topic.Name, asked.PartitionIndex)))
                {
                    twice.Add((topic.Name, asked.PartitionIndex));
                }
            }
        }
        List<Asked> questions = [];
        List<PartitionCalls.Place> places = [];
        foreach (ListOffsetsRequest.ListOffsetsTopic topic in request.Topics)
        {
            foreach (Asked asked in topic.Partitions)
            {
                PartitionCalls.Place place = PartitionCalls.Find(
                    context,
                    context.Image.Topic(topic.Name),
                    asked.PartitionIndex
                );
                if (twice.Contains((topic.Name, asked.PartitionIndex)))
                {
                    place = place with { Error = ErrorCode.InvalidRequest };
                }
                else if (!IsKnown(asked.Timestamp, context.Version))
                {
                    place = place with { Error = ErrorCode.UnsupportedVersion };
                }
                questions.Add(asked);
                places.Add(place);
            }
        }
        Answered[] answers = await PartitionCalls.AskAsync(
            context,
            places,
            (i, log) => ValueTask.FromResult(Answer(request, questions[i], log)),
            (i, error) => Refuse(questions[i], error)
        );
        if (context.Version < FirstWithLeaderEpoch)
        {
            foreach (Answered answer in answers)
            {
                answer.LeaderEpoch = -1;
            }
        }
        return Arrange(request, answers);
    }

    private static ListOffsetsResponse Arrange(ListOffsetsRequest request, Answered[] answers)
    {
        ListOffsetsResponse response = new();
        int next = 0;
        foreach (ListOffsetsRequest.ListOffsetsTopic topic in request.Topics)
        {
            response.Topics.Add(
                new ListOffsetsResponse.ListOffsetsTopicResponse
                {
                    Name = topic.Name,
                    Partitions = [.. answers.AsSpan(next, topic.Partitions.Count)],
                }
            );
            next += topic.Partitions.Count;
        }
        return response;
    }

    private static bool IsKnown(long timestamp, short version) =>
        timestamp switch
        {
            >= 0 or Latest or Earliest => true,
            MaxTimestamp => version >= 7,
            EarliestLocal => version >= 8,
            LatestTiered => version >= 9,
            EarliestPendingUpload => version >= 11,
            _ => false,
        };

    private static Answered Refuse(Asked asked, ErrorCode error) =>
        new() { PartitionIndex = asked.PartitionIndex, ErrorCode = (short)error };

    private static Answered Answer(ListOffsetsRequest request, Asked asked, PartitionLog log)
    {
        if (asked.CurrentLeaderEpoch >= 0 && asked.CurrentLeaderEpoch != log.LeaderEpoch)
        {
            return Refuse(
                asked,
                asked.CurrentLeaderEpoch < log.LeaderEpoch ? ErrorCode.FencedLeaderEpoch : ErrorCode.UnknownLeaderEpoch
            );
        }
        // Followers see all that is written, consumers what they may fetch.
        long limit =
            request.ReplicaId >= 0 ? log.LogEndOffset
            : request.IsolationLevel == ReadCommitted ? log.LastStableOffset
            : log.HighWatermark;
        return asked.Timestamp switch
        {
            Latest => Found(asked, limit, -1, log.LeaderEpoch),
            Earliest or EarliestLocal => Found(asked, log.LogStartOffset, -1, log.EpochOf(log.LogStartOffset)),
            // Nothing is tiered, so nothing waits to be.
            LatestTiered or EarliestPendingUpload => Found(asked, -1, -1, -1),
            MaxTimestamp => FoundTime(asked, log.OffsetOfMaxTimestamp(), limit, request.ReplicaId),
            _ => FoundTime(asked, log.OffsetForTimestamp(asked.Timestamp), limit, request.ReplicaId),
        };
    }

    /// <summary>A record that consumers may not fetch yet is not there for them.</summary>
    private static Answered FoundTime(Asked asked, TimestampOffset found, long limit, int replicaId)
    {
        if (found.Error != ErrorCode.None)
        {
            return Refuse(asked, found.Error);
        }
        return found.Offset < 0 || (replicaId < 0 && found.Offset >= limit)
            ? Found(asked, -1, -1, -1)
            : Found(asked, found.Offset, found.Timestamp, found.LeaderEpoch);
    }

    private static Answered Found(Asked asked, long offset, long timestamp, int leaderEpoch) =>
        new()
        {
            PartitionIndex = asked.PartitionIndex,
            Offset = offset,
            Timestamp = timestamp,
            LeaderEpoch = leaderEpoch,
        };
}
