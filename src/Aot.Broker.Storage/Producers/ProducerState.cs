using System.Runtime.InteropServices;
using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Storage.Indexes;

namespace Aot.Broker.Storage.Producers;

/// <summary>A transaction with data in this partition. It stays until its marker is below the high watermark.</summary>
internal readonly record struct PartitionTransaction(long ProducerId, long FirstOffset, long MarkerOffset)
{
    public bool IsOpen => MarkerOffset < 0;
}

/// <summary>What the append path needs to take a batch back that could not be written.</summary>
internal struct ProducerUndo
{
    public ProducerEntry Before;
    public bool Existed;
    public bool OpenedTransaction;
    public bool EndedTransaction;
}

/// <summary>
/// Idempotence and transactions of one partition: the newest batches of each producer, the transactions that are open,
/// and those that ended above the high watermark.
/// </summary>
/// <remarks>
/// Owner: the log's core. A batch is checked, then applied when it gets its offsets, before it is written; if the
/// write fails it is taken back with <see cref="Undo"/>, newest first. A partition without idempotent producers holds
/// two empty fields. The rules are Kafka's: a repetition of one of the last five batches is answered with its offsets;
/// a gap is OUT_OF_ORDER_SEQUENCE_NUMBER; a new epoch begins at sequence 0; a producer that is not known here may
/// begin anywhere.
/// </remarks>
internal sealed class ProducerState
{
    private readonly Dictionary<long, int> _slots = [];
    private readonly List<PartitionTransaction> _transactions = [];
    private ProducerEntry[] _entries = [];

    public int Count { get; private set; }

    public ReadOnlySpan<ProducerEntry> Entries => _entries.AsSpan(0, Count);

    /// <summary>Who asked the transaction coordinator to begin a transaction here.</summary>
    public ProducerVerifications Verifications { get; } = new();

    /// <summary>In the order of their first offsets.</summary>
    public ReadOnlySpan<PartitionTransaction> Transactions => CollectionsMarshal.AsSpan(_transactions);

    /// <summary>Whether the batch may be appended. A repetition is no error: <paramref name="duplicate"/> has its offsets.</summary>
    [HotPath]
    public ErrorCode Check(in BatchHeader batch, AppendOrigin origin, out ProducerBatch duplicate, out bool isDuplicate)
    {
        duplicate = default;
        isDuplicate = false;
        if (!_slots.TryGetValue(batch.ProducerId, out int slot))
        {
            return origin == AppendOrigin.Client ? CheckUnknown(batch) : ErrorCode.None;
        }
        ref readonly ProducerEntry entry = ref _entries[slot];
        if (
            origin == AppendOrigin.Client
            && batch.ProducerEpoch == entry.Epoch
            && entry.TryFindDuplicate(batch.BaseSequence, batch.LastSequence, out duplicate)
        )
        {
            isDuplicate = true;
            return ErrorCode.None;
        }
        if (origin == AppendOrigin.Replication)
        {
            return ErrorCode.None;
        }
        if (batch.ProducerEpoch < entry.Epoch)
        {
            return ErrorCode.InvalidProducerEpoch;
        }
        if (batch.IsControl)
        {
            return ErrorCode.None;
        }
        if (origin == AppendOrigin.Client && !(IsInSequence(entry, batch) && IsLowestVerified(batch)))
        {
            return ErrorCode.OutOfOrderSequenceNumber;
        }
        return entry.TransactionFirstOffset >= 0 && !batch.IsTransactional ? ErrorCode.InvalidTxnState : ErrorCode.None;
    }

    /// <summary>
    /// Whether a transactional batch may be appended without asking the coordinator: its transaction is open here, or the
    /// coordinator has agreed already.
    /// </summary>
    [HotPath]
    public bool IsInTransaction(long producerId, short epoch)
    {
        if (
            _slots.TryGetValue(producerId, out int slot)
            && _entries[slot].TransactionFirstOffset >= 0
            && _entries[slot].Epoch == epoch
        )
        {
            return true;
        }
        return Verifications.TryFind(producerId, out ProducerVerification known)
            && known.IsVerified
            && known.Epoch == epoch;
    }

    /// <summary>
    /// A producer that gets a new epoch with every transaction has markers one epoch above its records. A marker that is
    /// not above the open transaction belongs to an earlier one and came late.
    /// </summary>
    public bool IsStaleMarker(long producerId, short epoch, bool bumpsEpoch) =>
        bumpsEpoch
        && _slots.TryGetValue(producerId, out int slot)
        && _entries[slot].TransactionFirstOffset >= 0
        && _entries[slot].Epoch == epoch;

    /// <summary>A marker of an older transaction coordinator is refused.</summary>
    public ErrorCode CheckMarker(in BatchHeader batch, int coordinatorEpoch) =>
        _slots.TryGetValue(batch.ProducerId, out int slot) && _entries[slot].CoordinatorEpoch > coordinatorEpoch
            ? ErrorCode.TransactionCoordinatorFenced
            : ErrorCode.None;

