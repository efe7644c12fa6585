using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>
/// The coordinator of the share partitions of one partition of <c>__share_group_state</c>. A partition's state is what its
/// last snapshot says and the updates behind it; both are changed by committed records only.
///
/// Owner: the core that owns the partition's log; everything runs there. Lifetime: from the image that makes this broker the
/// partition's leader to the one that takes it away.
/// </summary>
internal sealed class ShareStateShard : EntryShard<ShareStateKey, ShareStateEntry>
{
    private readonly ShareStateUpkeep _upkeep;

    public ShareStateShard(Core core, int partition, PartitionLog log, ShareStateOptions options)
        : base(core, partition, log, options.Compression)
    {
        Options = options;
        _upkeep = new ShareStateUpkeep(this);
        Requests = new ShareStateRequests(this);
    }

    public ShareStateOptions Options { get; }

    public ShareStateRequests Requests { get; }

    public SharePartitionState? Find(ShareStateKey key) => TryGet(key, out ShareStateEntry? entry) ? entry.State : null;

    /// <summary>Writes the whole state down; null forgets it. The caller has its turn at the entry.</summary>
    public async Task<ErrorCode> SnapshotAsync(ShareStateEntry entry, SharePartitionState? state)
    {
        CoordinatorRecord record = state is null
            ? ShareStateRecords.Tombstone(entry.Key)
            : ShareStateRecords.Snapshot(entry.Key, state);
        AppendResult appended = Log.Append([record]);
        ErrorCode error = await CommitAsync(appended);
        if (error == ErrorCode.None)
        {
            entry.Take(state, appended.BaseOffset);
        }
        return error;
    }

    /// <summary>As <see cref="SnapshotAsync"/>, with what changed only.</summary>
    public async Task<ErrorCode> UpdateAsync(ShareStateEntry entry, SharePartitionUpdate update)
    {
        ErrorCode error = await CommitAsync(Log.Append([ShareStateRecords.Update(entry.Key, update)]));
        if (error == ErrorCode.None)
        {
            entry.Take(update);
        }
        return error;
    }

    private async Task<ErrorCode> CommitAsync(AppendResult appended)
    {
        ErrorCode error = await Log.WhenCommittedAsync(appended);
        return error == ErrorCode.None ? Availability : error;
    }

    protected override ShareStateEntry Make(ShareStateKey key) => new(key);

    protected override void OnActive() => _upkeep.Schedule();

    protected override void Apply(
        long offset,
        long producerId,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        bool isTombstone
    )
    {
        if (!ShareStateRecords.TryReadKey(key, out short type, out ShareStateKey id))
        {
            return;
        }
        ShareStateEntry entry = GetOrCreate(id);
        if (type == ShareStateRecords.SnapshotType && isTombstone)
        {
            entry.Take(null, offset);
        }
        else if (
            type == ShareStateRecords.SnapshotType
            && ShareStateRecords.TryReadSnapshot(value, out SharePartitionState state)
        )
        {
            entry.Take(state, offset);
        }
        else if (
            type == ShareStateRecords.UpdateType
            && ShareStateRecords.TryReadUpdate(value, out SharePartitionUpdate update)
        )
        {
            entry.Take(update);
        }
        else
        {
            CoordinatorTrace.Log.Warn(
                "skipped a share partition's record with an unreadable value",
                ("partition", PartitionLog.Name),
                ("sharePartition", id)
            );
        }
        RemoveIfUnused(entry);
    }
}
