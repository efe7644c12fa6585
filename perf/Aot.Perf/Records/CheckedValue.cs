using System.Buffers.Binary;
using Aot.Broker.Base;

namespace Aot.Perf.Records;

/// <summary>
/// The value of a record that says who wrote it, as which one, and when it was due: 8 bytes of producer and number, 8 bytes of
/// monotonic nanoseconds, 4 bytes of check over both and the payload, and the payload. Big-endian.
/// </summary>
internal static class CheckedValue
{
    public const int HeaderBytes = 20;

    private const int DueAt = 8;
    private const int CheckAt = 16;
    private const int ProducerShift = 48;

    public static long Sequence(int producer, long number) => ((long)producer << ProducerShift) | number;

    public static int ProducerOf(long sequence) => (int)(sequence >> ProducerShift);

    public static long NumberOf(long sequence) => sequence & ((1L << ProducerShift) - 1);

    /// <param name="payloadCrc">CRC-32C of the payload, which does not change.</param>
    public static void Write(Span<byte> value, long sequence, long due, uint payloadCrc)
    {
        BinaryPrimitives.WriteInt64BigEndian(value, sequence);
        BinaryPrimitives.WriteInt64BigEndian(value[DueAt..], due);
        BinaryPrimitives.WriteUInt32BigEndian(value[CheckAt..], Crc32C.Compute(value[..CheckAt]) ^ payloadCrc);
    }

    /// <summary>False when the bytes are not what was written.</summary>
    public static bool TryRead(ReadOnlySpan<byte> value, out long sequence, out long due)
    {
        sequence = due = 0;
        if (value.Length < HeaderBytes)
        {
            return false;
        }
        sequence = BinaryPrimitives.ReadInt64BigEndian(value);
        due = BinaryPrimitives.ReadInt64BigEndian(value[DueAt..]);
        uint check = Crc32C.Compute(value[..CheckAt]) ^ Crc32C.Compute(value[HeaderBytes..]);
        return check == BinaryPrimitives.ReadUInt32BigEndian(value[CheckAt..]);
    }
}
