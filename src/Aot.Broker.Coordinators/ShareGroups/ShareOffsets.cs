using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using AlteredTopic = Aot.Broker.Protocol.Messages.AlterShareGroupOffsetsResponse.AlterShareGroupOffsetsResponseTopic;
using AlterPartition = Aot.Broker.Protocol.Messages.AlterShareGroupOffsetsRequest.AlterShareGroupOffsetsRequestPartition;
using AlterTopic = Aot.Broker.Protocol.Messages.AlterShareGroupOffsetsRequest.AlterShareGroupOffsetsRequestTopic;
using DeletedTopic = Aot.Broker.Protocol.Messages.DeleteShareGroupOffsetsResponse.DeleteShareGroupOffsetsResponseTopic;
using DeleteTopic = Aot.Broker.Protocol.Messages.DeleteShareGroupOffsetsRequest.DeleteShareGroupOffsetsRequestTopic;
using DescribedGroup = Aot.Broker.Protocol.Messages.DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseGroup;
using DescribedPartition = Aot.Broker.Protocol.Messages.DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponsePartition;
using DescribedTopic = Aot.Broker.Protocol.Messages.DescribeShareGroupOffsetsResponse.DescribeShareGroupOffsetsResponseTopic;
using DescribeGroup = Aot.Broker.Protocol.Messages.DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup;
using DescribeTopic = Aot.Broker.Protocol.Messages.DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestTopic;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>Where share groups stand, for people: seen, set and forgotten through the share coordinator. Runs on the shard's core.</summary>
internal sealed class ShareOffsets(GroupShard shard)
{
    private const long Unknown = SharePartitionState.Unknown;

    private const string NonEmpty = "The group is not empty.";

    private ShareStates States => shard.Shares.States;

    /// <summary>DescribeShareGroupOffsets of one group: the named partitions, or all that it has state of.</summary>
    public async Task<DescribedGroup> DescribeAsync(DescribeGroup request)
    {
        DescribedGroup group = new() { GroupId = request.GroupId };
        foreach (DescribeTopic asked in request.Topics ?? AllTopics(request.GroupId))
        {
            TopicImage? topic = shard.Metadata.Image.Topic(asked.TopicName);
            DescribedTopic described = new() { TopicName = asked.TopicName, TopicId = topic?.Id ?? KafkaUuid.Zero };
            foreach (int partition in asked.Partitions)
            {
                described.Partitions.Add(
                    topic is null
                        ? new DescribedPartition { PartitionIndex = partition, StartOffset = Unknown }
                        : await DescribeAsync(request.GroupId, topic, partition)
                );
            }
            group.Topics.Add(described);
        }
        return group;
    }

    private List<DescribeTopic> AllTopics(string groupId)
    {
        List<DescribeTopic> topics = [];
        foreach (TopicPartitions held in shard.FindShare(groupId)?.Partitions.Initialized.Topics ?? [])
        {
            if (shard.Metadata.Image.Topic(held.Topic) is { } topic)
            {
                topics.Add(new DescribeTopic { TopicName = topic.Name, Partitions = held.Numbers() });
            }
        }
        return topics;
    }

    private async Task<DescribedPartition> DescribeAsync(string groupId, TopicImage topic, int partition)
    {
        ShareStateSummary state = shard.Persister is { } persister
            ? await persister.SummarizeAsync(shard.Core, new ShareStateKey(groupId, topic.Id, partition))
            : ShareStateSummary.Refuse(ErrorTexts.Refusal(ErrorCode.CoordinatorNotAvailable));
        DescribedPartition described = new()
        {
            PartitionIndex = partition,
            StartOffset = state.Error == ErrorCode.None ? state.StartOffset : Unknown,
            LeaderEpoch = state.LeaderEpoch,
            Lag = Unknown,
        };
        bool isKnown =
            state.Error == ErrorCode.None && state.StartOffset != Unknown && state.DeliveryCompleteCount != Unknown;
        if (isKnown)
        {
            long end = await EndOffsetAsync(topic, partition);
            if (end < 0)
            {
                return new DescribedPartition
                {
                    PartitionIndex = partition,
                    ErrorCode = (short)ErrorCode.NotLeaderOrFollower,
                };
            }
            described.Lag = end - state.StartOffset - state.DeliveryCompleteCount;
        }
        return described;
    }

    /// <summary>The partition's high watermark; -1: it is not here.</summary>
    private Task<long> EndOffsetAsync(TopicImage topic, int partition) =>
        shard.Core.CallAsync(
            PartitionPlacement.CoreOf(topic.Id, partition, shard.Core.CoreCount),
            core =>
                ValueTask.FromResult(
                    core.Find<LogSet>()?.Find(topic.Id, partition) is { } log ? log.HighWatermark : -1L
                )
        );

