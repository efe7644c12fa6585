using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// The front of the share coordinator (KIP-932): finds the shard of a share partition and runs the call on the core that owns
/// it. One object for the process, without state of its own besides settings; it may be called from every core. As a listener
/// of the metadata it starts and ends shards as partitions of <c>__share_group_state</c> come and go.
///
/// Every call may answer COORDINATOR_LOAD_IN_PROGRESS or NOT_COORDINATOR; parts of this process call through a
/// <see cref="SharePersister"/>, which waits for the shard.
/// </summary>
public sealed class ShareStateCoordinator(int nodeId, ShareStateOptions options) : IMetadataListener
{
    public const string TopicName = TopicImage.ShareStateTopic;

    private readonly ShardFront<ShareStateShard> _shards = new(
        nodeId,
        TopicName,
        (core, partition, log) => new ShareStateShard(core, partition, log, options)
    );

    public ValueTask OnImageAsync(Core core, MetadataImage previous, MetadataImage current, MetadataDelta delta)
    {
        _shards.Update(core, current);
        if (delta.Topics is { Deleted.Count: > 0 } topics)
        {
            foreach (ShareStateShard shard in ShardFront<ShareStateShard>.Of(core))
            {
                core.Spawn(async _ => await shard.Requests.ForgetTopicsAsync(topics.Deleted));
            }
        }
        return ValueTask.CompletedTask;
    }

    /// <summary>See <see cref="SharePersister.InitializeAsync"/>.</summary>
    public Task<ApiError> InitializeAsync(Core from, ShareStateKey key, int stateEpoch, long startOffset) =>
        _shards.CallAsync(
            from,
            key.ToString(),
            shard => shard.Requests.InitializeAsync(key, stateEpoch, startOffset),
            ErrorTexts.Refusal
        );

    /// <summary>See <see cref="SharePersister.ReadAsync"/>.</summary>
    public Task<ShareStateRead> ReadAsync(Core from, ShareStateKey key, int leaderEpoch) =>
        _shards.CallAsync(
            from,
            key.ToString(),
            shard => shard.Requests.ReadAsync(key, leaderEpoch),
            static error => ShareStateRead.Refuse(ErrorTexts.Refusal(error))
        );

    /// <summary>See <see cref="SharePersister.WriteAsync"/>.</summary>
    public Task<ApiError> WriteAsync(Core from, ShareStateKey key, ShareStateWrite write) =>
        _shards.CallAsync(from, key.ToString(), shard => shard.Requests.WriteAsync(key, write), ErrorTexts.Refusal);

    /// <summary>See <see cref="SharePersister.DeleteAsync"/>.</summary>
    public Task<ApiError> DeleteAsync(Core from, ShareStateKey key) =>
        _shards.CallAsync(from, key.ToString(), shard => shard.Requests.DeleteAsync(key), ErrorTexts.Refusal);

    /// <summary>See <see cref="SharePersister.SummarizeAsync"/>.</summary>
    public Task<ShareStateSummary> SummarizeAsync(Core from, ShareStateKey key) =>
        _shards.CallAsync(
            from,
            key.ToString(),
            shard => Task.FromResult(shard.Requests.Summarize(key)),
            static error => ShareStateSummary.Refuse(ErrorTexts.Refusal(error))
        );
}
