using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// Keeps the log of a shard short. Its topic is not compacted: what lies before the oldest of the partitions' last snapshots
/// is deleted, and a partition that nobody writes to gets a new snapshot, so that it does not hold the log back. Runs on the
/// shard's core.
/// </summary>
internal sealed class ShareStateUpkeep(ShareStateShard shard)
{
    public void Schedule()
    {
        Every(shard.Options.PruneIntervalMs, PruneAsync);
        Every(shard.Options.ColdSnapshotIntervalMs, SnapshotColdAsync);
    }

    private void Every(long intervalMs, Func<Task> work) =>
        RepeatedWork.Every(shard.Core, intervalMs, () => shard.Availability == ErrorCode.None, work);

    private async Task PruneAsync()
    {
        if (FirstNeeded() is not { } needed || needed <= shard.PartitionLog.LogStartOffset)
        {
            return;
        }
        ErrorCode error = await shard.PartitionLog.DeleteRecordsAsync(needed);
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Warn(
                "could not delete old records of share partitions",
                ("partition", shard.PartitionLog.Name),
                ("before", needed),
                ("error", error)
            );
        }
    }

    /// <summary>The first offset that a replay must see; null while it cannot be said.</summary>
    private long? FirstNeeded()
    {
        // Without any entry nothing is under way either.
        long first = shard.PartitionLog.HighWatermark;
        foreach (ShareStateEntry entry in shard.Entries)
        {
            if (entry.State is null)
            {
                // Its first record may be committed, and not have had its effect yet.
                return null;
            }
            first = Math.Min(first, entry.SnapshotOffset);
        }
        return first;
    }

    private async Task SnapshotColdAsync()
    {
        long now = shard.Core.WallMillis;
        List<ShareStateEntry> cold = [];
        bool isAnyFresh = false;
        foreach (ShareStateEntry entry in shard.Entries)
        {
            isAnyFresh |= entry.State is { } state && state.CreateTimestampMs == state.WriteTimestampMs;
            if (IsCold(entry, now))
            {
                cold.Add(entry);
            }
        }
        // When all are snapshots of cold partitions already, another round would free nothing.
        foreach (ShareStateEntry entry in isAnyFresh ? cold : [])
        {
            await entry.Turn.EnterAsync();
            try
            {
                if (IsCold(entry, now) && shard.Availability == ErrorCode.None)
                {
                    await shard.SnapshotAsync(entry, ShareStateRules.Refresh(entry.State!, shard.Core.WallMillis));
                }
            }
            finally
            {
                entry.Turn.Leave();
            }
        }
    }

    private bool IsCold(ShareStateEntry entry, long nowMs) =>
        entry.State is { } state && nowMs - state.WriteTimestampMs >= shard.Options.ColdSnapshotIntervalMs;
}
