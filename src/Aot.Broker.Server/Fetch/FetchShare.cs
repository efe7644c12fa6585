using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Fetch;

/// <summary>
/// The partitions of one fetch that belong to one core. The core of the connection fills it and sends it; the core of the
/// logs reads, and, when there is less than <see cref="NeedBytes"/>, keeps it and watches its logs in the same step, so that no
/// append is missed; it comes back when there is enough, something failed, the time is over, or it was collected. At any
/// time one core owns it. For logs of the connection's own core the same steps are direct calls.
///
/// Leases keep the segments of an answer open until it was sent. They are released by the core of the logs only: at the next
/// read through this share, or when a share lies unused for a while. Shares are pooled per target core, so that a collect that
/// crossed the answer arrives before the share's next read.
/// </summary>
internal sealed class FetchShare(ServerCore home, CoreIndex target)
    : DelayedOperation,
        IMailTarget,
        IFileTarget,
        ITurnEnd
{
    private const int KindRead = 0;
    private const int KindCollect = 1;
    private const int KindAnswer = 2;
    private const int KindRelease = 3;
    private const int KindReleased = 4;

    private enum OwnerState
    {
        /// <summary>The share is not here.</summary>
        Away,
        Watching,

        /// <summary>A watched log moved; the share is read again at the end of the turn.</summary>
        Woken,

        /// <summary>What the lookups need is read from the disk; then all is read again.</summary>
        WarmingUp,
        ReadingAhead,

        /// <summary>The mailbox to the connection's core is full.</summary>
        Answering,
    }

    private readonly FetchReads _reads = new();
    private FetchItem[] _items = new FetchItem[4];
    private WatchKey[] _keys = new WatchKey[4];
    private ServerCore? _owner;
    private OwnerState _state;
    private bool _isOver;
    private int _readsAhead;
    private int _coldLookups;

    public FetchWork? Work { get; set; }

    public CoreIndex Target => target;

    public int Count { get; private set; }

    /// <summary>Sent and not back. Belongs to the core of the connection.</summary>
    public bool IsOut { get; private set; }

    public ReadIsolation Isolation { get; set; }

    /// <summary>Bytes that end the wait; 0 answers at once.</summary>
    public int NeedBytes { get; set; }

    public int BytesMax { get; set; }

    public long DeadlineMillis { get; set; }

    /// <summary>Bytes found.</summary>
    public long Bytes { get; private set; }

    /// <summary>The answer should go out whatever there is: an error, a divergence, or the time is over.</summary>
    public bool EndsWait { get; private set; }

    public bool HoldsLeases => _reads.HoldsLeases;

    /// <summary>See <see cref="FetchItem.AbortedFirst"/>.</summary>
    public List<AbortedTransaction> Aborted => _reads.Aborted;

    public ref FetchItem this[int index] => ref _items[index];

    [HotPath]
    public void Begin(FetchWork work)
    {
        Work = work;
        Count = 0;
        Bytes = 0;
        EndsWait = false;
    }

    [HotPath]
    public ref FetchItem Add()
    {
        if (Count == _items.Length)
        {
            Array.Resize(ref _items, 2 * _items.Length);
            Array.Resize(ref _keys, 2 * _keys.Length);
        }
        ref FetchItem item = ref _items[Count++];
        return ref item;
    }

    /// <summary>Sends it to the core of the logs; with a full mailbox the connection waits.</summary>
    [HotPath]
    public void Send()
    {
        IsOut = true;
        if (target == home.Core.Index)
        {
            Read(home);
            return;
        }
        if (!home.Core.TryPost(target, new Mail { Target = this, Kind = KindRead }))
        {
            Work!.Slot.Connection.BlockOnMailbox();
            home.Core.WhenMailboxDrains(target, this);
        }
    }

    /// <summary>The answer goes out with what there is: the share should come back now.</summary>
    public void Collect()
    {
        if (target == home.Core.Index)
        {
            CollectHere();
            return;
        }
        home.Core.Post(target, new Mail { Target = this, Kind = KindCollect });
    }

    /// <summary>Asks the owner to let go of the segments of an answer that was sent long ago.</summary>
    public void SendRelease() => home.Core.Post(target, new Mail { Target = this, Kind = KindRelease });

    [HotPath]
    public void Receive(Core core, in Mail mail)
    {
        switch (mail.Kind)
        {
            case KindRead:
                Read(core.Get<ServerCore>());
                break;
            case KindCollect:
                CollectHere();
                break;
            case KindAnswer:
                IsOut = false;
                Work!.OnShareAnswered(this);
                break;
            case KindRelease:
                ReleaseLeases();
                core.Post(home.Core.Index, new Mail { Target = this, Kind = KindReleased });
                break;
            default:
                home.KeepFetchShare(this);
                break;
        }
    }

    /// <summary>A mailbox has room again, or the turn in which a watched log moved ends.</summary>
    [HotPath]
    public void OnTurnEnd()
    {
        switch (_state)
        {
            case OwnerState.Woken:
                Evaluate();
                break;
            case OwnerState.Answering:
                Answer();
                break;
            default:
                RetrySend();
                break;
        }
    }

    public void OnFileDone(long token, long result)
    {
        // A failed read-ahead only means that sendfile, or the lookup, will wait for the disk.
        if (--_readsAhead > 0)
        {
            return;
        }
        if (_state == OwnerState.WarmingUp)
        {
            Evaluate();
        }
        else
        {
            Answer();
        }
    }

    [HotPath]
    public void ReleaseLeases()
    {
        _reads.ReleaseLeases();
        for (int i = 0; i < _items.Length; i++)
        {
            _items[i].Log = null;
        }
    }

    [HotPath]
    protected override bool TryComplete()
    {
        for (int i = 0; i < Count; i++)
        {
            ref FetchItem item = ref _items[i];
            if (
                item.Log is { } log
                && (
                    FetchReads.Limit(log, Isolation) != item.SeenLimit
                    || log.LogStartOffset != item.SeenStart
                    || log.Status == LogStatus.Closed
                )
            )
            {
                return true;
            }
        }
        return false;
    }

    protected override void OnExpire() => _isOver = true;

    [HotPath]
    protected override void OnComplete()
    {
        if (_isOver)
        {
            Settle();
            return;
        }
        _state = OwnerState.Woken;
        _owner!.Core.AtTurnEnd(this);
    }

    private void RetrySend()
    {
        Invariant.That(_state == OwnerState.Away && IsOut);
        if (home.Core.TryPost(target, new Mail { Target = this, Kind = KindRead }))
        {
            Work!.Slot.Connection.UnblockFromMailbox();
        }
        else
        {
            home.Core.WhenMailboxDrains(target, this);
        }
    }

    [HotPath]
    private void Read(ServerCore owner)
    {
        _owner = owner;
        _isOver = false;
        for (int i = 0; i < Count; i++)
        {
            _items[i].WarmUps = 0;
        }
        Evaluate();
    }

    /// <summary>A share that is not watching is on its way back, or will see the flag.</summary>
    private void CollectHere()
    {
        if (_state == OwnerState.Watching && _owner!.Core.Purgatory.Cancel(this))
        {
            Settle();
        }
        else if (_state is OwnerState.Woken or OwnerState.WarmingUp)
        {
            _isOver = true;
        }
    }

    [HotPath]
    private void Evaluate()
    {
        ReadAll();
        if (_coldLookups > 0)
        {
            WarmUp();
            return;
        }
        Core core = _owner!.Core;
        if (EndsWait || _isOver || Bytes >= NeedBytes || core.NowMillis >= DeadlineMillis)
        {
            Settle();
            return;
        }
        _state = OwnerState.Watching;
        int keys = 0;
        for (int i = 0; i < Count; i++)
        {
            if (_items[i].Log is { } log)
            {
                _keys[keys++] = log.WatchKey;
            }
        }
        core.Purgatory.TryCompleteElseWatch(this, _keys.AsSpan(0, keys), DeadlineMillis);
    }

    [HotPath]
    private void ReadAll()
    {
        ReleaseLeases();
        Bytes = 0;
        EndsWait = false;
        _coldLookups = 0;
        for (int i = 0; i < Count; i++)
        {
            ref FetchItem item = ref _items[i];
            _reads.Read(_owner!, ref item, Isolation, BytesMax - Bytes, Bytes == 0);
            Bytes += item.Length;
            _coldLookups += item.IsLookupCold ? 1 : 0;
            EndsWait |= item.Error != ErrorCode.None || item.DivergingEpoch >= 0;
        }
    }

    /// <summary>Reads what the lookups need, beside the core, and then all of it once more.</summary>
    private void WarmUp()
    {
        _readsAhead = 1;
        _state = OwnerState.WarmingUp;
        for (int i = 0; i < Count; i++)
        {
            ref FetchItem item = ref _items[i];
            if (item.IsLookupCold)
            {
                item.WarmUps++;
                _readsAhead++;
                _owner!.Core.Io.ReadAhead(item.File, item.Position, item.ColdLength, this, i);
            }
        }
        OnFileDone(0, 0);
    }

    /// <summary>What was read goes back, after the disk was read where the page cache did not have it.</summary>
    [HotPath]
    private void Settle()
    {
        EndsWait |= _isOver || _owner!.Core.NowMillis >= DeadlineMillis;
        _readsAhead = 1;
        _state = OwnerState.ReadingAhead;
        for (int i = 0; i < Count; i++)
        {
            ref FetchItem item = ref _items[i];
            if (item.IsCold)
            {
                _readsAhead++;
                _owner!.Core.Io.ReadAhead(item.File, item.Position, item.Length, this, i);
            }
        }
        OnFileDone(0, 0);
    }

    [HotPath]
    private void Answer()
    {
        ServerCore owner = _owner!;
        _state = OwnerState.Away;
        if (ReferenceEquals(owner, home))
        {
            IsOut = false;
            Work!.OnShareAnswered(this);
            return;
        }
        if (!owner.Core.TryPost(home.Core.Index, new Mail { Target = this, Kind = KindAnswer }))
        {
            _state = OwnerState.Answering;
            owner.Core.WhenMailboxDrains(home.Core.Index, this);
        }
    }
}
