using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Indexes;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// Which batches of a walk over a log belong to aborted transactions, and which markers have no data left before them.
/// The walk is in the order of the offsets and gives every batch to one of the two methods.
/// </summary>
internal sealed class CleanedTransactions
{
    private readonly Queue<AbortedEntry> _comingAborted;
    private readonly Dictionary<long, (AbortedEntry Entry, bool HasData)> _aborted = [];
    private readonly HashSet<long> _committed = [];

    /// <param name="aborted">The aborted transactions that have data or a marker in the walk.</param>
    public CleanedTransactions(IEnumerable<AbortedEntry> aborted)
    {
        List<AbortedEntry> inOrder = [.. aborted];
        inOrder.Sort(static (left, right) => left.FirstOffset.CompareTo(right.FirstOffset));
        _comingAborted = new Queue<AbortedEntry>(inOrder);
    }

    /// <summary>A data batch; true: it belongs to an aborted transaction, and no reader of committed data sees it.</summary>
    public bool OnData(in RecordBatchView batch)
    {
        TakeUpTo(batch.LastOffset);
        if (!batch.IsTransactional)
        {
            return false;
        }
        if (
            _aborted.TryGetValue(batch.ProducerId, out (AbortedEntry Entry, bool HasData) transaction)
            && batch.LastOffset < transaction.Entry.LastOffset
        )
        {
            _aborted[batch.ProducerId] = (transaction.Entry, HasData: true);
            return true;
        }
        _committed.Add(batch.ProducerId);
        return false;
    }

    /// <summary>
    /// A control batch; true: it is the marker of a transaction without any data, so it may go when its time is over.
    /// <paramref name="kept"/>: the aborted transaction that still has data, for the transaction index.
    /// </summary>
    public bool OnControl(in RecordBatchView batch, out AbortedEntry? kept)
    {
        kept = null;
        TakeUpTo(batch.LastOffset);
        RecordEnumerator records = batch.Records();
        if (!records.MoveNext())
        {
            // Emptied by an earlier pass.
            return true;
        }
        if (!ControlRecord.TryReadType(records.Current.Key, out ControlRecordType type))
        {
            return false;
        }
        switch (type)
        {
            case ControlRecordType.Commit:
                return !_committed.Remove(batch.ProducerId);
            case ControlRecordType.Abort:
                _aborted.Remove(batch.ProducerId, out (AbortedEntry Entry, bool HasData) transaction);
                kept = transaction.HasData ? transaction.Entry : null;
                return !transaction.HasData;
            default:
                return false;
        }
    }

    private void TakeUpTo(long offset)
    {
        while (_comingAborted.TryPeek(out AbortedEntry next) && next.FirstOffset <= offset)
        {
            _comingAborted.Dequeue();
            _aborted[next.ProducerId] = (next, HasData: false);
        }
    }
}
