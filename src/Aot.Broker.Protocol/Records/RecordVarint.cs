using System.Numerics;
using System.Runtime.CompilerServices;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// The zigzag numbers of records: seven bits a byte, low bits first. As in Kafka an over-long form is accepted up to
/// 5 (10) bytes and what does not fit the type falls off.
/// </summary>
internal static class RecordVarint
{
    // One and two bytes are read inline: they are nearly all numbers of nearly all records.

    internal const int Int32BytesMax = 5;
    internal const int Int64BytesMax = 10;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryReadInt32(ReadOnlySpan<byte> source, scoped ref int at, out int value)
    {
        int position = at;
        if ((uint)position < (uint)source.Length)
        {
            uint first = source[position];
            if (first < 0x80)
            {
                at = position + 1;
                value = (int)(first >> 1) ^ -(int)(first & 1);
                return true;
            }
            if ((uint)(position + 1) < (uint)source.Length && source[position + 1] < 0x80)
            {
                at = position + 2;
                first = (first & 0x7F) | ((uint)source[position + 1] << 7);
                value = (int)(first >> 1) ^ -(int)(first & 1);
                return true;
            }
        }
        bool read = TryReadLong(source, ref at, Int32BytesMax, out ulong raw);
        uint bits = (uint)raw;
        value = (int)(bits >> 1) ^ -(int)(bits & 1);
        return read;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryReadInt64(ReadOnlySpan<byte> source, scoped ref int at, out long value)
    {
        int position = at;
        if ((uint)position < (uint)source.Length)
        {
            uint first = source[position];
            if (first < 0x80)
            {
                at = position + 1;
                value = (int)(first >> 1) ^ -(int)(first & 1);
                return true;
            }
            if ((uint)(position + 1) < (uint)source.Length && source[position + 1] < 0x80)
            {
                at = position + 2;
                first = (first & 0x7F) | ((uint)source[position + 1] << 7);
                value = (int)(first >> 1) ^ -(int)(first & 1);
                return true;
            }
        }
        bool read = TryReadLong(source, ref at, Int64BytesMax, out ulong raw);
        value = (long)(raw >> 1) ^ -(long)(raw & 1);
        return read;
    }

    private static bool TryReadLong(ReadOnlySpan<byte> source, scoped ref int at, int bytesMax, out ulong raw)
    {
        raw = 0;
        int length = 0;
        int position = at;
        while (length < bytesMax && (uint)position < (uint)source.Length)
        {
            ulong next = source[position++];
            raw |= (next & 0x7F) << (7 * length);
            length++;
            if (next < 0x80)
            {
                at = position;
                return true;
            }
        }
        return false;
    }

    internal static int Size(int value) => SizeOf((uint)((value << 1) ^ (value >> 31)));

    internal static int Size(long value) => SizeOf((ulong)((value << 1) ^ (value >> 63)));

    /// <summary>Writes at the start of <paramref name="target"/> and gives the bytes it took.</summary>
    internal static int Write(Span<byte> target, long value)
    {
        ulong rest = (ulong)((value << 1) ^ (value >> 63));
        int at = 0;
        while (rest >= 0x80)
        {
            target[at++] = (byte)(rest | 0x80);
            rest >>= 7;
        }
        target[at++] = (byte)rest;
        return at;
    }

    /// <summary>One byte per seven bits, at least one.</summary>
    private static int SizeOf(ulong bits) => (BitOperations.Log2(bits | 1) / 7) + 1;
}
