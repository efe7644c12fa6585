using Aot.Broker.Cluster;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// What a partition's leader reports (WriteShareGroupState); -1 leaves the start offset and the count as they are.
/// </summary>
/// <param name="StateEpoch">As read; FENCED_STATE_EPOCH when the coordinator has a newer one.</param>
/// <param name="LeaderEpoch">Of the partition; FENCED_LEADER_EPOCH when a newer leader has been here.</param>
/// <param name="StartOffset">First offset that the group has not finished with.</param>
/// <param name="DeliveryCompleteCount">Records from the start offset on whose delivery has ended.</param>
/// <param name="Batches">In any order; what is not named stays as it is.</param>
public sealed record ShareStateWrite(
    int StateEpoch,
    int LeaderEpoch,
    long StartOffset,
    int DeliveryCompleteCount,
    IReadOnlyList<ShareStateBatch> Batches
);

/// <summary>The answer to a read (ReadShareGroupState). With an error the rest says nothing.</summary>
public sealed record ShareStateRead(
    ApiError Refusal,
    int StateEpoch,
    long StartOffset,
    IReadOnlyList<ShareStateBatch> Batches
)
{
    public ErrorCode Error => Refusal.Code;

    public static ShareStateRead Refuse(ApiError error) => new(error, 0, 0, []);
}

/// <summary>The answer to a question for the state without its batches (ReadShareGroupStateSummary).</summary>
public sealed record ShareStateSummary(
    ApiError Refusal,
    int StateEpoch,
    int LeaderEpoch,
    long StartOffset,
    int DeliveryCompleteCount
)
{
    public ErrorCode Error => Refusal.Code;

    public static ShareStateSummary Refuse(ApiError error) => new(error, 0, 0, 0, SharePartitionState.Unknown);
}
