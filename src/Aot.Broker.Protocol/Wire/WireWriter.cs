using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>
/// Writes the primitives of the Kafka protocol into a span of fixed size, or only counts them.
///
/// A message is written twice by the same code: first with <see cref="Measuring"/>, which has no target and counts,
/// then into a buffer of exactly that size. Counting costs the real write nothing: the target of a measuring writer is
/// empty, so the check for room that every write needs anyway leads to it. Writing past the end is an error of ours
/// and stops the process.
///
/// A string longer than the protocol can carry throws instead: such text can be put together from what clients sent,
/// and one request must not stop the broker.
/// </summary>
public ref struct WireWriter
{
    private readonly Span<byte> _target;
    private readonly bool _measuring;
    private int _position;

    public WireWriter(Span<byte> target) => _target = target;

    private WireWriter(bool measuring) => _measuring = measuring;

    /// <summary>A writer that only counts: see <see cref="Position"/>.</summary>
    public static WireWriter Measuring() => new(measuring: true);

    /// <summary>Bytes written or counted so far.</summary>
    public readonly int Position => _position;

    /// <summary>Bytes that still fit; 0 while measuring.</summary>
    public readonly int Remaining => _measuring ? 0 : _target.Length - _position;

    public readonly bool IsMeasuring => _measuring;

    /// <summary>Leaves room that the caller fills, now or once he knows what belongs there. Empty while measuring.</summary>
    [HotPath]
    public Span<byte> Reserve(int bytes)
    {
        int position = _position;
        // Signed on purpose: the position of a measuring writer runs past its empty target.
        if (bytes > _target.Length - position)
        {
            return ReserveSlow(bytes);
        }
        _position = position + bytes;
        return _target.Slice(position, bytes);
    }

    [HotPath]
    public void WriteBool(bool value) => WriteInt8(value ? (sbyte)1 : (sbyte)0);

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteInt8(sbyte value)
    {
        Span<byte> room = Reserve(sizeof(sbyte));
        if (!room.IsEmpty)
        {
            room[0] = (byte)value;
        }
    }

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteInt16(short value)
    {
        Span<byte> room = Reserve(sizeof(short));
        if (!room.IsEmpty)
        {
            BinaryPrimitives.WriteInt16BigEndian(room, value);
        }
    }

    [HotPath]
    public void WriteUInt16(ushort value) => WriteInt16((short)value);

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteInt32(int value)
    {
        Span<byte> room = Reserve(sizeof(int));
        if (!room.IsEmpty)
        {
            BinaryPrimitives.WriteInt32BigEndian(room, value);
        }
    }

    [HotPath]
    public void WriteUInt32(uint value) => WriteInt32((int)value);

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteInt64(long value)
    {
        Span<byte> room = Reserve(sizeof(long));
        if (!room.IsEmpty)
        {
            BinaryPrimitives.WriteInt64BigEndian(room, value);
        }
    }

    public void WriteFloat64(double value) => WriteInt64(BitConverter.DoubleToInt64Bits(value));

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteUuid(KafkaUuid value)
    {
        Span<byte> room = Reserve(KafkaUuid.SizeInBytes);
        if (!room.IsEmpty)
        {
            value.Write(room);
        }
    }

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteUVarint(uint value)
    {
        Span<byte> room = Reserve(UVarintSize(value));
        for (int i = 0; i < room.Length; i++)
        {
            room[i] = (byte)(value | 0x80);
            value >>= 7;
        }
        if (!room.IsEmpty)
        {
            room[^1] &= 0x7F;
        }
    }

    /// <summary>Zigzag.</summary>
    [HotPath]
    public void WriteVarint(int value) => WriteUVarint((uint)((value << 1) ^ (value >> 31)));

    /// <summary>Zigzag.</summary>
    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteVarlong(long value)
    {
        ulong left = (ulong)((value << 1) ^ (value >> 63));
        Span<byte> room = Reserve(VarlongSize(value));
        for (int i = 0; i < room.Length; i++)
        {
            room[i] = (byte)(left | 0x80);
            left >>= 7;
        }
        if (!room.IsEmpty)
        {
            room[^1] &= 0x7F;
        }
    }

    /// <summary>Bytes that come as they are.</summary>
    [HotPath]
    public void WriteSpan(ReadOnlySpan<byte> bytes)
    {
        Span<byte> room = Reserve(bytes.Length);
        if (!room.IsEmpty)
        {
            bytes.CopyTo(room);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    public void WriteString(string text, bool compact)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        WriteStringLength(length, compact);
        Span<byte> room = Reserve(length);
        if (!room.IsEmpty)
        {
            int written = Encoding.UTF8.GetBytes(text, room);
            Invariant.That(written == length);
        }
    }

    public void WriteNullableString(string? text, bool compact)
    {
        if (text is null)
        {
            WriteStringLength(-1, compact);
        }
        else
        {
            WriteString(text, compact);
        }
    }

    /// <summary>A string that lies ready as UTF-8.</summary>
    [HotPath]
    public void WriteStringBytes(ReadOnlySpan<byte> utf8, bool compact)
    {
        WriteStringLength(utf8.Length, compact);
        WriteSpan(utf8);
    }

    /// <summary>The length before a string; -1 is null.</summary>
    [HotPath]
    public void WriteStringLength(int length, bool compact)
    {
        if (length > WireReader.StringBytesMax)
        {
            ThrowStringTooLong(length);
        }
        if (compact)
        {
            WriteUVarint((uint)(length + 1));
        }
        else
        {
            WriteInt16((short)length);
        }
    }

    /// <summary>A field of type bytes or records.</summary>
    [HotPath]
    public void WriteBytes(ReadOnlySpan<byte> bytes, bool compact)
    {
        WriteCount(bytes.Length, compact);
        WriteSpan(bytes);
    }

    public void WriteNullableBytes(byte[]? bytes, bool compact)
    {
        if (bytes is null)
        {
            WriteCount(-1, compact);
        }
        else
        {
            WriteBytes(bytes, compact);
        }
    }

    /// <summary>The count of an array, or the length of bytes or records that follow by other means; -1 is null.</summary>
    [HotPath]
    public void WriteCount(int count, bool flexible)
    {
        if (flexible)
        {
            WriteUVarint((uint)(count + 1));
        }
        else
        {
            WriteInt32(count);
        }
    }

    /// <summary>What stands before a nullable structure: 1, or -1 for null.</summary>
    [HotPath]
    public void WritePresence(bool present) => WriteInt8(present ? (sbyte)1 : (sbyte)-1);

    /// <summary>What stands before a nullable structure in a tagged field: 1, or 0 for null.</summary>
    public void WriteTaggedPresence(bool present) => WriteUVarint(present ? 1u : 0u);

    public static int UVarintSize(uint value) => 1 + ((31 - int.LeadingZeroCount((int)(value | 1))) / 7);

    public static int VarintSize(int value) => UVarintSize((uint)((value << 1) ^ (value >> 31)));

    public static int VarlongSize(long value) =>
        1 + ((63 - (int)long.LeadingZeroCount(((value << 1) ^ (value >> 63)) | 1)) / 7);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private Span<byte> ReserveSlow(int bytes)
    {
        Invariant.That(_measuring && bytes >= 0);
        _position = checked(_position + bytes);
        return default;
    }

    private static void ThrowStringTooLong(int length) =>
        throw new InvalidOperationException($"a string of {length} bytes is longer than the protocol carries");
}
