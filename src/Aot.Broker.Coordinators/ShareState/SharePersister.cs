using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>Makes topics of coordinators when they are first needed. Attached to each core.</summary>
public interface IStateTopicCreation
{
    /// <summary>Ends when the attempt has ended; whether the topic is there, the core's image says.</summary>
    Task WhenMadeAsync(string topicName);
}

/// <summary>
/// How the rest of this process reaches the state of share partitions: a partition's leader reads and writes it, the group
/// coordinator begins and ends it (KIP-932). Without state of its own; it may be called from every core.
///
/// A call waits a while for <c>__share_group_state</c> to be made and for the shard to load, and then answers
/// COORDINATOR_NOT_AVAILABLE, COORDINATOR_LOAD_IN_PROGRESS or NOT_COORDINATOR.
/// </summary>
public sealed class SharePersister(ShareStateCoordinator coordinator, ShareStateOptions options)
{
    /// <summary>Between two looks at a shard that is not ready.</summary>
    private const int RetryMs = 20;

    /// <summary>
    /// Begins the state of a share partition, or begins it anew with a newer state epoch. A start offset of -1 leaves the
    /// choice to the partition's leader. FENCED_STATE_EPOCH, UNKNOWN_TOPIC_OR_PARTITION.
    /// </summary>
    public Task<ErrorCode> InitializeAsync(Core from, ShareStateKey key, int stateEpoch, long startOffset) =>
        CallAsync(
            from,
            async () => (await coordinator.InitializeAsync(from, key, stateEpoch, startOffset)).Code,
            static error => error
        );

    /// <summary>
    /// The state for a partition's leader that begins to serve the group. Leaders of an earlier epoch are refused from now on.
    /// FENCED_LEADER_EPOCH, UNKNOWN_TOPIC_OR_PARTITION; INVALID_REQUEST before the initialization.
    /// </summary>
    public Task<ShareStateRead> ReadAsync(Core from, ShareStateKey key, int leaderEpoch) =>
        CallAsync(from, () => coordinator.ReadAsync(from, key, leaderEpoch), static answer => answer.Error);

    /// <summary>
    /// Notes what happened to records; done when it is committed. FENCED_STATE_EPOCH: the group's state was begun anew, read it
    /// again. FENCED_LEADER_EPOCH: there is a newer leader.
    /// </summary>
    public Task<ErrorCode> WriteAsync(Core from, ShareStateKey key, ShareStateWrite write) =>
        CallAsync(from, async () => (await coordinator.WriteAsync(from, key, write)).Code, static error => error);

    /// <summary>Forgets the state; that there was none is no error. UNKNOWN_TOPIC_OR_PARTITION.</summary>
    public Task<ErrorCode> DeleteAsync(Core from, ShareStateKey key) =>
        CallAsync(from, async () => (await coordinator.DeleteAsync(from, key)).Code, static error => error);

    /// <summary>Where the group stands, without effects; start offset -1 before the initialization.</summary>
    public Task<ShareStateSummary> SummarizeAsync(Core from, ShareStateKey key) =>
        CallAsync(from, () => coordinator.SummarizeAsync(from, key), static answer => answer.Error);

    private async Task<T> CallAsync<T>(Core from, Func<Task<T>> call, Func<T, ErrorCode> errorOf)
    {
        long end = from.NowMillis + options.WriteTimeoutMs;
        if (!HasTopic(from) && from.Find<IStateTopicCreation>() is { } creation)
        {
            await creation.WhenMadeAsync(ShareStateCoordinator.TopicName);
        }
        while (true)
        {
            T answer = await call();
            bool mayComeLater =
                errorOf(answer)
                is ErrorCode.CoordinatorNotAvailable
                    or ErrorCode.CoordinatorLoadInProgress
                    or ErrorCode.NotCoordinator;
            if (!mayComeLater || from.NowMillis >= end)
            {
                return answer;
            }
            await from.DelayAsync(RetryMs);
        }
    }

    private static bool HasTopic(Core from) =>
        from.Get<MetadataView>().Image.Topic(ShareStateCoordinator.TopicName) is not null;
}
