using System.Buffers.Binary;

namespace Aot.Broker.Storage;

/// <summary>
/// The fields of a batch header that the log decides by, read once. A value of its own because most headers are read
/// from the disk without the records behind them. Legacy message sets (magic 0 and 1), which old segments may still
/// hold, have offset, size and magic at the same places; their other fields read as absent.
/// </summary>
internal readonly struct BatchHeader
{
    /// <summary>Offset and length: what precedes the bytes that the length counts.</summary>
    public const int PrefixBytes = 12;

    /// <summary>Enough of any batch to know its size and format.</summary>
    public const int MagicEnd = 17;

    /// <summary>The whole header of format 2.</summary>
    public const int Bytes = 61;

    /// <summary>The smallest legacy message: prefix, crc, magic, attributes, key and value lengths.</summary>
    private const int LegacyBytesMin = 26;

    public readonly long BaseOffset;
    public readonly long BaseTimestamp;
    public readonly long MaxTimestamp;
    public readonly long ProducerId;
    public readonly int TotalBytes;
    public readonly int LeaderEpoch;
    public readonly int LastOffsetDelta;
    public readonly int BaseSequence;
    public readonly int RecordCount;
    public readonly short Attributes;
    public readonly short ProducerEpoch;
    public readonly byte Magic;

    private BatchHeader(ReadOnlySpan<byte> header, int totalBytes)
    {
        BaseOffset = BinaryPrimitives.ReadInt64BigEndian(header);
        TotalBytes = totalBytes;
        Magic = header[16];
        if (Magic < 2)
        {
            // A legacy entry carries its last offset; a single message is its own batch.
            LeaderEpoch = -1;
            MaxTimestamp =
                Magic == 1 && header.Length >= LegacyBytesMin ? BinaryPrimitives.ReadInt64BigEndian(header[18..]) : -1;
            BaseTimestamp = MaxTimestamp;
            ProducerId = -1;
            ProducerEpoch = -1;
            BaseSequence = -1;
            RecordCount = 1;
            return;
        }
        LeaderEpoch = BinaryPrimitives.ReadInt32BigEndian(header[12..]);
        Attributes = BinaryPrimitives.ReadInt16BigEndian(header[21..]);
        LastOffsetDelta = BinaryPrimitives.ReadInt32BigEndian(header[23..]);
        BaseTimestamp = BinaryPrimitives.ReadInt64BigEndian(header[27..]);
        MaxTimestamp = BinaryPrimitives.ReadInt64BigEndian(header[35..]);
        ProducerId = BinaryPrimitives.ReadInt64BigEndian(header[43..]);
        ProducerEpoch = BinaryPrimitives.ReadInt16BigEndian(header[51..]);
        BaseSequence = BinaryPrimitives.ReadInt32BigEndian(header[53..]);
        RecordCount = BinaryPrimitives.ReadInt32BigEndian(header[57..]);
    }

    public long LastOffset => BaseOffset + LastOffsetDelta;

    public long NextOffset => LastOffset + 1;

    public int LastSequence => BaseSequence < 0 ? -1 : Producers.Sequence.Plus(BaseSequence, LastOffsetDelta);

    public int Codec => Attributes & 7;

    public bool IsLogAppendTime => (Attributes & 8) != 0;

    public bool IsTransactional => (Attributes & 16) != 0;

    public bool IsControl => (Attributes & 32) != 0;

    public bool HasProducer => ProducerId >= 0;

    /// <summary>
    /// Reads what is there. False: too few bytes to know the batch, or a size, format or delta that no batch has.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out BatchHeader header)
    {
        header = default;
        if (bytes.Length < MagicEnd)
        {
            return false;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(bytes[8..]);
        byte magic = bytes[16];
        int least = magic == 2 ? Bytes : LegacyBytesMin;
        if (length < least - PrefixBytes || length > int.MaxValue - PrefixBytes || magic > 2)
        {
            return false;
        }
        if (magic == 2 && bytes.Length < Bytes)
        {
            return false;
        }
        header = new BatchHeader(bytes, length + PrefixBytes);
        return header.BaseOffset >= 0 && header.LastOffsetDelta >= 0;
    }
}
