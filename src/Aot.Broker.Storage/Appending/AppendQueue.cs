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
internal sealed class AppendQueue(Core core)
{
    /// <summary>Pieces per call; the kernel takes 1024, and 128 of at least a kilobyte cost far more than the call.</summary>
    private const int PiecesPerWrite = 128;

    private QueuedBatch[] _batches = [];

    public int Count { get; private set; }

    public long Bytes { get; private set; }

    public ref readonly QueuedBatch this[int index] => ref _batches[index];

    /// <summary>A slot at the end for the caller to fill; <see cref="Commit"/> makes it count.</summary>
    [HotPath]
    public ref QueuedBatch Next()
    {
        if (Count == _batches.Length)
        {
            GrowSlow();
        }
        return ref _batches[Count];
    }

    [HotPath]
    public void Commit(int bytes)
    {
        Count++;
        Bytes += bytes;
    }

    /// <summary>Writes all batches at the segment's end: 0 or a negative errno, and then the file may be longer than the segment.</summary>
    [HotPath]
    public unsafe long WriteTo(Segment segment, Fd log, Disk disk)
    {
        // SAFETY: each address stays valid until Release: the buffer is retained by this queue, or its holder waits for
        // the callback that Release precedes. Nobody writes to a batch after it was stamped.
        IoPiece* pieces = stackalloc IoPiece[PiecesPerWrite];
        long position = segment.Bytes;
        int from = 0;
        while (from < Count)
        {
            int pieceCount = Math.Min(PiecesPerWrite, Count - from);
            long bytes = 0;
            for (int i = 0; i < pieceCount; i++)
            {
                ref QueuedBatch batch = ref _batches[from + i];
                pieces[i] = new IoPiece((byte*)batch.Address, batch.Bytes);
                bytes += batch.Bytes;
            }
            long written = disk.Write(log, new ReadOnlySpan<IoPiece>(pieces, pieceCount), position);
            if (written < 0)
            {
                return written;
            }
            Invariant.That(written == bytes);
            position += bytes;
            from += pieceCount;
        }
        return 0;
    }

    /// <summary>Counts the written batches into the segment and the map of the tail.</summary>
    [HotPath]
    public void AddTo(Segment segment, TailMap tail, int indexIntervalBytes, Disk disk)
    {
        for (int i = 0; i < Count; i++)
        {
            ref QueuedBatch batch = ref _batches[i];
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
        for (int i = Count - 1; i >= 0; i--)
        {
            if (_batches[i].HasProducer)
            {
                producers.Undo(_batches[i].Undo);
            }
        }
    }

    /// <summary>The bytes are in the file, or given up: the buffers go back.</summary>
    [HotPath]
    public void Release()
    {
        for (int i = 0; i < Count; i++)
        {
            ref QueuedBatch batch = ref _batches[i];
            if (batch.Owner != default)
            {
                core.Buffers.Release(ref batch.Owner);
            }
        }
        Count = 0;
        Bytes = 0;
    }

    public void ReleaseMemory()
    {
        if (Count == 0)
        {
            _batches = [];
        }
    }

    private void GrowSlow() => Array.Resize(ref _batches, Math.Max(4, Count * 2));
}
