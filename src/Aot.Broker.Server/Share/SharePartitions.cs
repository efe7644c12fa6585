using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Share;

/// <summary>
/// The share partitions of the logs of one core. One is loaded when a group fetches from it first, and goes when the last
/// member of the group has no session any more, when its log changes hands, or when the coordinator refuses it.
/// </summary>
/// <remarks>Attached to the core. Members come with their group and name; which connection they are on does not matter here.</remarks>
internal sealed class SharePartitions(ServerCore server, ShareGroupOptions options, SharePersister persister)
{
    /// <summary>Share partitions before somebody looks for the first time which of them are over.</summary>
    private const int SweptFrom = 64;

    private readonly ShareGroupSettings _settings = new(server.Core.Get<MetadataView>(), options);
    private readonly Dictionary<ShareStateKey, LoadedSharePartition> _partitions = [];
    private int _sweepAt = SweptFrom;

    /// <summary>At most twice as many as are in use, beyond the first few.</summary>
    public int Count => _partitions.Count;

    public Core Core => server.Core;

    public SharePersister Persister => persister;

    public ShareLimits Limits(string groupId) =>
        new(
            _settings.RecordLocksMax(groupId),
            _settings.DeliveryCountLimit(groupId),
            _settings.RecordLockDurationMs(groupId),
            _settings.AllowsRenewal(groupId)
        );

    public ReadIsolation Isolation(string groupId) =>
        _settings.ReadsCommittedOnly(groupId) ? ReadIsolation.LastStableOffset : ReadIsolation.HighWatermark;

    /// <summary>Where a group begins in a log of which it knows nothing.</summary>
    public long FirstOffset(string groupId, PartitionLog log)
    {
        switch (_settings.OffsetReset(groupId, out TimeSpan duration))
        {
            case ShareOffsetReset.Earliest:
                return log.LogStartOffset;
            case ShareOffsetReset.ByDuration:
                TimestampOffset found = log.OffsetForTimestamp(Core.WallMillis - (long)duration.TotalMilliseconds);
                return found.Offset >= 0 && found.Offset < log.HighWatermark ? found.Offset : log.HighWatermark;
            default:
                return log.HighWatermark;
        }
    }

    /// <summary>The share partition, loading when it is new; null when its log is not here.</summary>
    public LoadedSharePartition? GetOrLoad(string groupId, KafkaUuid topicId, int partition)
    {
        ShareStateKey key = new(groupId, topicId, partition);
        if (Find(key) is { } found)
        {
            return found;
        }
        PartitionLog? log = server.Logs.Find(topicId, partition);
        if (log is null || log.Status == LogStatus.Closed)
        {
            return null;
        }
        if (_partitions.Count >= _sweepAt)
        {
            Sweep();
            _sweepAt = Math.Max(SweptFrom, 2 * _partitions.Count);
        }
        LoadedSharePartition made = new(this, key, log);
        _partitions.Add(key, made);
        Core.Spawn(async _ => await made.LoadAsync());
        return made;
    }

    /// <summary>
    /// Takes a member's acknowledgements for one partition; done when they are saved. UNKNOWN_TOPIC_OR_PARTITION: the group has
    /// fetched nothing from it.
    /// </summary>
    public Task<ErrorCode> AcknowledgeAsync(
        string groupId,
        string member,
        KafkaUuid topicId,
        int partition,
        IReadOnlyList<AcknowledgedBatch> batches
    )
    {
        if (Find(new ShareStateKey(groupId, topicId, partition)) is not { IsLoaded: true } found)
        {
            return Task.FromResult(ErrorCode.UnknownTopicOrPartition);
        }
        return found.AcknowledgeAsync(member, batches);
    }

    /// <summary>Gives back what a member holds in one partition; done when that is saved.</summary>
    public Task<ErrorCode> ReleaseAsync(string groupId, string member, KafkaUuid topicId, int partition) =>
        Find(new ShareStateKey(groupId, topicId, partition)) is { IsLoaded: true } found
            ? found.ReleaseAsync(member)
            : Task.FromResult(ErrorCode.UnknownTopicOrPartition);

    /// <summary>The group has no members here any more; done when all that was under way is saved.</summary>
    public async Task CloseGroupAsync(string groupId)
    {
        List<LoadedSharePartition> ofGroup = [];
        foreach (LoadedSharePartition partition in _partitions.Values)
        {
            if (partition.Key.GroupId == groupId)
            {
                ofGroup.Add(partition);
            }
        }
        foreach (LoadedSharePartition partition in ofGroup)
        {
            await partition.CloseAsync();
            Drop(partition);
        }
    }

    /// <summary>The next request makes a new one.</summary>
    public void Drop(LoadedSharePartition partition)
    {
        partition.End();
        if (
            _partitions.TryGetValue(partition.Key, out LoadedSharePartition? known) && ReferenceEquals(known, partition)
        )
        {
            _partitions.Remove(partition.Key);
        }
    }

    /// <summary>Drops those of deleted topics, about which nobody asks any more.</summary>
    private void Sweep()
    {
        List<LoadedSharePartition> over = [];
        foreach (LoadedSharePartition partition in _partitions.Values)
        {
            if (!partition.IsCurrent && !partition.IsOver)
            {
                over.Add(partition);
            }
        }
        over.ForEach(Drop);
    }

    private LoadedSharePartition? Find(ShareStateKey key)
    {
        if (!_partitions.TryGetValue(key, out LoadedSharePartition? found))
        {
            return null;
        }
        if (!found.IsCurrent && !found.IsOver)
        {
            Drop(found);
            return null;
        }
        return found;
    }
}
