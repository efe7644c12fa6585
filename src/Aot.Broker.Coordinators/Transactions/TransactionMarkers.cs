using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>The end of a transaction as its partitions see it.</summary>
/// <param name="CoordinatorEpoch">Leader epoch of the coordinator's partition: an older one is refused.</param>
/// <param name="BumpsEpoch">The producer speaks protocol 2: the marker is one epoch above its records.</param>
public readonly record struct TransactionMarker(
    long ProducerId,
    short ProducerEpoch,
    bool IsCommit,
    int CoordinatorEpoch,
    bool BumpsEpoch
);

/// <summary>
/// Writes markers into partitions of this broker, each on the core that owns it, and tells the group coordinator of those in
/// <c>__consumer_offsets</c>. May be called from every core.
/// </summary>
public static class TransactionMarkers
{
    /// <summary>What became of the marker in each partition, once it is committed there.</summary>
    public static async Task<Dictionary<TopicPartition, ErrorCode>> WriteAsync(
        Core from,
        int nodeId,
        TransactionMarker marker,
        IReadOnlyCollection<TopicPartition> partitions
    )
    {
        MetadataImage image = from.Get<MetadataView>().Image;
        Dictionary<TopicPartition, ErrorCode> results = [];
        Dictionary<CoreIndex, List<(TopicPartition Name, KafkaUuid TopicId)>> ofCore = [];
        foreach (TopicPartition name in partitions)
        {
            TopicImage? topic = image.Topic(name.Topic);
            PartitionImage? partition = topic?.Partition(name.Partition);
            if (partition is null || partition.Leader != nodeId)
            {
                results[name] = partition is null ? ErrorCode.UnknownTopicOrPartition : ErrorCode.NotLeaderOrFollower;
                continue;
            }
            CoreIndex owner = PartitionPlacement.CoreOf(topic!.Id, name.Partition, from.CoreCount);
            if (!ofCore.TryGetValue(owner, out List<(TopicPartition, KafkaUuid)>? list))
            {
                ofCore[owner] = list = [];
            }
            list.Add((name, topic.Id));
        }
        List<Task<List<MarkerResult>>> calls = [];
        foreach ((CoreIndex owner, List<(TopicPartition, KafkaUuid)> names) in ofCore)
        {
            calls.Add(from.CallAsync(owner, core => WriteOnOwnerAsync(core, marker, names)));
        }
        foreach (List<MarkerResult> answers in await CoreTasks.AllAsync(calls))
        {
            foreach (MarkerResult answer in answers)
            {
                results[answer.Name] = answer.Error;
            }
        }
        return results;
    }

    private sealed record MarkerResult(TopicPartition Name, ErrorCode Error);

    private static async ValueTask<List<MarkerResult>> WriteOnOwnerAsync(
        Core core,
        TransactionMarker marker,
        List<(TopicPartition Name, KafkaUuid TopicId)> partitions
    )
    {
        LogSet logs = core.Get<LogSet>();
        List<Task<ErrorCode>> writes = [];
        foreach ((TopicPartition name, KafkaUuid topicId) in partitions)
        {
            writes.Add(WriteOneAsync(core, marker, name, logs.Find(topicId, name.Partition)));
        }
        ErrorCode[] errors = await CoreTasks.AllAsync(writes);
        List<MarkerResult> results = [];
        for (int i = 0; i < errors.Length; i++)
        {
            results.Add(new MarkerResult(partitions[i].Name, errors[i]));
        }
        return results;
    }

    private static async Task<ErrorCode> WriteOneAsync(
        Core core,
        TransactionMarker marker,
        TopicPartition name,
        PartitionLog? log
    )
    {
        if (log is null)
        {
            return ErrorCode.NotLeaderOrFollower;
        }
        GroupShard? groups =
            name.Topic == GroupCoordinator.TopicName ? ShardFront<GroupShard>.Of(core, name.Partition) : null;
        if (groups?.State == ShardState.Loading)
        {
            // Its replay ends before this marker: what the marker decides would be lost to it.
            return ErrorCode.CoordinatorLoadInProgress;
        }
        AppendResult result = log.Transactions.AppendMarker(
            marker.IsCommit,
            marker.ProducerId,
            marker.ProducerEpoch,
            marker.CoordinatorEpoch,
            marker.BumpsEpoch,
            core.WallMillis
        );
        ErrorCode error = result.IsOk ? await log.WhenCommittedAsync(result.LastOffset) : result.Error;
        if (error == ErrorCode.None)
        {
            groups?.EndTransaction(marker.ProducerId, marker.IsCommit);
        }
        return error;
    }
}