    /// <summary>Takes a data batch in; its offsets are final.</summary>
    [HotPath]
    public void Apply(in BatchHeader batch, ref ProducerUndo undo)
    {
        ref ProducerEntry entry = ref GetOrAdd(batch.ProducerId, ref undo);
        entry.SetEpoch(batch.ProducerEpoch);
        ProducerBatch added = default;
        added.LastOffset = batch.LastOffset;
        added.LastSequence = batch.LastSequence;
        added.OffsetDelta = batch.LastOffsetDelta;
        added.Timestamp = batch.MaxTimestamp;
        entry.Add(added);
        entry.LastTimestamp = batch.MaxTimestamp;
        if (batch.IsTransactional && entry.TransactionFirstOffset < 0)
        {
            entry.TransactionFirstOffset = batch.BaseOffset;
            undo.OpenedTransaction = true;
            Open(batch.ProducerId, batch.BaseOffset);
            Verifications.Remove(batch.ProducerId);
        }
    }

    /// <summary>Takes a transaction marker in. True: a transaction with data here ended.</summary>
    public bool ApplyMarker(in BatchHeader batch, int coordinatorEpoch, ref ProducerUndo undo, out AbortedEntry ended)
    {
        ref ProducerEntry entry = ref GetOrAdd(batch.ProducerId, ref undo);
        entry.SetEpoch(batch.ProducerEpoch);
        entry.CoordinatorEpoch = coordinatorEpoch;
        entry.LastTimestamp = batch.MaxTimestamp;
        Verifications.Remove(batch.ProducerId);
        ended = default;
        if (entry.TransactionFirstOffset < 0)
        {
            return false;
        }
        long first = entry.TransactionFirstOffset;
        entry.TransactionFirstOffset = -1;
        long stable = batch.LastOffset + 1;
        for (int i = 0; i < _transactions.Count; i++)
        {
            PartitionTransaction transaction = _transactions[i];
            if (transaction.ProducerId == batch.ProducerId && transaction.IsOpen)
            {
                _transactions[i] = transaction with { MarkerOffset = batch.LastOffset };
                undo.EndedTransaction = true;
            }
            else if (transaction.IsOpen && stable > batch.LastOffset)
            {
                stable = transaction.FirstOffset;
            }
        }
        ended = new AbortedEntry(batch.ProducerId, first, batch.LastOffset, stable);
        return true;
    }

    /// <summary>Takes the newest applied batch back.</summary>
    public void Undo(in ProducerUndo undo)
    {
        long producerId = undo.Before.ProducerId;
        if (undo.OpenedTransaction || undo.EndedTransaction)
        {
            int at = _transactions.FindLastIndex(t => t.ProducerId == producerId);
            Invariant.That(at >= 0);
            if (undo.OpenedTransaction)
            {
                _transactions.RemoveAt(at);
            }
            else
            {
                _transactions[at] = _transactions[at] with { MarkerOffset = -1 };
            }
        }
        ref ProducerEntry entry = ref _entries[_slots[producerId]];
        if (!undo.Existed && !entry.IsEmpty)
        {
            entry = ProducerEntry.Awaiting(producerId, entry.Epoch, entry.Batch(0).FirstSequence, entry.LastTimestamp);
        }
        else if (undo.Existed)
        {
            entry = undo.Before;
        }
        else
        {
            Remove(producerId);
        }
    }

    /// <summary>
    /// A batch of a producer that is not known here could not be written. It will come again, and nothing behind it may
    /// be taken before it: a producer that is not known may begin anywhere.
    /// </summary>
    public void Await(in BatchHeader batch)
    {
        if (!_slots.ContainsKey(batch.ProducerId))
        {
            AddSlow(
                ProducerEntry.Awaiting(batch.ProducerId, batch.ProducerEpoch, batch.BaseSequence, batch.MaxTimestamp)
            );
        }
    }

    /// <summary>
    /// Where the part begins that a reader of committed data must not see yet; long.MaxValue without one. Transactions
    /// whose marker is below the high watermark are forgotten here.
    /// </summary>
    [HotPath]
    public long FirstUnstableOffset(long highWatermark)
    {
        while (_transactions.Count > 0)
        {
            PartitionTransaction first = _transactions[0];
            if (first.IsOpen || first.MarkerOffset >= highWatermark)
            {
                return first.FirstOffset;
            }
            _transactions.RemoveAt(0);
        }
        return long.MaxValue;
    }

    /// <summary>Forgets producers that are idle longer than <paramref name="expirationMs"/> and have nothing open.</summary>
    public int RemoveExpired(long nowMillis, long expirationMs)
    {
        int removed = 0;
        for (int slot = Count - 1; slot >= 0; slot--)
        {
            ref readonly ProducerEntry entry = ref _entries[slot];
            if (entry.TransactionFirstOffset < 0 && nowMillis - entry.LastTimestamp >= expirationMs)
            {
                Remove(entry.ProducerId);
                removed++;
            }
        }
        Verifications.RemoveExpired(nowMillis, expirationMs);
        return removed;
    }

