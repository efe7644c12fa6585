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
    private static readonly ShareStateSummary s_nothing = new(default, 0, 0, -1, -1);

    /// <summary>FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION.</summary>
    public Task<ApiError> InitializeAsync(ShareStateKey key, int stateEpoch, long startOffset) =>
        InTurnAsync(
            key,
            async entry =>
            {
                ApiError refusal = ShareStateRules.CheckInitialize(entry.State, stateEpoch);
                refusal = refusal.IsError ? refusal : CheckExists(key);
                return refusal.IsError
                    ? refusal
                    : await SnapshotAsync(
                        entry,
                        ShareStateRules.Initialize(entry.State, stateEpoch, startOffset, shard.Core.WallMillis)
                    );
            }
        );

    /// <summary>FENCED_LEADER_EPOCH, FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION; INVALID_REQUEST before the initialization.</summary>
    public Task<ApiError> WriteAsync(ShareStateKey key, ShareStateWrite write) =>
        InTurnAsync(
            key,
            async entry =>
            {
                ApiError refusal = ShareStateRules.CheckWrite(entry.State, entry.NewestLeader, write);
                refusal = refusal.IsError ? refusal : CheckExists(key);
                return refusal.IsError
                    ? refusal
                    : await AppendAsync(entry, ShareStateRules.UpdateWith(entry.State!, write));
            }
        );

    /// <summary>The state as it is; the leader epoch of who asks is noted, so that earlier leaders are refused from now on.</summary>
    public async Task<ShareStateRead> ReadAsync(ShareStateKey key, int leaderEpoch)
    {
        ShareStateRead? read = null;
        ApiError error = await InTurnAsync(
            key,
            async entry =>
            {
                ApiError refusal = ShareStateRules.CheckRead(entry.State, entry.NewestLeader, leaderEpoch);
                refusal = refusal.IsError ? refusal : CheckExists(key);
                if (refusal.IsError)
                {
                    return refusal;
                }
                SharePartitionState state = entry.State!;
                read = new ShareStateRead(default, state.StateEpoch, state.StartOffset, state.Batches);
                return leaderEpoch == entry.NewestLeader
                    ? default
                    : await AppendAsync(entry, ShareStateRules.UpdateWith(state, leaderEpoch));
            }
        );
        return error.IsError ? ShareStateRead.Refuse(error) : read!;
    }

    /// <summary>As a read without effects, by anybody; a share partition that nobody initialized has start offset -1.</summary>
    public ShareStateSummary Summarize(ShareStateKey key)
    {
        ApiError refusal = ShareStateRules.CheckKey(key);
        refusal = refusal.IsError ? refusal : CheckExists(key);
        if (refusal.IsError)
        {
            return ShareStateSummary.Refuse(refusal);
        }
        return shard.Find(key) is not { } state
            ? s_nothing
            : new ShareStateSummary(
                default,
                state.StateEpoch,
                state.LeaderEpoch,
                state.StartOffset,
                state.DeliveryCompleteCount
            );
    }

    /// <summary>Forgets the state; that there was none is no error.</summary>
    public Task<ApiError> DeleteAsync(ShareStateKey key) =>
        InTurnAsync(
            key,
            async entry =>
            {
                ApiError refusal = CheckExists(key);
                return refusal.IsError || entry.State is null ? refusal : await SnapshotAsync(entry, null);
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
            await InTurnAsync(key, async entry => entry.State is null ? default : await SnapshotAsync(entry, null));
        }
    }

    private async Task<ApiError> SnapshotAsync(ShareStateEntry entry, SharePartitionState? state) =>
        ErrorTexts.Refusal(await shard.SnapshotAsync(entry, state));

    private async Task<ApiError> AppendAsync(ShareStateEntry entry, SharePartitionUpdate update) =>
        entry.Updates < shard.Options.UpdatesPerSnapshot
            ? ErrorTexts.Refusal(await shard.UpdateAsync(entry, update))
            : await SnapshotAsync(entry, ShareStateRules.SnapshotWith(entry.State!, update, shard.Core.WallMillis));

    private ApiError CheckExists(ShareStateKey key) =>
        shard.Core.Get<MetadataView>().Image.Topic(key.TopicId)?.Partition(key.Partition) is null
            ? ErrorTexts.Refusal(ErrorCode.UnknownTopicOrPartition)
            : default;

    private async Task<ApiError> InTurnAsync(ShareStateKey key, Func<ShareStateEntry, Task<ApiError>> work)
    {
        ApiError refusal = ShareStateRules.CheckKey(key);
        if (refusal.IsError)
        {
            return refusal;
        }
        ShareStateEntry entry = shard.GetOrCreate(key);
        await entry.Turn.EnterAsync();
        try
        {
            return shard.Availability == ErrorCode.None ? await work(entry) : ErrorTexts.Refusal(shard.Availability);
        }
        finally
        {
            entry.Turn.Leave();
            shard.RemoveIfUnused(entry);
        }
    }
}
