using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// Who may change the state of a share partition, and what the state is afterwards. Pure: what it reads is given.
/// </summary>
public static class ShareStateRules
{
    /// <summary>What an initialization of this epoch is told; None: it may go on.</summary>
    public static ErrorCode CheckInitialize(SharePartitionState? state, int stateEpoch) =>
        stateEpoch < 0 ? ErrorCode.InvalidRequest
        : state is not null && state.StateEpoch > stateEpoch ? ErrorCode.FencedStateEpoch
        : ErrorCode.None;

    public static ErrorCode CheckWrite(SharePartitionState? state, ShareStateWrite write) =>
        state is null || write.LeaderEpoch < 0 || write.StateEpoch < 0 ? ErrorCode.InvalidRequest
        : state.LeaderEpoch > write.LeaderEpoch ? ErrorCode.FencedLeaderEpoch
        : state.StateEpoch > write.StateEpoch ? ErrorCode.FencedStateEpoch
        : ErrorCode.None;

    public static ErrorCode CheckRead(SharePartitionState? state, int leaderEpoch) =>
        state is null || leaderEpoch < 0 ? ErrorCode.InvalidRequest
        : state.LeaderEpoch > leaderEpoch ? ErrorCode.FencedLeaderEpoch
        : ErrorCode.None;

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
}
