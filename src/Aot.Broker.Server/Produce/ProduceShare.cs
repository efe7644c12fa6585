using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Produce;

/// <summary>One batch on its way to its log, and what became of it.</summary>
internal struct ProduceItem
{
    public KafkaUuid TopicId;
    public int Partition;
    public BatchSource Source;

    /// <summary>Index of the partition in the request.</summary>
    public int Place;

    public bool IsPending;
    public ErrorCode Error;
    public long BaseOffset;
    public long AppendTimeMillis;
    public long LogStartOffset;
    public string? Message;
    public IReadOnlyList<BadRecord>? BadRecords;
}

/// <summary>
/// The batches of one produce request that belong to one core. It travels: the core of the connection fills it, the core of
/// the logs appends and waits for the acknowledgement that was asked for, and sends it back with the results; at any time
/// one core owns it. For logs of the connection's own core the same steps are direct calls.
///
/// Pooled by the core of the connection. Calls from logs carry the generation of the wait, so that one that comes after the
/// time ran out finds nobody.
/// </summary>
internal sealed class ProduceShare(ServerCore home)
    : IMailTarget,
        IAppendTarget,
        IDeferredAppend,
        ITimerTarget,
        ITurnEnd
{
    private const int KindAppend = 0;
    private const int KindDone = 1;

    /// <summary>In a token: tells of the write of a batch, not of its acknowledgement.</summary>
    private const long WrittenBit = 1L << 31;

    private ProduceItem[] _items = new ProduceItem[4];
    private ServerCore? _owner;
    private int _generation;
    private int _pending;

    /// <summary>Batches that a log still reads from the request: of another core, or not judged yet.</summary>
    private int _unwritten;
    private bool _isAnswering;
    private TimerHandle _timer;

    public ProduceWork? Work { get; private set; }

    public CoreIndex Target { get; private set; }

    public int Count { get; private set; }

    public short Acks { get; private set; }

    public int TimeoutMillis { get; private set; }

    public short Version { get; private set; }

    /// <summary>Null: no batch belongs to a transaction.</summary>
    public string? TransactionalId { get; private set; }

    /// <summary>Transaction protocol 2: the produce itself adds its partitions to the transaction (KIP-890).</summary>
    public bool IsImplied { get; private set; }

    /// <summary>The client knows TRANSACTION_ABORTABLE.</summary>
    public bool KnowsAbortable { get; private set; }

    public ref ProduceItem this[int index] => ref _items[index];

    [HotPath]
    public void Begin(ProduceWork work, CoreIndex target, short version, short acks, int timeoutMillis)
    {
        Work = work;
        Target = target;
        Version = version;
        Acks = acks;
        TimeoutMillis = timeoutMillis;
        Count = 0;
        TransactionalId = null;
    }

    [HotPath]
    public void SetTransaction(string transactionalId, bool isImplied, bool knowsAbortable)
    {
        TransactionalId = transactionalId;
        IsImplied = isImplied;
        KnowsAbortable = knowsAbortable;
    }

    [HotPath]
    public ref ProduceItem Add()
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * _items.Length);
        }
        ref ProduceItem item = ref _items[Count++];
        item = default;
        item.BaseOffset = -1;
        item.AppendTimeMillis = -1;
        item.LogStartOffset = -1;
        return ref item;
    }

    /// <summary>Sends it to the core of the logs; with a full mailbox the connection waits.</summary>
    [HotPath]
    public void Send()
    {
        _isAnswering = false;
        if (Target == home.Core.Index)
        {
            Append(home);
            return;
        }
        Mail mail = new() { Target = this, Kind = KindAppend };
        if (!home.Core.TryPost(Target, mail))
        {
            Work!.Slot.Connection.BlockOnMailbox();
            home.Core.WhenMailboxDrains(Target, this);
        }
    }

    /// <summary>The mailbox that was full has room again.</summary>
    public void OnTurnEnd()
    {
        if (_isAnswering)
        {
            Answer();
            return;
        }
        Mail mail = new() { Target = this, Kind = KindAppend };
        if (home.Core.TryPost(Target, mail))
        {
            Work!.Slot.Connection.UnblockFromMailbox();
        }
        else
        {
            home.Core.WhenMailboxDrains(Target, this);
        }
    }

    [HotPath]
    public void Receive(Core core, in Mail mail)
    {
        if (mail.Kind == KindAppend)
        {
            Append(core.Get<ServerCore>());
        }
        else
        {
            Work!.OnShareDone(this);
        }
    }

    [HotPath]
    public void OnAppended(long token, ErrorCode error)
    {
        if ((int)(token >> 32) != _generation)
        {
            return;
        }
        if ((token & WrittenBit) != 0)
        {
            _unwritten--;
        }
        else
        {
            ref ProduceItem item = ref _items[(int)token];
            if (!item.IsPending)
            {
                return;
            }
            item.IsPending = false;
            SetError(ref item, error);
            _pending--;
        }
        CompleteWhenDone();
    }

    /// <summary>The time of an acks=all request ran out: what is not replicated yet is answered so.</summary>
    public void OnTimer(long token)
    {
        if ((int)token != _generation)
        {
            return;
        }
        _timer = TimerHandle.None;
        for (int i = 0; i < Count; i++)
        {
            ref ProduceItem item = ref _items[i];
            if (item.IsPending)
            {
                item.IsPending = false;
                SetError(ref item, ErrorCode.RequestTimedOut);
            }
        }
        _pending = 0;
        CompleteWhenDone();
    }

    [HotPath]
    private void Append(ServerCore owner)
    {
        _owner = owner;
        _generation++;
        // One more than the batches, so that answers that come at once do not complete the share too early.
        _pending = Count + 1;
        _unwritten = 0;
        _timer = TimerHandle.None;
        for (int i = 0; i < Count; i++)
        {
            _items[i].IsPending = true;
        }
        for (int i = 0; i < Count; i++)
        {
            AppendOne(owner, i);
        }
        if (TransactionalId is not null)
        {
            owner.Verification?.AskSlow(this);
        }
        _pending--;
        if (_pending > 0 && Acks == -1)
        {
            // Never in this turn: the write, which comes at its end, decides first.
            long deadline = owner.Core.NowMillis + Math.Max(TimeoutMillis, 1);
            _timer = owner.Core.Timers.Schedule(deadline, this, _generation);
        }
        CompleteWhenDone();
    }

    /// <summary>
    /// The coordinator has agreed to, or refused, a batch that <see cref="TransactionVerification"/> held back. Nothing happens
    /// when the request has run out of time meanwhile.
    /// </summary>
    public void Resume(int index, int generation, ErrorCode error, string? message)
    {
        if (generation != _generation || !_items[index].IsPending)
        {
            return;
        }
        if (error == ErrorCode.None)
        {
            AppendOne(_owner!, index);
            _owner!.Verification!.AskSlow(this);
            return;
        }
        _items[index].Message = message;
        OnAppended(((long)_generation << 32) | (uint)index, error);
    }

    [HotPath]
    private void AppendOne(ServerCore owner, int index)
    {
        ref ProduceItem item = ref _items[index];
        long token = ((long)_generation << 32) | (uint)index;
        PartitionLog? log = owner.Logs.Find(item.TopicId, item.Partition);
        if (log is null)
        {
            OnAppended(token, ErrorCode.NotLeaderOrFollower);
            return;
        }
        if (Acks == -1 && !HasEnoughReplicas(owner, item, log))
        {
            OnAppended(token, ErrorCode.NotEnoughReplicas);
            return;
        }
        if (TransactionalId is not null && owner.Verification is { } verification)
        {
            if (verification.Holds(this, index, _generation, log, item.Source))
            {
                return;
            }
        }
        AppendResult result = log.Append(
            item.Source,
            AppendOrigin.Client,
            owner.Core.WallMillis,
            Version,
            deferred: this,
            token
        );
        if (result.IsDeferred)
        {
            _unwritten++;
            return;
        }
        AfterAppend(log, token, result);
    }

    /// <summary>A batch that had to wait is appended, or refused. The share is still out, since it counts as unwritten.</summary>
    public void OnDecided(PartitionLog log, long token, in AppendResult result)
    {
        Invariant.That((int)(token >> 32) == _generation);
        if (_items[(int)token].IsPending)
        {
            AfterAppend(log, token, result);
        }
        else if (result.IsOk && !ReferenceEquals(_owner, home))
        {
            // Its time ran out; the bytes have to stay for the write.
            _unwritten++;
            log.WhenWritten(result.LastOffset, this, token | WrittenBit);
        }
        // Last, so that the share is not complete before.
        _unwritten--;
        CompleteWhenDone();
    }

    [HotPath]
    private void AfterAppend(PartitionLog log, long token, in AppendResult result)
    {
        ref ProduceItem item = ref _items[(int)token];
        if (result.Error != ErrorCode.None)
        {
            item.Message = result.Message;
            item.BadRecords = result.BadRecords;
            item.LogStartOffset = result.LogStartOffset;
            OnAppended(token, result.Error);
            return;
        }
        item.BaseOffset = result.BaseOffset;
        item.AppendTimeMillis = result.AppendTimeMillis;
        item.LogStartOffset = result.LogStartOffset;
        if (Acks == -1)
        {
            if (!ReferenceEquals(_owner, home))
            {
                _unwritten++;
                log.WhenWritten(result.LastOffset, this, token | WrittenBit);
            }
            log.WhenCommitted(result.LastOffset, this, token);
        }
        else
        {
            // Without acknowledgement too: until the write the log may need the bytes of the request.
            log.WhenWritten(result.LastOffset, this, token);
        }
    }

    [HotPath]
    private static bool HasEnoughReplicas(ServerCore owner, in ProduceItem item, PartitionLog log)
    {
        PartitionImage? partition = owner.Image.Topic(item.TopicId)?.Partition(item.Partition);
        return partition is null || partition.Isr.Length >= log.Config.MinInSyncReplicas;
    }

    private static void SetError(ref ProduceItem item, ErrorCode error)
    {
        item.Error = error;
        if (error != ErrorCode.None)
        {
            item.BaseOffset = -1;
            item.AppendTimeMillis = -1;
        }
    }

    /// <summary>The bytes of a foreign core may go only when they were written, whatever the time says.</summary>
    [HotPath]
    private void CompleteWhenDone()
    {
        if (_pending == 0 && _unwritten == 0)
        {
            Complete();
        }
    }

    [HotPath]
    private void Complete()
    {
        ServerCore owner = _owner!;
        _generation++;
        if (_timer != TimerHandle.None)
        {
            owner.Core.Timers.Cancel(_timer);
        }
        if (ReferenceEquals(owner, home))
        {
            Work!.OnShareDone(this);
            return;
        }
        _isAnswering = true;
        Answer();
    }

    [HotPath]
    private void Answer()
    {
        Core core = _owner!.Core;
        Mail mail = new() { Target = this, Kind = KindDone };
        if (!core.TryPost(home.Core.Index, mail))
        {
            core.WhenMailboxDrains(home.Core.Index, this);
        }
    }
}