    /// <summary>The log begins later now: transactions that lie wholly below cannot be read any more.</summary>
    public void TruncateFromStart(long logStartOffset) =>
        _transactions.RemoveAll(t => !t.IsOpen && t.MarkerOffset < logStartOffset);

    public bool TryFind(long producerId, out ProducerEntry entry)
    {
        bool found = _slots.TryGetValue(producerId, out int slot);
        entry = found ? _entries[slot] : default;
        return found;
    }

    public IReadOnlyList<ProducerDescription> Describe()
    {
        List<ProducerDescription> all = new(Count);
        foreach (ref readonly ProducerEntry entry in Entries)
        {
            if (entry.IsAwaited)
            {
                continue;
            }
            all.Add(
                new ProducerDescription(
                    entry.ProducerId,
                    entry.Epoch,
                    entry.LastSequence,
                    entry.LastTimestamp,
                    entry.CoordinatorEpoch,
                    entry.TransactionFirstOffset
                )
            );
        }
        return all;
    }

    /// <summary>Takes an entry of a snapshot in.</summary>
    public void Load(in ProducerEntry entry)
    {
        ProducerUndo undo = default;
        GetOrAdd(entry.ProducerId, ref undo) = entry;
        if (entry.TransactionFirstOffset >= 0)
        {
            Open(entry.ProducerId, entry.TransactionFirstOffset);
        }
    }

    /// <summary>Completes the windows of producers that came from a snapshot with what was read from the log before it.</summary>
    public void TakeWindows(ProducerState recent)
    {
        foreach (ref ProducerEntry entry in _entries.AsSpan(0, Count))
        {
            if (recent.TryFind(entry.ProducerId, out ProducerEntry other))
            {
                entry.TakeWindow(other);
            }
        }
    }

    public void Clear()
    {
        _slots.Clear();
        _transactions.Clear();
        Verifications.Clear();
        _entries = [];
        Count = 0;
    }

    [HotPath]
    private static bool IsInSequence(in ProducerEntry entry, in BatchHeader batch)
    {
        if (batch.ProducerEpoch != entry.Epoch)
        {
            return batch.BaseSequence == 0 || entry.Epoch == ProducerEntry.NoEpoch;
        }
        return Sequence.IsNext(entry.LastSequence, batch.BaseSequence);
    }

    /// <summary>Who was asked about first goes first; a producer of protocol 2 that nobody knows begins at 0.</summary>
    [HotPath]
    private ErrorCode CheckUnknown(in BatchHeader batch)
    {
        if (!batch.IsTransactional || !Verifications.TryFind(batch.ProducerId, out ProducerVerification known))
        {
            return ErrorCode.None;
        }
        bool isInOrder = batch.BaseSequence <= known.LowestSequence && (!known.BumpsEpoch || batch.BaseSequence == 0);
        return isInOrder ? ErrorCode.None : ErrorCode.OutOfOrderSequenceNumber;
    }

    [HotPath]
    private bool IsLowestVerified(in BatchHeader batch) =>
        !batch.IsTransactional
        || !Verifications.TryFind(batch.ProducerId, out ProducerVerification known)
        || batch.BaseSequence <= known.LowestSequence;

    private ref ProducerEntry GetOrAdd(long producerId, ref ProducerUndo undo)
    {
        undo.OpenedTransaction = false;
        undo.EndedTransaction = false;
        if (_slots.TryGetValue(producerId, out int slot))
        {
            undo.Existed = true;
            undo.Before = _entries[slot];
            return ref _entries[slot];
        }
        undo.Existed = false;
        undo.Before = ProducerEntry.New(producerId);
        return ref AddSlow(undo.Before);
    }

    private ref ProducerEntry AddSlow(in ProducerEntry entry)
    {
        if (Count == _entries.Length)
        {
            Array.Resize(ref _entries, Math.Max(1, Count * 2));
        }
        _slots.Add(entry.ProducerId, Count);
        _entries[Count] = entry;
        return ref _entries[Count++];
    }

    private void Open(long producerId, long firstOffset)
    {
        int at = _transactions.Count;
        while (at > 0 && _transactions[at - 1].FirstOffset > firstOffset)
        {
            at--;
        }
        _transactions.Insert(at, new PartitionTransaction(producerId, firstOffset, -1));
    }

    private void Remove(long producerId)
    {
        bool found = _slots.Remove(producerId, out int slot);
        Invariant.That(found);
        Count--;
        if (slot != Count)
        {
            _entries[slot] = _entries[Count];
            _slots[_entries[slot].ProducerId] = slot;
        }
        _entries[Count] = default;
    }
}
