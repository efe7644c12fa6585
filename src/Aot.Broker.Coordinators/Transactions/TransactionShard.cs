using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// The coordinator of all transactional ids of one partition of <c>__transaction_state</c>. Purpose: the state of an id is
/// its newest committed record; a request takes its turn at the id, decides by <see cref="TransactionRules"/>, appends, and
/// is answered when the record is committed. What was decided (PrepareCommit, PrepareAbort) is carried out in the
/// background, after a restart too, until every partition has its marker.
///
/// Owner: the core that owns the partition's log; everything runs there. Lifetime: from the image that makes this broker the
/// partition's leader to the one that takes it away.
/// </summary>
internal sealed class TransactionShard : ICoordinatorShard
{
    /// <summary>Between two looks whether the image that started the shard has become visible.</summary>
    private const long ImagePollMs = 1;

    private readonly Dictionary<string, TransactionEntry> _entries = [];
    private readonly CoordinatorLog _log;
    private readonly TransactionCompletion _completion;
    private readonly TransactionUpkeep _upkeep;

    public TransactionShard(Core core, int nodeId, int partition, PartitionLog log, TransactionOptions options)
    {
        Core = core;
        NodeId = nodeId;
        Partition = partition;
        Options = options;
        _log = new CoordinatorLog(core, log);
        _completion = new TransactionCompletion(this);
        _upkeep = new TransactionUpkeep(this);
        Requests = new TransactionRequests(this);
        Admin = new TransactionAdmin(this);
    }

    public Core Core { get; }

    public int NodeId { get; }

    public int Partition { get; }

    public TransactionOptions Options { get; }

    public TransactionRequests Requests { get; }

    public TransactionAdmin Admin { get; }

    public ShardState State { get; private set; } = ShardState.Loading;

    public PartitionLog PartitionLog => _log.Log;

    public IEnumerable<TransactionEntry> Entries => _entries.Values;

    /// <summary>Told to partitions with each marker, so that those of an earlier leader are refused.</summary>
    public int CoordinatorEpoch => _log.Log.LeaderEpoch;

    /// <summary>What a request gets instead of an answer while the shard cannot give one.</summary>
    public ErrorCode Availability =>
        State switch
        {
            ShardState.Active => ErrorCode.None,
            ShardState.Loading => ErrorCode.CoordinatorLoadInProgress,
            _ => ErrorCode.NotCoordinator,
        };

    /// <summary>Replays the log, goes on with what was decided, then serves.</summary>
    public async Task LoadAsync()
    {
        ErrorCode error = await _log.ReplayAsync(Apply, static (_, _) => { });
        // Markers go to the partitions of the visible image; in an older one they would seem deleted.
        while (State == ShardState.Loading && Core.Get<MetadataView>().Image.Topic(PartitionLog.TopicId) is null)
        {
            await Core.DelayAsync(ImagePollMs);
        }
        if (State != ShardState.Loading)
        {
            return;
        }
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Error(
                "cannot load the transactions of a partition",
                ("partition", PartitionLog.Name),
                ("error", error)
            );
            State = ShardState.Resigned;
            return;
        }
        State = ShardState.Active;
        foreach (TransactionEntry entry in _entries.Values.Where(each => each.Metadata!.IsEnding).ToList())
        {
            _completion.Start(entry);
        }
        _upkeep.Schedule();
    }

    public void Resign()
    {
        State = ShardState.Resigned;
        foreach (TransactionEntry entry in _entries.Values)
        {
            entry.SignalComplete();
        }
        _entries.Clear();
    }

    public TransactionEntry? Find(string transactionalId) =>
        _entries.TryGetValue(transactionalId, out TransactionEntry? entry) && entry.Metadata is not null ? entry : null;

    public TransactionEntry GetOrCreate(string transactionalId)
    {
        if (!_entries.TryGetValue(transactionalId, out TransactionEntry? entry))
        {
            _entries[transactionalId] = entry = new TransactionEntry(transactionalId);
        }
        return entry;
    }

    /// <summary>Forgets an id that never came to be.</summary>
    public void RemoveIfUnused(TransactionEntry entry)
    {
        if (entry.IsUnused && _entries.GetValueOrDefault(entry.TransactionalId) == entry)
        {
            _entries.Remove(entry.TransactionalId);
        }
    }

    /// <summary>
    /// Appends the state and takes it over when it is committed; a decided end is then carried out. The caller has its turn
    /// at the entry.
    /// </summary>
    public async Task<ErrorCode> ChangeAsync(TransactionEntry entry, TransactionMetadata next)
    {
        short level = Core.Get<MetadataView>().Image.Features.Level(Features.TransactionVersion);
        byte[] value = TransactionRecords.Value(next, flexible: level > 0);
        ErrorCode error = await AppendAsync(new CoordinatorRecord(TransactionRecords.Key(next.TransactionalId), value));
        if (error != ErrorCode.None)
        {
            return error;
        }
        entry.Metadata = next;
        if (next.IsEnding)
        {
            _completion.Start(entry);
        }
        else if (next.IsIdle)
        {
            entry.SignalComplete();
        }
        return ErrorCode.None;
    }

    /// <summary>Forgets an id durably. The caller has its turn at the entry.</summary>
    public async Task<ErrorCode> ForgetAsync(TransactionEntry entry)
    {
        ErrorCode error = await AppendAsync(new CoordinatorRecord(TransactionRecords.Key(entry.TransactionalId), null));
        if (error == ErrorCode.None)
        {
            entry.Metadata = null;
        }
        return error;
    }

    private async Task<ErrorCode> AppendAsync(CoordinatorRecord record)
    {
        if (State != ShardState.Active)
        {
            return Availability;
        }
        ErrorCode error = await _log.AppendAsync([record]);
        return error == ErrorCode.None ? Availability : error;
    }

    /// <summary>Replay at the start.</summary>
    private void Apply(long offset, long producerId, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value, bool isTombstone)
    {
        if (!TransactionRecords.TryReadKey(key, out string transactionalId))
        {
            return;
        }
        if (isTombstone)
        {
            _entries.Remove(transactionalId);
        }
        else if (TransactionRecords.TryReadValue(transactionalId, value, out TransactionMetadata metadata))
        {
            GetOrCreate(transactionalId).Metadata = metadata;
        }
        else
        {
            CoordinatorTrace.Log.Warn(
                "skipped a transaction record with an unreadable value",
                ("partition", PartitionLog.Name),
                ("transactionalId", transactionalId)
            );
        }
    }
}
