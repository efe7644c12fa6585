using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators;

/// <summary>
/// The state machine of one partition of a coordinator's topic. Owner: the core of the partition's log; everything runs there. Lifetime: from the
/// image that makes this broker the partition's leader to the one that takes it away.
/// </summary>
internal interface ICoordinatorShard
{
    int Partition { get; }

    PartitionLog PartitionLog { get; }

    /// <summary>What a request gets instead of an answer while the shard cannot give one; None while it can.</summary>
    ErrorCode Availability { get; }

    /// <summary>Replays the log, then serves.</summary>
    Task LoadAsync();

    /// <summary>The end: nothing of the shard runs any more, and whoever waits for it is told so.</summary>
    void Resign();
}

/// <summary>The shards of a coordinator that a core owns, by partition.</summary>
internal sealed class CoordinatorShards<TShard>
    where TShard : class, ICoordinatorShard
{
    public Dictionary<int, TShard> ByPartition { get; } = [];
}

/// <summary>
/// Starts and ends the shards of a coordinator as partitions of its topic come and go, and finds the one that answers for a
/// key. One object for the process, without state of its own; it may be used on every core.
/// </summary>
internal sealed class ShardFront<TShard>(int nodeId, string topicName, Func<Core, int, PartitionLog, TShard> make)
    where TShard : class, ICoordinatorShard
{
    public static IReadOnlyCollection<TShard> Of(Core core) =>
        core.Find<CoordinatorShards<TShard>>() is { } shards ? shards.ByPartition.Values : [];

    public static TShard? Of(Core owner, int partition) =>
        owner.Find<CoordinatorShards<TShard>>()?.ByPartition.GetValueOrDefault(partition);

    /// <summary>Called on every core with each new image.</summary>
    public void Update(Core core, MetadataImage image)
    {
        if (core.Find<CoordinatorShards<TShard>>() is not { } shards)
        {
            shards = new CoordinatorShards<TShard>();
            core.Set(shards);
        }
        TopicImage? topic = image.Topic(topicName);
        List<TShard> gone = [];
        foreach (TShard shard in shards.ByPartition.Values)
        {
            if (!Leads(topic, shard))
            {
                gone.Add(shard);
            }
        }
        foreach (TShard shard in gone)
        {
            shards.ByPartition.Remove(shard.Partition);
            shard.Resign();
        }
        for (int partition = 0; partition < (topic?.Partitions.Length ?? 0); partition++)
        {
            bool mine =
                topic!.Partitions[partition].Leader == nodeId
                && PartitionPlacement.CoreOf(topic.Id, partition, core.CoreCount) == core.Index;
            if (
                mine
                && !shards.ByPartition.ContainsKey(partition)
                && core.Find<LogSet>()?.Find(topic.Id, partition) is { } log
            )
            {
                TShard shard = make(core, partition, log);
                shards.ByPartition.Add(partition, shard);
                core.Spawn(async _ => await shard.LoadAsync());
            }
        }
    }

    /// <summary>Runs the work on the core of the key's shard, or refuses while there is none that can answer.</summary>
    public async Task<T> CallAsync<T>(Core from, string key, Func<TShard, Task<T>> work, Func<ErrorCode, T> refuse)
    {
        TopicImage? topic = from.Find<MetadataView>()?.Image.Topic(topicName);
        if (topic is null)
        {
            return refuse(ErrorCode.NotCoordinator);
        }
        int partition = CoordinatorPartition.Of(key, topic.Partitions.Length);
        CoreIndex owner = PartitionPlacement.CoreOf(topic.Id, partition, from.CoreCount);
        return await from.CallAsync(
            owner,
            async core =>
            {
                TShard? shard = Of(core, partition);
                ErrorCode availability = shard?.Availability ?? WithoutShard(core, topic);
                return availability == ErrorCode.None ? await work(shard!) : refuse(availability);
            }
        );
    }

    private bool Leads(TopicImage? topic, TShard shard) =>
        topic is not null
        && topic.Id == shard.PartitionLog.TopicId
        && shard.Partition < topic.Partitions.Length
        && topic.Partitions[shard.Partition].Leader == nodeId;

    /// <summary>The owner may be an image behind the core that asks: its shard is about to begin.</summary>
    private static ErrorCode WithoutShard(Core owner, TopicImage topic) =>
        owner.Get<MetadataView>().Image.Topic(topic.Id) is null
            ? ErrorCode.CoordinatorLoadInProgress
            : ErrorCode.NotCoordinator;
}
