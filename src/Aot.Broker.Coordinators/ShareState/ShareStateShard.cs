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
internal sealed class ShareStateShard : ICoordinatorShard
{
    private readonly Dictionary<ShareStateKey, ShareStateEntry> _entries = [];
    private readonly CoordinatorLog _log;
    private readonly ShareStateUpkeep _upkeep;

    public ShareStateShard(Core core, int partition, PartitionLog log, ShareStateOptions options)
    {
        Core = core;
        Partition = partition;
        Options = options;
        _log = new CoordinatorLog(core, log);
        _upkeep = new ShareStateUpkeep(this);
        Requests = new ShareStateRequests(this);
    }

    public Core Core { get; }

    public int Partition { get; }

    public ShareStateOptions Options { get; }

    public ShareStateRequests Requests { get; }

    public ShardState State { get; private set; } = ShardState.Loading;

    public PartitionLog PartitionLog => _log.Log;

    public IReadOnlyCollection<ShareStateEntry> Entries => _entries.Values;

    public ErrorCode Availability =>
        State switch
        {
            ShardState.Active => ErrorCode.None,
            ShardState.Loading => ErrorCode.CoordinatorLoadInProgress,
            _ => ErrorCode.NotCoordinator,
        };

    public async Task LoadAsync()
    {
        ErrorCode error = await _log.ReplayAsync(Apply, static (_, _) => { });
        if (State != ShardState.Loading)
        {
            return;
        }
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Error(
                "cannot load the share partitions of a partition",
                ("partition", PartitionLog.Name),
                ("error", error)
            );
            State = ShardState.Resigned;
            return;
        }
        State = ShardState.Active;
        _upkeep.Schedule();
    }

    public void Resign()
    {
        State = ShardState.Resigned;
        _entries.Clear();
    }

    public SharePartitionState? Find(ShareStateKey key) => _entries.GetValueOrDefault(key)?.State;

    public ShareStateEntry GetOrCreate(ShareStateKey key)
    {
        if (!_entries.TryGetValue(key, out ShareStateEntry? entry))
        {
            _entries[key] = entry = new ShareStateEntry(key);
        }
        return entry;
    }

    /// <summary>Forgets an entry that never came to be, or is no more.</summary>
    public void RemoveIfUnused(ShareStateEntry entry)
    {
        if (entry.IsUnused && _entries.GetValueOrDefault(entry.Key) == entry)
        {
            _entries.Remove(entry.Key);
        }
    }

    /// <summary>Writes the whole state down; null forgets it. The caller has its turn at the entry.</summary>
    public async Task<ErrorCode> SnapshotAsync(ShareStateEntry entry, SharePartitionState? state)
    {
        CoordinatorRecord record = state is null
            ? ShareStateRecords.Tombstone(entry.Key)
            : ShareStateRecords.Snapshot(entry.Key, state);
        AppendResult appended = _log.Append([record]);
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
        ErrorCode error = await CommitAsync(_log.Append([ShareStateRecords.Update(entry.Key, update)]));
        if (error == ErrorCode.None)
        {
            entry.Take(update);
        }
        return error;
    }

    private async Task<ErrorCode> CommitAsync(AppendResult appended)
    {
        ErrorCode error = await _log.WhenCommittedAsync(appended);
        return error == ErrorCode.None ? Availability : error;
    }

    /// <summary>Replay at the start.</summary>
    private void Apply(long offset, long producerId, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isTombstone)
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
