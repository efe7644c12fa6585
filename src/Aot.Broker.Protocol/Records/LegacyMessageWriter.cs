using System.Buffers.Binary;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// Writes the head of a message of magic 0 or 1: what compaction needs, since the broker makes no such messages. The
/// layout is that of <see cref="LegacyMessageView"/>.
/// </summary>
public static class LegacyMessageWriter
{
    private const int CrcAt = 12;
    private const int AttributesAt = 17;
    private const int TimestampAt = 18;

    /// <summary>Where the value begins in a message without a key.</summary>
    public static int ValueAt(byte magic) => (magic == 0 ? TimestampAt : TimestampAt + 8) + (2 * sizeof(int));

    /// <summary>Fills everything before the value, which is at <see cref="ValueAt"/> already and ends the message.</summary>
    public static void WriteWrapper(Span<byte> message, long offset, byte magic, byte attributes, long timestamp)
    {
        BinaryPrimitives.WriteInt64BigEndian(message, offset);
        BinaryPrimitives.WriteInt32BigEndian(
            message[RecordBatchHeader.BatchLengthAt..],
            message.Length - RecordBatchHeader.LogOverhead
        );
        message[RecordBatchHeader.MagicAt] = magic;
        message[AttributesAt] = attributes;
        if (magic > 0)
        {
            BinaryPrimitives.WriteInt64BigEndian(message[TimestampAt..], timestamp);
        }
        int valueAt = ValueAt(magic);
        BinaryPrimitives.WriteInt32BigEndian(message[(valueAt - 8)..], -1);
        BinaryPrimitives.WriteInt32BigEndian(message[(valueAt - 4)..], message.Length - valueAt);
        uint crc = Crc32Ieee.Compute(message[RecordBatchHeader.MagicAt..]);
        BinaryPrimitives.WriteUInt32BigEndian(message[CrcAt..], crc);
    }
}
