using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// What the leaders of partitions and the group coordinator ask of a shard, one share partition at a time. A change is decided and appended in the
/// partition's turn, and answered when it is committed. Runs on the shard's core.
/// </summary>
internal sealed class ShareStateRequests(ShareStateShard shard)
{
    /// <summary>The state of a share partition of which nothing is known.</summary>
    private static readonly ShareStateSummary s_nothing = new(ErrorCode.None, 0, 0, -1, -1);

    /// <summary>FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION.</summary>
    public Task<ErrorCode> InitializeAsync(ShareStateKey key, int stateEpoch, long startOffset) =>
        InTurnAsync(
            key,
            async entry =>
            {
                ErrorCode error = ShareStateRules.CheckInitialize(entry.State, stateEpoch);
                error = error == ErrorCode.None ? CheckExists(key) : error;
                return error == ErrorCode.None
                    ? await shard.SnapshotAsync(
                        entry,
                        ShareStateRules.Initialize(entry.State, stateEpoch, startOffset, shard.Core.WallMillis)
                    )
                    : error;
            }
        );

    /// <summary>FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION; INVALID_REQUEST before the initialization.</summary>
    public Task<ErrorCode> WriteAsync(ShareStateKey key, ShareStateWrite write) =>
        InTurnAsync(
            key,
            async entry =>
            {
                ErrorCode error = ShareStateRules.CheckWrite(entry.State, write);
                error = error == ErrorCode.None ? CheckExists(key) : error;
                return error == ErrorCode.None
                    ? await AppendAsync(entry, ShareStateRules.UpdateWith(entry.State!, write))
                    : error;
            }
        );

    /// <summary>The state as it is; the leader epoch of who asks is noted, so that earlier leaders are refused from now on.</summary>
    public async Task<ShareStateRead> ReadAsync(ShareStateKey key, int leaderEpoch)
    {
        ShareStateRead? read = null;
        ErrorCode error = await InTurnAsync(
            key,
            async entry =>
            {
                ErrorCode refusal = ShareStateRules.CheckRead(entry.State, leaderEpoch);
                refusal = refusal == ErrorCode.None ? CheckExists(key) : refusal;
                if (refusal != ErrorCode.None)
                {
                    return refusal;
                }
                SharePartitionState state = entry.State!;
                read = new ShareStateRead(ErrorCode.None, state.StateEpoch, state.StartOffset, state.Batches);
                return leaderEpoch == state.LeaderEpoch
                    ? ErrorCode.None
                    : await AppendAsync(entry, ShareStateRules.UpdateWith(state, leaderEpoch));
            }
        );
        return error == ErrorCode.None ? read! : ShareStateRead.Refuse(error);
    }

    /// <summary>As a read without effects, by anybody; a share partition that nobody initialized has start offset -1.</summary>
    public ShareStateSummary Summarize(ShareStateKey key)
    {
        ErrorCode error = IsSound(key) ? CheckExists(key) : ErrorCode.InvalidRequest;
        if (error != ErrorCode.None)
        {
            return ShareStateSummary.Refuse(error);
        }
        return shard.Find(key) is not { } state
            ? s_nothing
            : new ShareStateSummary(
                ErrorCode.None,
                state.StateEpoch,
                state.LeaderEpoch,
                state.StartOffset,
                state.DeliveryCompleteCount
            );
    }

    /// <summary>Forgets the state; that there was none is no error.</summary>
    public Task<ErrorCode> DeleteAsync(ShareStateKey key) =>
        InTurnAsync(
            key,
            async entry =>
            {
                ErrorCode error = CheckExists(key);
                return error != ErrorCode.None || entry.State is null ? error : await shard.SnapshotAsync(entry, null);
            }
        );

    /// <summary>Forgets what belongs to topics that are no more.</summary>
    public async Task ForgetTopicsAsync(IReadOnlyDictionary<KafkaUuid, TopicImage> topics)
    {
        List<ShareStateKey> gone = [];
        foreach (ShareStateEntry entry in shard.Entries)
        {
            if (topics.ContainsKey(entry.Key.TopicId))
            {
                gone.Add(entry.Key);
            }
        }
        foreach (ShareStateKey key in gone)
        {
            await InTurnAsync(
                key,
                async entry => entry.State is null ? ErrorCode.None : await shard.SnapshotAsync(entry, null)
            );
        }
    }

    private Task<ErrorCode> AppendAsync(ShareStateEntry entry, SharePartitionUpdate update) =>
        entry.Updates < shard.Options.UpdatesPerSnapshot
            ? shard.UpdateAsync(entry, update)
            : shard.SnapshotAsync(entry, ShareStateRules.SnapshotWith(entry.State!, update, shard.Core.WallMillis));

    private static bool IsSound(ShareStateKey key) =>
        key is { Partition: >= 0, GroupId.Length: > 0, TopicId.IsZero: false };

    private ErrorCode CheckExists(ShareStateKey key) =>
        shard.Core.Get<MetadataView>().Image.Topic(key.TopicId)?.Partition(key.Partition) is null
            ? ErrorCode.UnknownTopicOrPartition
            : ErrorCode.None;

    private async Task<ErrorCode> InTurnAsync(ShareStateKey key, Func<ShareStateEntry, Task<ErrorCode>> work)
    {
        if (!IsSound(key))
        {
            return ErrorCode.InvalidRequest;
        }
        ShareStateEntry entry = shard.GetOrCreate(key);
        await entry.Turn.EnterAsync();
        try
        {
            return shard.Availability == ErrorCode.None ? await work(entry) : shard.Availability;
        }
        finally
        {
            entry.Turn.Leave();
            shard.RemoveIfUnused(entry);
        }
    }
}