    /// <summary>AlterShareGroupOffsets: the state of the partitions is begun anew at the offsets. The group must have no members.</summary>
    public async Task<AlterShareGroupOffsetsResponse> AlterAsync(AlterShareGroupOffsetsRequest request)
    {
        ShardGroup? existing = shard.FindAny(request.GroupId);
        if (existing is not (null or ShareGroup))
        {
            Refusal refusal = ShareDescription.NoGroup(shard, request.GroupId);
            return RefuseAlter(refusal.Error, refusal.Message);
        }
        if (existing is { IsVacant: false })
        {
            return RefuseAlter(ErrorCode.NonEmptyGroup, NonEmpty);
        }
        MetadataImage image = shard.Metadata.Image;
        AlterShareGroupOffsetsResponse response = new();
        PartitionSet.Builder altered = new();
        Dictionary<string, long> offsets = [];
        foreach (AlterTopic asked in request.Topics)
        {
            TopicImage? topic = image.Topic(asked.TopicName);
            AlteredTopic answer = new() { TopicName = asked.TopicName, TopicId = topic?.Id ?? KafkaUuid.Zero };
            foreach (AlterPartition partition in asked.Partitions)
            {
                bool isThere = topic?.Partition(partition.PartitionIndex) is not null;
                answer.Partitions.Add(
                    new()
                    {
                        PartitionIndex = partition.PartitionIndex,
                        ErrorCode = (short)(isThere ? ErrorCode.None : ErrorCode.UnknownTopicOrPartition),
                        ErrorMessage = isThere ? null : ErrorTexts.UnknownPartition,
                    }
                );
                if (isThere)
                {
                    altered.Add(topic!.Id, new HeldPartition(partition.PartitionIndex, 0));
                    offsets[PlaceOf(topic.Id, partition.PartitionIndex)] = partition.StartOffset;
                }
            }
            response.Responses.Add(answer);
        }
        ErrorCode error = await AlterAsync(request.GroupId, altered.Build(), offsets);
        return error == ErrorCode.None ? response : RefuseAlter(error, null);
    }

    private async Task<ErrorCode> AlterAsync(string groupId, PartitionSet altered, Dictionary<string, long> offsets)
    {
        if (altered.IsEmpty)
        {
            return ErrorCode.None;
        }
        SharePartitions partitions = shard.FindShare(groupId)?.Partitions ?? SharePartitions.None;
        GroupWrite write = new(shard);
        // The record brings the group into being, where it is not there yet.
        write.Add(ShareGroupRecords.Partitions(groupId, partitions.Begin(altered), shard.Metadata.Image));
        ErrorCode error = await write.CommitAsync();
        return error == ErrorCode.None
            ? await States.InitializeAsync(
                shard.FindShare(groupId)!,
                altered,
                (topic, partition) => offsets[PlaceOf(topic, partition)]
            )
            : error;
    }

    private static string PlaceOf(KafkaUuid topic, int partition) => $"{topic}:{partition}";

    private static AlterShareGroupOffsetsResponse RefuseAlter(ErrorCode error, string? message) =>
        new() { ErrorCode = (short)error, ErrorMessage = message };

    /// <summary>DeleteShareGroupOffsets: the state of whole topics is forgotten. The group must have no members.</summary>
    public async Task<DeleteShareGroupOffsetsResponse> DeleteAsync(DeleteShareGroupOffsetsRequest request)
    {
        if (shard.FindShare(request.GroupId) is not { } group)
        {
            Refusal refusal = ShareDescription.NoGroup(shard, request.GroupId);
            return new() { ErrorCode = (short)refusal.Error, ErrorMessage = refusal.Message };
        }
        if (!group.IsVacant)
        {
            return new() { ErrorCode = (short)ErrorCode.NonEmptyGroup, ErrorMessage = NonEmpty };
        }
        DeleteShareGroupOffsetsResponse response = new();
        foreach (DeleteTopic asked in request.Topics)
        {
            response.Responses.Add(await DeleteAsync(group, asked.TopicName));
        }
        return response;
    }

    private async Task<DeletedTopic> DeleteAsync(ShareGroup group, string name)
    {
        if (shard.Metadata.Image.Topic(name) is not { } topic)
        {
            return Refuse(name, ErrorTexts.UnknownPartition);
        }
        HeldPartition[] initialized = group.Partitions.Initialized.Of(topic.Id);
        PartitionSet.Builder gone = new();
        foreach (HeldPartition held in initialized)
        {
            gone.Add(topic.Id, held);
        }
        if (initialized.Length == 0 && group.Partitions.Deleting.Contains(topic.Id))
        {
            ShareStates.AddAll(topic, gone);
        }
        if (gone.Count == 0)
        {
            return Refuse(name, "There is no offset information to delete.");
        }
        ErrorCode error = await WriteAsync(group, group.Partitions.Delete(topic.Id));
        error = error == ErrorCode.None ? await States.DeleteAsync(group.GroupId, gone.Build()) : error;
        error =
            error == ErrorCode.None ? await WriteAsync(group, group.Partitions.Forget(id => id == topic.Id)) : error;
        return new DeletedTopic
        {
            TopicName = name,
            TopicId = topic.Id,
            ErrorCode = (short)error,
        };
    }

    private Task<ErrorCode> WriteAsync(ShareGroup group, SharePartitions partitions)
    {
        GroupWrite write = new(shard);
        write.Add(ShareGroupRecords.Partitions(group.GroupId, partitions, shard.Metadata.Image));
        return write.CommitAsync();
    }

    private static DeletedTopic Refuse(string name, string why) =>
        new()
        {
            TopicName = name,
            ErrorCode = (short)ErrorCode.UnknownTopicOrPartition,
            ErrorMessage = why,
        };
}
