using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using DescribedTopic = Aot.Broker.Protocol.Messages.DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic;

namespace Aot.Broker.Server.Handlers;

/// <summary>
/// DescribeTopicPartitions (75): topics sorted by name, a bounded number of partitions per answer, and a cursor to the next.
/// </summary>
internal sealed class DescribeTopicPartitionsHandler(ServerCore server)
    : ControlHandler<DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse>(
        server,
        DescribeTopicPartitionsRequest.TryRead
    )
{
    public override ApiKey Key => ApiKey.DescribeTopicPartitions;

    protected override ValueTask<DescribeTopicPartitionsResponse> HandleAsync(
        RequestContext context,
        DescribeTopicPartitionsRequest request
    ) => ValueTask.FromResult(Make(context, request));

    private DescribeTopicPartitionsResponse Make(RequestContext context, DescribeTopicPartitionsRequest request)
    {
        DescribeTopicPartitionsResponse response = new();
        HashSet<int> alive = [.. context.Image.Brokers.Where(broker => !broker.Fenced).Select(broker => broker.Id)];
        int room = Math.Max(1, Math.Min(request.ResponsePartitionLimit, Server.Options.DescribedPartitionsMax));
        string from = request.Cursor?.TopicName ?? "";
        foreach (string name in Names(context.Image, request, from))
        {
            TopicImage? topic = context.Image.Topic(name);
            if (topic is null)
            {
                response.Topics.Add(Unknown(name));
                continue;
            }
            if (room == 0)
            {
                response.NextCursor = new DescribeTopicPartitionsResponse.Cursor { TopicName = name };
                break;
            }
            int first =
                request.Cursor is { } cursor && name == cursor.TopicName ? Math.Max(cursor.PartitionIndex, 0) : 0;
            int end = (int)Math.Min(topic.Partitions.Length, (long)first + room);
            response.Topics.Add(Describe(context.Image, topic, first, end, alive));
            room -= Math.Max(end - first, 0);
            if (end < topic.Partitions.Length)
            {
                response.NextCursor = new DescribeTopicPartitionsResponse.Cursor
                {
                    TopicName = name,
                    PartitionIndex = end,
                };
                break;
            }
        }
        return response;
    }

    private static IEnumerable<string> Names(
        MetadataImage image,
        DescribeTopicPartitionsRequest request,
        string from
    ) =>
        request.Topics.Count == 0
            ? image.TopicsFrom(from).Select(topic => topic.Name)
            : request
                .Topics.Select(topic => topic.Name)
                .Where(name => string.CompareOrdinal(name, from) >= 0)
                .Distinct()
                .Order(StringComparer.Ordinal);

    private static DescribedTopic Unknown(string name) =>
        new()
        {
            ErrorCode = (short)(
                Cluster.TopicNames.Problem(name) is null
                    ? ErrorCode.UnknownTopicOrPartition
                    : ErrorCode.InvalidTopicException
            ),
            Name = name,
            IsInternal = TopicImage.IsInternalName(name),
        };

    private static DescribedTopic Describe(
        MetadataImage image,
        TopicImage topic,
        int first,
        int end,
        HashSet<int> alive
    )
    {
        DescribedTopic described = new()
        {
            Name = topic.Name,
            TopicId = topic.Id,
            IsInternal = topic.IsInternal,
            TopicAuthorizedOperations = AuthorizedOperations.Topic,
        };
        for (int i = first; i < end; i++)
        {
            PartitionImage partition = topic.Partitions[i];
            bool hasLeader = partition.Leader >= 0 && alive.Contains(partition.Leader);
            described.Partitions.Add(
                new DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition
                {
                    ErrorCode = (short)(hasLeader ? ErrorCode.None : ErrorCode.LeaderNotAvailable),
                    PartitionIndex = i,
                    LeaderId = hasLeader ? partition.Leader : -1,
                    LeaderEpoch = partition.LeaderEpoch,
                    ReplicaNodes = [.. partition.Replicas],
                    IsrNodes = [.. partition.Isr],
                    EligibleLeaderReplicas = [.. partition.Elr],
                    LastKnownElr = [.. partition.LastKnownElr],
                    OfflineReplicas = partition.OfflineReplicas(image),
                }
            );
        }
        return described;
    }
}
