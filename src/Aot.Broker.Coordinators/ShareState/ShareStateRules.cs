using Aot.Broker.Cluster;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// Who may change the state of a share partition, and what the state is afterwards. Pure: what it reads is given.
/// </summary>
public static class ShareStateRules
{
    private const string NegativePartition = "The partition id cannot be a negative number.";
    private const string NegativeLeaderEpoch = "The leader epoch cannot be a negative number.";
    private const string NegativeStateEpoch = "The state epoch cannot be a negative number.";
    private const string WriteTooEarly = "Write operation on uninitialized share partition not allowed.";
    private const string ReadTooEarly = "Read operation on uninitialized share partition not allowed.";

    /// <summary>What every request is asked first.</summary>
    public static ApiError CheckKey(ShareStateKey key) => key.Partition < 0 ? Invalid(NegativePartition) : default;

    /// <summary>What an initialization of this epoch is told; without an error it may go on.</summary>
    public static ApiError CheckInitialize(SharePartitionState? state, int stateEpoch) =>
        stateEpoch < 0 ? Invalid(NegativeStateEpoch)
        : state is not null && state.StateEpoch > stateEpoch ? ErrorTexts.Refusal(ErrorCode.FencedStateEpoch)
        : default;

    /// <param name="state">Null before the initialization.</param>
    /// <param name="newestLeader">The leader epoch that earlier ones are refused for.</param>
    /// <param name="write">What a leader wants to note.</param>
    public static ApiError CheckWrite(SharePartitionState? state, int newestLeader, ShareStateWrite write) =>
        write.LeaderEpoch < 0 ? Invalid(NegativeLeaderEpoch)
        : write.StateEpoch < 0 ? Invalid(NegativeStateEpoch)
        : state is null ? Invalid(WriteTooEarly)
        : newestLeader > write.LeaderEpoch ? ErrorTexts.Refusal(ErrorCode.FencedLeaderEpoch)
        : state.StateEpoch > write.StateEpoch ? ErrorTexts.Refusal(ErrorCode.FencedStateEpoch)
        : default;

    /// <summary>As <see cref="CheckWrite"/>.</summary>
    public static ApiError CheckRead(SharePartitionState? state, int newestLeader, int leaderEpoch) =>
        leaderEpoch < 0 ? Invalid(NegativeLeaderEpoch)
        : state is null ? Invalid(ReadTooEarly)
        : newestLeader > leaderEpoch ? ErrorTexts.Refusal(ErrorCode.FencedLeaderEpoch)
        : default;

    /// <summary>The state that a partition begins with.</summary>
    public static SharePartitionState Initialize(
        SharePartitionState? before,
        int stateEpoch,
        long startOffset,
        long nowMs
    ) =>
        new()
        {
            SnapshotEpoch = before is null ? 0 : before.SnapshotEpoch + 1,
            StateEpoch = stateEpoch,
            StartOffset = startOffset,
            // Without a start nothing can be counted from it.
            DeliveryCompleteCount = startOffset == SharePartitionState.Unknown ? SharePartitionState.Unknown : 0,
            CreateTimestampMs = nowMs,
            WriteTimestampMs = nowMs,
        };

    /// <summary>
    /// What a write says, against the state as it is: the start offset only grows, and the count belongs to the later of the
    /// two start offsets.
    /// </summary>
    public static SharePartitionUpdate UpdateWith(SharePartitionState state, ShareStateWrite write)
    {
        long start = Math.Max(write.StartOffset, state.StartOffset);
        int complete =
            write.StartOffset == state.StartOffset ? Math.Max(write.DeliveryCompleteCount, state.DeliveryCompleteCount)
            : write.StartOffset < state.StartOffset ? state.DeliveryCompleteCount
            : write.DeliveryCompleteCount;
        return new SharePartitionUpdate(
            state.SnapshotEpoch,
            state.LeaderEpoch,
            start,
            complete,
            ShareStateBatches.Combine([], write.Batches, start)
        );
    }

    /// <summary>A leader has read the state: nothing changes but the leader epoch.</summary>
    public static SharePartitionUpdate UpdateWith(SharePartitionState state, int leaderEpoch) =>
        new(state.SnapshotEpoch, leaderEpoch, state.StartOffset, state.DeliveryCompleteCount, []);

    /// <summary>The whole state after an update, to be written down instead of it.</summary>
    public static SharePartitionState SnapshotWith(
        SharePartitionState state,
        SharePartitionUpdate update,
        long nowMs
    ) =>
        state.With(update) with
        {
            SnapshotEpoch = state.SnapshotEpoch + 1,
            CreateTimestampMs = nowMs,
            WriteTimestampMs = nowMs,
        };

    /// <summary>The same state written down once more, so that what is older can go.</summary>
    public static SharePartitionState Refresh(SharePartitionState state, long nowMs) =>
        state with
        {
            SnapshotEpoch = state.SnapshotEpoch + 1,
            WriteTimestampMs = nowMs,
        };

    private static ApiError Invalid(string why) => new(ErrorCode.InvalidRequest, why);
}
