using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Server.Produce;

/// <summary>
/// What Apache Kafka asks of the records of a produce request before any log sees them: exactly one batch of magic 2, and
/// zstd only from clients whose version knows it. The log checks the rest of the batch.
/// </summary>
internal static class ProduceRules
{
    /// <summary>Bytes before the first record of a batch.</summary>
    private const int BatchHeaderBytes = 61;

    /// <summary>Bytes of base offset and length, which the length field does not count.</summary>
    private const int BatchPrefixBytes = 12;

    private const int LengthPosition = 8;
    private const int MagicPosition = 16;
    private const int AttributesPosition = 21;
    private const int CodecMask = 0x7;
    private const int CodecZstd = 4;
    private const short FirstVersionWithZstd = 7;

    [HotPath]
    public static ErrorCode Check(ReadOnlySpan<byte> records, short version)
    {
        if (records.Length <= BatchPrefixBytes + sizeof(int))
        {
            return ErrorCode.InvalidRecord;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(records[LengthPosition..]);
        if (records[MagicPosition] != 2)
        {
            return ErrorCode.InvalidRecord;
        }
        if (length < BatchHeaderBytes - BatchPrefixBytes)
        {
            return ErrorCode.CorruptMessage;
        }
        if (length != records.Length - BatchPrefixBytes)
        {
            return ErrorCode.InvalidRecord;
        }
        int attributes = BinaryPrimitives.ReadInt16BigEndian(records[AttributesPosition..]);
        return (attributes & CodecMask) == CodecZstd && version < FirstVersionWithZstd
            ? ErrorCode.UnsupportedCompressionType
            : ErrorCode.None;
    }
}
