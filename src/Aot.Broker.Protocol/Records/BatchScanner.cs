using System.Buffers.Binary;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Records;

/// <summary>Why a <see cref="BatchScanner"/> stopped.</summary>
public enum BatchScanEnd : byte
{
    /// <summary>It has not.</summary>
    None = 0,

    /// <summary>Every byte belonged to a batch.</summary>
    Clean,

    /// <summary>The last batch is not whole.</summary>
    TornTail,
    BadLength,
    BadMagic,
}

/// <summary>
/// Steps over the batches of a buffer: of a produce request, of a segment, of a fetch. Magic 0 and 1 are stepped over
/// as well. Looks at lengths and magic only; whether a batch is sound is for <see cref="RecordBatchView.Validate"/>.
/// </summary>
public ref struct BatchScanner
{
    private readonly ReadOnlySpan<byte> _bytes;
    private int _next;

    public BatchScanner(ReadOnlySpan<byte> bytes)
    {
        _bytes = bytes;
    }

    /// <summary>Where the current batch starts; after the end, where the first byte without a batch is.</summary>
    public int Position { get; private set; }

    public int TotalSize { get; private set; }

    public byte Magic { get; private set; }

    public BatchScanEnd End { get; private set; }

    /// <summary>At <see cref="BatchScanEnd.TornTail"/>: the size of the whole batch, or 0 where not even that can be read.</summary>
    public int TornTotalSize { get; private set; }

    /// <summary>The current batch, of any magic.</summary>
    public readonly ReadOnlySpan<byte> Bytes => _bytes.Slice(Position, TotalSize);

    /// <summary>The current batch; only where <see cref="Magic"/> is 2.</summary>
    public readonly RecordBatchView Batch
    {
        get
        {
            Invariant.That(Magic == RecordBatchHeader.CurrentMagic);
            return new RecordBatchView(Bytes);
        }
    }

    [HotPath]
    public bool MoveNext()
    {
        if (End != BatchScanEnd.None)
        {
            return false;
        }
        Position = _next;
        TotalSize = 0;
        ReadOnlySpan<byte> rest = _bytes[_next..];
        if (rest.Length < RecordBatchHeader.PrefixBytes)
        {
            End = rest.Length == 0 ? BatchScanEnd.Clean : BatchScanEnd.TornTail;
            return false;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(rest[RecordBatchHeader.BatchLengthAt..]);
        Magic = rest[RecordBatchHeader.MagicAt];
        if (Magic > RecordBatchHeader.CurrentMagic)
        {
            End = BatchScanEnd.BadMagic;
            return false;
        }
        int lengthMin =
            Magic == RecordBatchHeader.CurrentMagic ? RecordBatchHeader.BatchLengthMin : LegacyMessageView.SizeMin;
        if (length < lengthMin || length > int.MaxValue - RecordBatchHeader.LogOverhead)
        {
            End = BatchScanEnd.BadLength;
            return false;
        }
        int size = RecordBatchHeader.LogOverhead + length;
        if (size > rest.Length)
        {
            TornTotalSize = size;
            End = BatchScanEnd.TornTail;
            return false;
        }
        TotalSize = size;
        _next += size;
        return true;
    }
}
