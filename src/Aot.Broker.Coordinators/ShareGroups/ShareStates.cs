using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>The first offset of a share partition for a group.</summary>
internal delegate long StartOffset(KafkaUuid topic, int partition);

/// <summary>
/// Keeps what the share coordinator knows in step with the groups of a shard: it begins the state of partitions that a group
/// subscribes to, and forgets what belongs to a group or a topic that goes. The group's record names the partitions before the
/// share coordinator is asked, so that a crash between the two leaves nothing behind unknown. Runs on the shard's core.
/// </summary>
internal sealed class ShareStates(GroupShard shard)
{
    /// <summary>The partition's leader decides where the group begins, by <c>share.auto.offset.reset</c>.</summary>
    public const long LeaderChooses = -1;

    /// <summary>
    /// Notes which subscribed partitions the share coordinator has to begin, and returns them; also those that it was asked for long ago.
    /// </summary>
    /// <param name="fromTheStart">Of these, those that a topic grew by: a record in them is not to be missed.</param>
    public PartitionSet Begin(GroupWrite write, ShareGroup group, out PartitionSet fromTheStart)
    {
        MetadataImage image = shard.Metadata.Image;
        SharePartitions partitions = group.Partitions;
        bool isPatient = shard.Core.WallMillis - partitions.SinceMs < shard.Options.Shares.InitializeRetryIntervalMs;
        PartitionSet.Builder unknown = new();
        foreach (string name in group.SubscribedTopics)
        {
            if (
                image.Topic(name) is not { } topic
                || partitions.Initialized.Of(topic.Id).Length >= topic.Partitions.Length
            )
            {
                continue;
            }
            for (int partition = 0; partition < topic.Partitions.Length; partition++)
            {
                if (
                    !partitions.Initialized.Contains(topic.Id, partition)
                    && !(isPatient && partitions.Initializing.Contains(topic.Id, partition))
                )
                {
                    unknown.Add(topic.Id, new HeldPartition(partition, 0));
                }
            }
        }
        PartitionSet begun = unknown.Build();
        fromTheStart = begun.Where((topic, _) => partitions.Knows(topic));
        if (!begun.IsEmpty)
        {
            write.Add(ShareGroupRecords.Partitions(group.GroupId, partitions.Begin(begun), image));
        }
        return begun;
    }

    /// <summary>
    /// Has the share coordinator begin partitions, and lets members have those that it did. The first error, if there was one.
    /// </summary>
    public async Task<ErrorCode> InitializeAsync(ShareGroup group, PartitionSet asked, StartOffset startOffset)
    {
        int epoch = group.Epoch;
        (ErrorCode error, PartitionSet begun) = await ForEachAsync(
            group.GroupId,
            asked,
            (persister, key) =>
                persister.InitializeAsync(shard.Core, key, epoch, startOffset(key.TopicId, key.Partition))
        );
        if (shard.State != ShardState.Active || shard.FindShare(group.GroupId) != group)
        {
            return error == ErrorCode.None ? ErrorCode.NotCoordinator : error;
        }
        MetadataImage image = shard.Metadata.Image;
        GroupWrite write = new(shard);
        write.Add(ShareGroupRecords.Partitions(group.GroupId, group.Partitions.End(asked, begun), image));
        // A division that is due anyway will see the partitions.
        if (!begun.IsEmpty && !group.IsVacant && group.Epoch <= group.TargetEpoch)
        {
            write.Add(group.EpochRecord(group.Epoch + 1, TargetDecision.HashOf(group, image)));
        }
        if (!group.IsVacant)
        {
            shard.Targets.Follow(write, group);
        }
        ErrorCode written = await write.CommitAsync();
        return error == ErrorCode.None ? written : error;
    }

