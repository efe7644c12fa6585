using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// A record batch (magic 2) in somebody's bytes, borrowed. Has at least the header; the records may be missing when
/// only headers were read from a file. Reading a field checks nothing: <see cref="Validate"/> says whether they make
/// sense. Field names are Kafka's.
/// </summary>
public readonly ref struct RecordBatchView
{
    private readonly ReadOnlySpan<byte> _bytes;

    /// <summary>Bytes from the first of the batch on, at least its header; what follows the batch is not looked at.</summary>
    public RecordBatchView(ReadOnlySpan<byte> bytes)
    {
        Invariant.That(bytes.Length >= RecordBatchHeader.SizeInBytes);
        _bytes = bytes;
    }

    /// <summary>False when the bytes hold no whole batch of magic 2; the view then is of no batch.</summary>
    [HotPath]
    public static bool TryRead(ReadOnlySpan<byte> bytes, out RecordBatchView batch)
    {
        batch = default;
        if (bytes.Length < RecordBatchHeader.SizeInBytes)
        {
            return false;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(bytes[RecordBatchHeader.BatchLengthAt..]);
        if (
            length < RecordBatchHeader.BatchLengthMin
            || length > bytes.Length - RecordBatchHeader.LogOverhead
            || bytes[RecordBatchHeader.MagicAt] != RecordBatchHeader.CurrentMagic
        )
        {
            return false;
        }
        batch = new RecordBatchView(bytes[..(RecordBatchHeader.LogOverhead + length)]);
        return true;
    }

    public long BaseOffset => Int64(RecordBatchHeader.BaseOffsetAt);

    public int BatchLength => Int32(RecordBatchHeader.BatchLengthAt);

    public int PartitionLeaderEpoch => Int32(RecordBatchHeader.PartitionLeaderEpochAt);

    public byte Magic => _bytes[RecordBatchHeader.MagicAt];

    public uint Crc => (uint)Int32(RecordBatchHeader.CrcAt);

    public short Attributes => Int16(RecordBatchHeader.AttributesAt);

    public int LastOffsetDelta => Int32(RecordBatchHeader.LastOffsetDeltaAt);

    /// <summary>The first record's timestamp, or the delete horizon where <see cref="HasDeleteHorizon"/>; deltas start here.</summary>
    public long BaseTimestamp => Int64(RecordBatchHeader.BaseTimestampAt);

    public long MaxTimestamp => Int64(RecordBatchHeader.MaxTimestampAt);

    public long ProducerId => Int64(RecordBatchHeader.ProducerIdAt);

    public short ProducerEpoch => Int16(RecordBatchHeader.ProducerEpochAt);

    public int BaseSequence => Int32(RecordBatchHeader.BaseSequenceAt);

    public int RecordsCount => Int32(RecordBatchHeader.RecordsCountAt);

    /// <summary>May be a value without a name: see <see cref="RecordBatchFault.UnknownCodec"/>.</summary>
    public CompressionCodec Codec => (CompressionCodec)(Attributes & RecordBatchHeader.CodecMask);

    public bool IsCompressed => Codec != CompressionCodec.None;

    public TimestampType TimestampType =>
        (Attributes & RecordBatchHeader.LogAppendTimeFlag) != 0
            ? TimestampType.LogAppendTime
            : TimestampType.CreateTime;

    public bool IsTransactional => (Attributes & RecordBatchHeader.TransactionalFlag) != 0;

    public bool IsControl => (Attributes & RecordBatchHeader.ControlFlag) != 0;

    public bool HasDeleteHorizon => (Attributes & RecordBatchHeader.DeleteHorizonFlag) != 0;

    public bool HasProducerId => ProducerId > RecordBatchHeader.NoProducerId;

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public long NextOffset => LastOffset + 1;

    /// <summary>The sequence of the last record, or -1 where the batch has none.</summary>
    public int LastSequence =>
        BaseSequence == RecordBatchHeader.NoSequence
            ? RecordBatchHeader.NoSequence
            : RecordBatchHeader.AddSequence(BaseSequence, LastOffsetDelta);

    /// <summary>Bytes of the whole batch with its header, as its length field says.</summary>
    public int TotalSize => RecordBatchHeader.LogOverhead + BatchLength;

    /// <summary>True when the bytes hold the batch to its end.</summary>
    public bool IsWhole =>
        BatchLength >= RecordBatchHeader.BatchLengthMin && TotalSize <= _bytes.Length && TotalSize > 0;

    /// <summary>The batch's bytes and nothing after them.</summary>
    public ReadOnlySpan<byte> Bytes => _bytes[..TotalSize];

    /// <summary>What follows the header: the records, compressed together where the batch has a codec.</summary>
    public ReadOnlySpan<byte> RecordsBytes => _bytes[RecordBatchHeader.SizeInBytes..TotalSize];

    /// <summary>A walk over the records of an uncompressed batch.</summary>
    public RecordEnumerator Records()
    {
        Invariant.That(!IsCompressed);
        return new RecordEnumerator(RecordsBytes, RecordsCount);
    }

    [HotPath]
    public uint ComputeCrc() => Crc32C.Compute(_bytes[RecordBatchHeader.AttributesAt..TotalSize]);

    /// <summary>The timestamp that readers see: with LogAppendTime all records have that of the batch.</summary>
    public long TimestampOf(in RecordView record) =>
        TimestampType == TimestampType.LogAppendTime ? MaxTimestamp : BaseTimestamp + record.TimestampDelta;

    /// <summary>
    /// What must hold for a batch of any origin: it is whole, of magic 2, no bigger than <paramref name="totalSizeMax"/>,
    /// of a known codec, and its checksum is right.
    /// </summary>
    [HotPath]
    public RecordBatchFault Validate(int totalSizeMax = int.MaxValue)
    {
        if (BatchLength < RecordBatchHeader.BatchLengthMin || TotalSize < 0)
        {
            return RecordBatchFault.BadLength;
        }
        if (Magic != RecordBatchHeader.CurrentMagic)
        {
            return RecordBatchFault.UnsupportedMagic;
        }
        if (TotalSize > totalSizeMax)
        {
            return RecordBatchFault.TooLarge;
        }
        if (TotalSize > _bytes.Length)
        {
            return RecordBatchFault.TooShort;
        }
        if (ComputeCrc() != Crc)
        {
            return RecordBatchFault.BadCrc;
        }
        return Codec > CompressionCodec.Zstd ? RecordBatchFault.UnknownCodec : RecordBatchFault.None;
    }

    /// <summary>
    /// What Kafka asks of the header of a batch that a client produces, beyond <see cref="Validate"/>. Idempotence and
    /// transactions are the log's business, the records that of the record validator.
    /// </summary>
    [HotPath]
    public RecordBatchFault ValidateProduced()
    {
        if (BaseOffset != 0)
        {
            return RecordBatchFault.BaseOffsetNotZero;
        }
        if (LastOffsetDelta < 0)
        {
            return RecordBatchFault.BadOffsetRange;
        }
        if (RecordsCount <= 0)
        {
            return RecordBatchFault.BadCount;
        }
        if ((long)LastOffsetDelta + 1 != RecordsCount)
        {
            return RecordBatchFault.CountAndOffsetsDiffer;
        }
        if (IsControl)
        {
            return RecordBatchFault.ControlBatchFromClient;
        }
        return HasProducerId && BaseSequence < 0 ? RecordBatchFault.SequenceMissing : RecordBatchFault.None;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long Int64(int at) => BinaryPrimitives.ReadInt64BigEndian(_bytes.Slice(at, 8));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Int32(int at) => BinaryPrimitives.ReadInt32BigEndian(_bytes.Slice(at, 4));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private short Int16(int at) => BinaryPrimitives.ReadInt16BigEndian(_bytes.Slice(at, 2));
}
