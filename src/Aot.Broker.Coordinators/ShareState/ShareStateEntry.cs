namespace Aot.Broker.Coordinators.ShareState;

/// <summary>A share partition with what only its living coordinator knows.</summary>
internal sealed class ShareStateEntry(ShareStateKey key) : IShardEntry<ShareStateKey>
{
    public ShareStateKey Key { get; } = key;

    /// <summary>As committed in the log; null before the first record and after a deletion.</summary>
    public SharePartitionState? State { get; private set; }

    /// <summary>
    /// Of the leader that read or wrote last. It stays when the state is begun anew, which notes leader epoch 0, and goes
    /// with the state.
    /// </summary>
    public int NewestLeader { get; private set; }

    /// <summary>Updates since the last snapshot.</summary>
    public int Updates { get; private set; }

    /// <summary>Where the log has the last snapshot: nothing before it counts for this partition.</summary>
    public long SnapshotOffset { get; private set; }

    /// <summary>Whose turn it is to change the state.</summary>
    public Turnstile Turn { get; } = new();

    public bool IsUnused => State is null && Turn.IsFree;

    /// <summary>The effect of a snapshot, or of its tombstone.</summary>
    public void Take(SharePartitionState? snapshot, long offset)
    {
        State = snapshot;
        NewestLeader = snapshot is null ? 0 : Math.Max(NewestLeader, snapshot.LeaderEpoch);
        SnapshotOffset = offset;
        Updates = 0;
    }

    /// <summary>The effect of an update. One whose snapshot is not in the log any more says nothing.</summary>
    public void Take(SharePartitionUpdate update)
    {
        State = State?.With(update);
        NewestLeader = State is null ? 0 : Math.Max(NewestLeader, State.LeaderEpoch);
        Updates++;
    }
}
