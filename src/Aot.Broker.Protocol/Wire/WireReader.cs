using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Wire;

/// <summary>
/// Reads the primitives of the Kafka protocol from bytes that nobody has checked yet.
///
/// The bytes come from the network or the disk, so nothing here throws: the first thing that cannot be right sets a
/// sticky failure. From then on <see cref="Remaining"/> is 0 and every read gives its default, so that a caller reads
/// a whole structure and asks <see cref="IsValid"/> once at the end.
///
/// Before anything is reserved for an array, its count is held against the bytes that are left (count times the
/// smallest element) and against a budget of elements for the whole message, so that a small frame cannot make a big
/// heap. Spans that are handed out point into the source and live as long as it does.
///
/// "Flexible" and "compact" are the protocol's two encodings of lengths (KIP-482): an unsigned varint of length + 1
/// where 0 is null, against a fixed-width length where -1 is null.
///
/// The primitives that generated code calls most are not inlined: a binary that holds every message is 127 KB (6 %)
/// smaller for it, seen by publishing one with and without the attributes here and in <see cref="WireWriter"/>.
/// </summary>
public ref struct WireReader
{
    /// <summary>Longest string of the protocol in bytes: its classic length is an int16, and the compact form may not exceed it.</summary>
    public const int StringBytesMax = short.MaxValue;

    private readonly ReadOnlySpan<byte> _source;
    private int _position;
    private int _elementsLeft;
    private bool _failed;

    public WireReader(ReadOnlySpan<byte> source)
    {
        _source = source;
        _elementsLeft = Limits.MessageElementsMax;
    }

    /// <summary>False from the first byte that could not be right.</summary>
    public readonly bool IsValid => !_failed;

    /// <summary>Bytes not read yet; 0 after a failure.</summary>
    public readonly int Remaining => _source.Length - _position;

    /// <summary>Bytes read so far; the length of the source after a failure.</summary>
    public readonly int Position => _position;

    /// <summary>The caller found a value that cannot be right.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Fail()
    {
        _failed = true;
        _position = _source.Length;
    }

    /// <summary>Fails the reader when a version is outside a message's range.</summary>
    public bool AcceptVersion(short version, short lowest, short highest)
    {
        if (version < lowest || version > highest)
        {
            Fail();
        }
        return !_failed;
    }

    [HotPath]
    public bool ReadBool() => ReadInt8() != 0;

    [HotPath]
    public sbyte ReadInt8()
    {
        if (Remaining < 1)
        {
            Fail();
            return 0;
        }
        return (sbyte)_source[_position++];
    }

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public short ReadInt16()
    {
        ReadOnlySpan<byte> bytes = ReadSpan(sizeof(short));
        return bytes.IsEmpty ? (short)0 : BinaryPrimitives.ReadInt16BigEndian(bytes);
    }

    [HotPath]
    public ushort ReadUInt16() => (ushort)ReadInt16();

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public int ReadInt32()
    {
        ReadOnlySpan<byte> bytes = ReadSpan(sizeof(int));
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadInt32BigEndian(bytes);
    }

    [HotPath]
    public uint ReadUInt32() => (uint)ReadInt32();

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public long ReadInt64()
    {
        ReadOnlySpan<byte> bytes = ReadSpan(sizeof(long));
        return bytes.IsEmpty ? 0 : BinaryPrimitives.ReadInt64BigEndian(bytes);
    }

    public double ReadFloat64() => BitConverter.Int64BitsToDouble(ReadInt64());

    [HotPath]
    [MethodImpl(MethodImplOptions.NoInlining)]
    public KafkaUuid ReadUuid()
    {
        ReadOnlySpan<byte> bytes = ReadSpan(KafkaUuid.SizeInBytes);
        return bytes.IsEmpty ? default : KafkaUuid.Read(bytes);
    }

    /// <summary>At most five bytes, and no bits beyond the 32nd.</summary>
    [HotPath]
    public uint ReadUVarint()
    {
        uint value = 0;
        for (int shift = 0; shift < 35; shift += 7)
        {
            if (Remaining < 1)
            {
                break;
            }
            byte next = _source[_position++];
            if (shift == 28 && next > 0x0F)
            {
                break;
            }
            value |= (uint)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }
        Fail();
        return 0;
    }

    /// <summary>Zigzag, at most five bytes.</summary>
    [HotPath]
    public int ReadVarint()
    {
        uint value = ReadUVarint();
        return (int)(value >> 1) ^ -(int)(value & 1);
    }

    /// <summary>Zigzag, at most ten bytes, and no bits beyond the 64th.</summary>
    [HotPath]
    public long ReadVarlong()
    {
        ulong value = 0;
        for (int shift = 0; shift < 70; shift += 7)
        {
            if (Remaining < 1)
            {
                break;
            }
            byte next = _source[_position++];
            if (shift == 63 && next > 1)
            {
                break;
            }
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return (long)(value >> 1) ^ -(long)(value & 1);
            }
        }
        Fail();
        return 0;
    }

    /// <summary>The next bytes as they are; empty after a failure.</summary>
    [HotPath]
    public ReadOnlySpan<byte> ReadSpan(int bytes)
    {
        if ((uint)bytes > (uint)Remaining)
        {
            Fail();
            return default;
        }
        ReadOnlySpan<byte> span = _source.Slice(_position, bytes);
        _position += bytes;
        return span;
    }

    [HotPath]
    public void Skip(int bytes) => ReadSpan(bytes);

    /// <summary>A string's UTF-8 bytes where they lie; null is refused.</summary>
    [HotPath]
    public ReadOnlySpan<byte> ReadStringBytes(bool compact) => ReadSpan(ReadStringLength(compact, nullable: false));

    /// <inheritdoc cref="ReadStringBytes"/>
    [HotPath]
    public ReadOnlySpan<byte> ReadNullableStringBytes(bool compact, out bool isNull)
    {
        int length = ReadStringLength(compact, nullable: true);
        isNull = length < 0;
        return isNull ? default : ReadSpan(length);
    }

    /// <summary>A field of type bytes or records where it lies; null is refused.</summary>
    [HotPath]
    public ReadOnlySpan<byte> ReadBytesSpan(bool compact) => ReadSpan(ReadLength(compact, nullable: false));

    /// <inheritdoc cref="ReadBytesSpan"/>
    [HotPath]
    public ReadOnlySpan<byte> ReadNullableBytesSpan(bool compact, out bool isNull)
    {
        int length = ReadLength(compact, nullable: true);
        isNull = length < 0;
        return isNull ? default : ReadSpan(length);
    }

    public string ReadString(bool compact) => Decode(ReadStringBytes(compact));

    public string? ReadNullableString(bool compact)
    {
        ReadOnlySpan<byte> bytes = ReadNullableStringBytes(compact, out bool isNull);
        return isNull ? null : Decode(bytes);
    }

    /// <summary>For fields that may be null from some version on.</summary>
    public string? ReadNullableString(bool compact, bool nullable) =>
        nullable ? ReadNullableString(compact) : ReadString(compact);

    public byte[] ReadBytes(bool compact) => ReadBytesSpan(compact).ToArray();

    public byte[]? ReadNullableBytes(bool compact)
    {
        ReadOnlySpan<byte> bytes = ReadNullableBytesSpan(compact, out bool isNull);
        return isNull ? null : bytes.ToArray();
    }

    public byte[]? ReadNullableBytes(bool compact, bool nullable) =>
        nullable ? ReadNullableBytes(compact) : ReadBytes(compact);

    /// <summary>
    /// The count of an array whose elements take at least <paramref name="elementBytesMin"/> bytes each; -1 is null.
    /// What it returns is safe to reserve.
    /// </summary>
    [HotPath]
    public int ReadCount(bool flexible, bool nullable, int elementBytesMin)
    {
        int count = ReadLength(flexible, nullable);
        if (count <= 0)
        {
            return count;
        }
        if (count > Remaining / elementBytesMin || count > _elementsLeft)
        {
            Fail();
            return 0;
        }
        _elementsLeft -= count;
        return count;
    }

    /// <summary>Takes one element that no count announced from the message's budget.</summary>
    internal bool TakeElement()
    {
        if (_elementsLeft == 0)
        {
            Fail();
            return false;
        }
        _elementsLeft--;
        return true;
    }

    /// <summary>A nullable structure is preceded by an int8: negative is null.</summary>
    [HotPath]
    public bool ReadPresence() => ReadInt8() >= 0 && !_failed;

    /// <summary>In a tagged field a nullable structure is preceded by an unsigned varint: 0 is null.</summary>
    public bool ReadTaggedPresence() => ReadUVarint() != 0;

    [HotPath]
    private int ReadStringLength(bool compact, bool nullable)
    {
        int length;
        if (compact)
        {
            length = ReadLength(true, nullable);
        }
        else
        {
            length = ReadInt16();
            if (length < -1 || (length == -1 && !nullable))
            {
                Fail();
                return 0;
            }
        }
        if (length > StringBytesMax)
        {
            Fail();
            return 0;
        }
        return length;
    }

    /// <summary>A length or count: -1 for null where that is allowed, else not negative. Not yet held against anything.</summary>
    [HotPath]
    private int ReadLength(bool compact, bool nullable)
    {
        int length;
        if (compact)
        {
            uint stored = ReadUVarint();
            if (_failed)
            {
                return 0;
            }
            // Beyond int32 nothing is valid; the subtraction then gives what the check below refuses.
            length = stored > int.MaxValue ? int.MinValue : (int)stored - 1;
        }
        else
        {
            length = ReadInt32();
        }
        if (length < -1 || (length == -1 && !nullable))
        {
            Fail();
            return 0;
        }
        return length;
    }

    /// <summary>
    /// Malformed UTF-8 becomes U+FFFD as in Kafka, which can make the text longer than the bytes were. What could no
    /// longer be written as a string of the protocol is refused here, where it is the sender's fault.
    /// </summary>
    private string Decode(ReadOnlySpan<byte> utf8)
    {
        string text = Encoding.UTF8.GetString(utf8);
        if (utf8.Length > StringBytesMax / 3 && Encoding.UTF8.GetByteCount(text) > StringBytesMax)
        {
            Fail();
            return "";
        }
        return text;
    }
}
