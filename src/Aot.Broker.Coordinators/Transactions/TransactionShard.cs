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
internal sealed class TransactionShard : EntryShard<string, TransactionEntry>
{
    /// <summary>Between two looks whether the image that started the shard has become visible.</summary>
    private const long ImagePollMs = 1;

    private readonly TransactionCompletion _completion;
    private readonly TransactionUpkeep _upkeep;

    public TransactionShard(Core core, int nodeId, int partition, PartitionLog log, TransactionOptions options)
        : base(core, partition, log)
    {
        NodeId = nodeId;
        Options = options;
        _completion = new TransactionCompletion(this);
        _upkeep = new TransactionUpkeep(this);
        Requests = new TransactionRequests(this);
        Admin = new TransactionAdmin(this);
    }

    public int NodeId { get; }

    public TransactionOptions Options { get; }

    public TransactionRequests Requests { get; }

    public TransactionAdmin Admin { get; }

    /// <summary>Told to partitions with each marker, so that those of an earlier leader are refused.</summary>
    public int CoordinatorEpoch => PartitionLog.LeaderEpoch;

    public TransactionEntry? Find(string transactionalId) =>
        TryGet(transactionalId, out TransactionEntry? entry) && entry.Metadata is not null ? entry : null;

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
        ErrorCode error = await AppendAsync(new CoordinatorRecord(TransactionRecords.Key(entry.Key), null));
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
        ErrorCode error = await Log.AppendAsync([record]);
        return error == ErrorCode.None ? Availability : error;
    }

    protected override TransactionEntry Make(string key) => new(key);

    /// <summary>Markers go to the partitions of the visible image; in an older one they would seem deleted.</summary>
    protected override async Task PrepareAsync()
    {
        while (State == ShardState.Loading && Core.Get<MetadataView>().Image.Topic(PartitionLog.TopicId) is null)
        {
            await Core.DelayAsync(ImagePollMs);
        }
    }

    /// <summary>Goes on with what was decided.</summary>
    protected override void OnActive()
    {
        foreach (TransactionEntry entry in Entries.Where(each => each.Metadata!.IsEnding).ToList())
        {
            _completion.Start(entry);
        }
        _upkeep.Schedule();
    }

    protected override void OnResigned()
    {
        foreach (TransactionEntry entry in Entries)
        {
            entry.SignalComplete();
        }
    }

    protected override void Apply(
        long offset,
        long producerId,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        bool isTombstone
    )
    {
        if (!TransactionRecords.TryReadKey(key, out string transactionalId))
        {
            return;
        }
        if (isTombstone)
        {
            Forget(transactionalId);
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
