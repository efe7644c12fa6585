namespace Aot.Broker.Coordinators.ShareState;

/// <summary>The state of a share partition as its records say. Immutable: a new record makes a new one.</summary>
public sealed record SharePartitionState
{
    /// <summary>Of a state, an update or a count that says nothing.</summary>
    public const int Unknown = -1;

    /// <summary>Grows with each snapshot; an update carries that of the snapshot that it belongs to.</summary>
    public int SnapshotEpoch { get; init; }

    /// <summary>Given by the group coordinator; a write of an older epoch is refused.</summary>
    public int StateEpoch { get; init; }

    /// <summary>Of the partition's leader that read or wrote last; an older leader is refused.</summary>
    public int LeaderEpoch { get; init; }

    /// <summary>First offset that the group has not finished with; -1 until the partition's leader chooses it.</summary>
    public long StartOffset { get; init; } = Unknown;

    /// <summary>Records from the start offset on whose delivery has ended (KIP-1226); -1 = unknown.</summary>
    public int DeliveryCompleteCount { get; init; } = Unknown;

    /// <summary>Wall clock of the last snapshot that a write was the reason of.</summary>
    public long CreateTimestampMs { get; init; }

    /// <summary>Wall clock of the last snapshot.</summary>
    public long WriteTimestampMs { get; init; }

    /// <summary>In ascending order, without overlaps, none below the start offset.</summary>
    public IReadOnlyList<ShareStateBatch> Batches { get; init; } = [];

    /// <summary>The state after an update of it.</summary>
    public SharePartitionState With(SharePartitionUpdate update)
    {
        long start = update.StartOffset == Unknown ? StartOffset : update.StartOffset;
        return this with
        {
            LeaderEpoch = update.LeaderEpoch == Unknown ? LeaderEpoch : update.LeaderEpoch,
            StartOffset = start,
            DeliveryCompleteCount = update.DeliveryCompleteCount,
            Batches = ShareStateBatches.Combine(Batches, update.Batches, start),
        };
    }
}

/// <summary>What changed in a share partition since its last snapshot; -1 leaves a value as it was.</summary>
public sealed record SharePartitionUpdate(
    int SnapshotEpoch,
    int LeaderEpoch,
    long StartOffset,
    int DeliveryCompleteCount,
    IReadOnlyList<ShareStateBatch> Batches
);