    /// <summary>Has the share coordinator forget all that it keeps for a group which is about to be deleted.</summary>
    public async Task<ErrorCode> DeleteAllAsync(ShareGroup group)
    {
        MetadataImage image = shard.Metadata.Image;
        SharePartitions partitions = group.Partitions;
        if (partitions.IsEmpty)
        {
            return ErrorCode.None;
        }
        PartitionSet.Builder all = new();
        all.Add(partitions.Initialized);
        all.Add(partitions.Initializing);
        foreach (KafkaUuid topic in partitions.Deleting)
        {
            AddAll(image.Topic(topic), all);
        }
        // What belongs to topics that are no more, the share coordinator forgets by itself.
        PartitionSet known = all.Build().Where((topic, p) => image.Topic(topic)?.Partition(p) is not null);
        List<KafkaUuid> topics = [];
        foreach (TopicPartitions topic in known.Topics)
        {
            topics.Add(topic.Topic);
        }
        GroupWrite write = new(shard);
        write.Add(ShareGroupRecords.Partitions(group.GroupId, SharePartitions.None with { Deleting = topics }, image));
        ErrorCode error = await write.CommitAsync();
        return error == ErrorCode.None ? await DeleteAsync(group.GroupId, known) : error;
    }

    /// <summary>Has the share coordinator forget partitions. The first error, if there was one.</summary>
    public async Task<ErrorCode> DeleteAsync(string groupId, PartitionSet partitions) =>
        (await ForEachAsync(groupId, partitions, (persister, key) => persister.DeleteAsync(shard.Core, key))).Error;

    /// <summary>Topics are no more: the groups forget them, as the share coordinator does.</summary>
    public async Task ForgetTopicsAsync(IReadOnlyDictionary<KafkaUuid, TopicImage> gone)
    {
        if (shard.State != ShardState.Active)
        {
            return;
        }
        GroupWrite write = new(shard);
        foreach (ShardGroup any in shard.Groups.ToList())
        {
            if (any is ShareGroup group && IsAffected(group.Partitions, gone))
            {
                SharePartitions left = group.Partitions.Forget(gone.ContainsKey);
                write.Add(ShareGroupRecords.Partitions(group.GroupId, left, shard.Metadata.Image));
            }
        }
        await write.CommitAsync();
    }

    public static void AddAll(TopicImage? topic, PartitionSet.Builder into)
    {
        for (int partition = 0; partition < (topic?.Partitions.Length ?? 0); partition++)
        {
            into.Add(topic!.Id, new HeldPartition(partition, 0));
        }
    }

    private static bool IsAffected(SharePartitions partitions, IReadOnlyDictionary<KafkaUuid, TopicImage> gone)
    {
        foreach (KafkaUuid topic in gone.Keys)
        {
            if (partitions.Knows(topic) || partitions.Deleting.Contains(topic))
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>Asks for all partitions at the same time; with the first error, those that went well.</summary>
    private async Task<(ErrorCode Error, PartitionSet Done)> ForEachAsync(
        string groupId,
        PartitionSet partitions,
        Func<SharePersister, ShareStateKey, Task<ErrorCode>> call
    )
    {
        if (shard.Persister is not { } persister)
        {
            return (ErrorCode.CoordinatorNotAvailable, PartitionSet.Empty);
        }
        List<Task<ErrorCode>> calls = [];
        foreach (TopicPartitions topic in partitions.Topics)
        {
            foreach (HeldPartition held in topic.Held)
            {
                calls.Add(call(persister, new ShareStateKey(groupId, topic.Topic, held.Partition)));
            }
        }
        ErrorCode first = ErrorCode.None;
        PartitionSet.Builder done = new();
        int next = 0;
        foreach (TopicPartitions topic in partitions.Topics)
        {
            foreach (HeldPartition held in topic.Held)
            {
                ErrorCode error = await calls[next++];
                if (error == ErrorCode.None)
                {
                    done.Add(topic.Topic, held);
                }
                first = first == ErrorCode.None ? error : first;
            }
        }
        return (first, done.Build());
    }
}
