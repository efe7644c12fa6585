using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Reading;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Appending;

/// <summary>A batch that has its offsets and waits for the write at the end of the turn.</summary>
internal struct QueuedBatch
{
    public nint Address;
    public BufferHandle Owner;
    public long BaseOffset;
    public long LastOffset;
    public long MaxTimestamp;
    public int Bytes;

    /// <summary>The batch is in the producer state: take it back with this when it cannot be written.</summary>
    public bool HasProducer;
    public ProducerUndo Undo;

    /// <summary>The marker of an aborted transaction: goes into the transaction index after the write.</summary>
    public bool IsAbort;
    public AbortedEntry Aborted;
}

/// <summary>
/// The batches of one log that were accepted in this turn. All go out with one vectored write. Invariant: they all
/// belong to the active segment and follow its last byte without a gap.
/// </summary>
internal sealed class AppendQueue(Core core, NodePool<QueuedBatch> nodes)
{
    /// <summary>Pieces per call; the kernel takes 1024, and 128 of at least a kilobyte cost far more than the call.</summary>
    private const int PiecesPerWrite = 128;

    private NodeList<QueuedBatch> _batches;

    public int Count => _batches.Count;

    public long Bytes { get; private set; }

    /// <summary>Only when there is one.</summary>
    public ref readonly QueuedBatch First => ref _batches.First(nodes);

    /// <summary>Only when there is one.</summary>
    public ref readonly QueuedBatch Last => ref _batches.Last(nodes);

    /// <summary>A place at the end for the caller to fill.</summary>
    [HotPath]
    public ref QueuedBatch Add(int bytes)
    {
        Bytes += bytes;
        return ref _batches.Add(nodes);
    }

    /// <summary>Writes all batches at the segment's end: 0 or a negative errno, and then the file may be longer than the segment.</summary>
    [HotPath]
    public unsafe long WriteTo(Segment segment, Fd log, Disk disk)
    {
        // SAFETY: each address stays valid until Release: the buffer is retained by this queue, or its holder waits for
        // the callback that Release precedes. Nobody writes to a batch after it was stamped.
        IoPiece* pieces = stackalloc IoPiece[PiecesPerWrite];
        long position = segment.Bytes;
        int node = _batches.Head;
        for (int left = Count; left > 0; )
        {
            int pieceCount = Math.Min(PiecesPerWrite, left);
            long bytes = 0;
            for (int i = 0; i < pieceCount; i++)
            {
                ref QueuedBatch batch = ref nodes[node];
                pieces[i] = new IoPiece((byte*)batch.Address, batch.Bytes);
                bytes += batch.Bytes;
                node = nodes.Next(node);
            }
            long written = disk.Write(log, new ReadOnlySpan<IoPiece>(pieces, pieceCount), position);
            if (written < 0)
            {
                return written;
            }
            Invariant.That(written == bytes);
            position += bytes;
            left -= pieceCount;
        }
        return 0;
    }

    /// <summary>Counts the written batches into the segment and the map of the tail.</summary>
    [HotPath]
    public void AddTo(Segment segment, TailMap tail, int indexIntervalBytes, Disk disk)
    {
        int node = _batches.Head;
        for (int i = 0; i < Count; i++, node = nodes.Next(node))
        {
            ref QueuedBatch batch = ref nodes[node];
            tail.Add(batch.BaseOffset, batch.LastOffset, segment.Bytes, batch.Bytes);
            while (!segment.TryAdd(batch.LastOffset, batch.MaxTimestamp, batch.Bytes, indexIntervalBytes))
            {
                if (segment.WriteIndexTails(disk, sync: false) != Errno.None)
                {
                    segment.DropIndexTails();
                }
            }
            if (batch.IsAbort)
            {
                segment.Transactions.Append(batch.Aborted, disk);
            }
        }
    }

    /// <summary>Takes all batches back out of the producer state, the newest first.</summary>
    public void UndoSlow(ProducerState producers)
    {
        int[] order = new int[Count];
        int node = _batches.Head;
        for (int i = 0; i < order.Length; i++, node = nodes.Next(node))
        {
            order[i] = node;
        }
        for (int i = order.Length - 1; i >= 0; i--)
        {
            ref QueuedBatch batch = ref nodes[order[i]];
            if (batch.HasProducer)
            {
                producers.Undo(batch.Undo);
            }
        }
    }

    /// <summary>The bytes are in the file, or given up: the buffers go back.</summary>
    [HotPath]
    public void Release()
    {
        while (Count > 0)
        {
            ref QueuedBatch batch = ref _batches.First(nodes);
            if (batch.Owner != default)
            {
                core.Buffers.Release(ref batch.Owner);
            }
            _batches.RemoveFirst(nodes);
        }
        Bytes = 0;
    }
}
