using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// Where the fields of a record batch (magic 2) are. All numbers are big-endian.
/// <code>
///  0 BaseOffset 8 | 8 BatchLength 4 | 12 PartitionLeaderEpoch 4 | 16 Magic 1 | 17 Crc 4        (not covered by the crc)
/// 21 Attributes 2 | 23 LastOffsetDelta 4 | 27 BaseTimestamp 8 | 35 MaxTimestamp 8 | 43 ProducerId 8
/// 51 ProducerEpoch 2 | 53 BaseSequence 4 | 57 RecordsCount 4 | 61 records                      (covered)
/// </code>
/// </summary>
public static class RecordBatchHeader
{
    public const int BaseOffsetAt = 0;
    public const int BatchLengthAt = 8;
    public const int PartitionLeaderEpochAt = 12;
    public const int MagicAt = 16;
    public const int CrcAt = 17;
    public const int AttributesAt = 21;
    public const int LastOffsetDeltaAt = 23;
    public const int BaseTimestampAt = 27;
    public const int MaxTimestampAt = 35;
    public const int ProducerIdAt = 43;
    public const int ProducerEpochAt = 51;
    public const int BaseSequenceAt = 53;
    public const int RecordsCountAt = 57;

    public const int SizeInBytes = 61;

    /// <summary>Base offset and length: what <c>BatchLength</c> does not count, in every magic.</summary>
    public const int LogOverhead = 12;

    /// <summary>The smallest value that <c>BatchLength</c> can have.</summary>
    public const int BatchLengthMin = SizeInBytes - LogOverhead;

    /// <summary>Bytes that must be there before length and magic of a batch of any magic are known.</summary>
    public const int PrefixBytes = MagicAt + 1;

    public const byte CurrentMagic = 2;

    public const long NoProducerId = -1;
    public const short NoProducerEpoch = -1;
    public const int NoSequence = -1;
    public const long NoTimestamp = -1;
    public const int NoPartitionLeaderEpoch = -1;

    public const short CodecMask = 0x07;
    public const short LogAppendTimeFlag = 0x08;
    public const short TransactionalFlag = 0x10;
    public const short ControlFlag = 0x20;
    public const short DeleteHorizonFlag = 0x40;

    public static short MakeAttributes(
        CompressionCodec codec,
        TimestampType timestampType,
        bool transactional,
        bool control,
        bool deleteHorizon
    ) =>
        (short)(
            (int)codec
            | (timestampType == TimestampType.LogAppendTime ? LogAppendTimeFlag : 0)
            | (transactional ? TransactionalFlag : 0)
            | (control ? ControlFlag : 0)
            | (deleteHorizon ? DeleteHorizonFlag : 0)
        );

    /// <summary>The sequence <paramref name="delta"/> records after <paramref name="sequence"/>; wraps from 2^31-1 to 0.</summary>
    public static int AddSequence(int sequence, int delta) => (int)(((long)sequence + delta) & int.MaxValue);
}

/// <summary>Bit 3 of a batch's attributes; <c>message.timestamp.type</c> of a topic.</summary>
public enum TimestampType : sbyte
{
    /// <summary>Magic 0 has no timestamps.</summary>
    None = -1,
    CreateTime = 0,
    LogAppendTime = 1,
}
