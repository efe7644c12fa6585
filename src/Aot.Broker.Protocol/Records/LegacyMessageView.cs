using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// A message of magic 0 or 1, as segments from before Kafka 0.11 hold them. The broker reads and serves them and never
/// writes one; a produce that holds one is refused.
/// <code>
/// 0 offset 8 | 8 size 4 | 12 crc 4 (IEEE, over magic to end) | 16 magic 1 | 17 attributes 1
/// | 18 timestamp 8, magic 1 only | key: length 4, bytes | value: length 4, bytes          (length -1 = null)
/// </code>
/// A compressed message is a wrapper: its value is a message set. The wrapper's offset is that of the last inner one;
/// inner offsets are absolute with magic 0 and count from 0 with magic 1.
/// </summary>
public readonly ref struct LegacyMessageView
{
    private const int CrcAt = 12;
    private const int MagicAt = 16;
    private const int AttributesAt = 17;
    private const int TimestampAt = 18;

    /// <summary>The smallest value of the size field: crc, magic, attributes and two lengths.</summary>
    public const int SizeMin = 14;

    private readonly ReadOnlySpan<byte> _bytes;

    private LegacyMessageView(ReadOnlySpan<byte> bytes, NullableBytes key, NullableBytes value)
    {
        _bytes = bytes;
        Key = key;
        Value = value;
    }

    /// <summary>Bytes from the first of the message on. False when they hold no whole message with lengths that fit.</summary>
    public static bool TryRead(ReadOnlySpan<byte> bytes, out LegacyMessageView message)
    {
        message = default;
        if (bytes.Length < RecordBatchHeader.LogOverhead + SizeMin)
        {
            return false;
        }
        int size = BinaryPrimitives.ReadInt32BigEndian(bytes[RecordBatchHeader.BatchLengthAt..]);
        byte magic = bytes[MagicAt];
        if (size < SizeMin || size > bytes.Length - RecordBatchHeader.LogOverhead || magic > 1)
        {
            return false;
        }
        ReadOnlySpan<byte> whole = bytes[..(RecordBatchHeader.LogOverhead + size)];
        int at = magic == 0 ? TimestampAt : TimestampAt + sizeof(long);
        if (
            !TryReadBytes(whole, ref at, out NullableBytes key) || !TryReadBytes(whole, ref at, out NullableBytes value)
        )
        {
            return false;
        }
        message = new LegacyMessageView(whole, key, value);
        return true;
    }

    public ReadOnlySpan<byte> Bytes => _bytes;

    public long Offset => BinaryPrimitives.ReadInt64BigEndian(_bytes);

    public int TotalSize => _bytes.Length;

    public uint Crc => BinaryPrimitives.ReadUInt32BigEndian(_bytes[CrcAt..]);

    public byte Magic => _bytes[MagicAt];

    public byte Attributes => _bytes[AttributesAt];

    /// <summary>Zstd did not exist for these; a value above <see cref="CompressionCodec.Lz4"/> is damage.</summary>
    public CompressionCodec Codec => (CompressionCodec)(Attributes & RecordBatchHeader.CodecMask);

    public TimestampType TimestampType =>
        Magic == 0 ? TimestampType.None
        : (Attributes & RecordBatchHeader.LogAppendTimeFlag) != 0 ? TimestampType.LogAppendTime
        : TimestampType.CreateTime;

    public long Timestamp =>
        Magic == 0 ? RecordBatchHeader.NoTimestamp : BinaryPrimitives.ReadInt64BigEndian(_bytes[TimestampAt..]);

    public NullableBytes Key { get; }

    /// <summary>The record's value, or the compressed message set of a wrapper.</summary>
    public NullableBytes Value { get; }

    public bool HasValidCrc => Crc32Ieee.Compute(_bytes[MagicAt..]) == Crc;

    private static bool TryReadBytes(ReadOnlySpan<byte> source, scoped ref int at, out NullableBytes bytes)
    {
        bytes = default;
        if (source.Length - at < sizeof(int))
        {
            return false;
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(source[at..]);
        at += sizeof(int);
        if (length < 0)
        {
            return true;
        }
        if (length > source.Length - at)
        {
            return false;
        }
        bytes = new NullableBytes(source.Slice(at, length));
        at += length;
        return true;
    }
}

/// <summary>
/// Walks a message set of magic 0 or 1 with absolute offsets. For the decompressed inner set of a wrapper give the
/// wrapper's offset, magic, and timestamp type; the set is then read twice, first for its last relative offset.
/// </summary>
public ref struct LegacyMessageEnumerator
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly long _offsetShift;
    private int _at;
    private LegacyMessageView _current;

    /// <summary>A set as it lies in a segment.</summary>
    public LegacyMessageEnumerator(ReadOnlySpan<byte> messageSet)
    {
        _bytes = messageSet;
    }

    /// <summary>The decompressed value of <paramref name="wrapper"/>.</summary>
    public LegacyMessageEnumerator(ReadOnlySpan<byte> innerSet, scoped in LegacyMessageView wrapper)
    {
        Invariant.That(wrapper.Codec != CompressionCodec.None);
        _bytes = innerSet;
        if (wrapper.Magic == 1)
        {
            long lastRelative = 0;
            LegacyMessageEnumerator inner = new(innerSet);
            while (inner.MoveNext())
            {
                lastRelative = inner._current.Offset;
            }
            _offsetShift = wrapper.Offset - lastRelative;
        }
    }

    public readonly LegacyMessageView Current => _current;

    /// <summary>The current message's offset in the log.</summary>
    public readonly long Offset => _current.Offset + _offsetShift;

    /// <summary>True when the walk ended before the last byte.</summary>
    public bool IsMalformed { get; private set; }

    public bool MoveNext()
    {
        if (_at == _bytes.Length || IsMalformed)
        {
            return false;
        }
        if (!LegacyMessageView.TryRead(_bytes[_at..], out _current))
        {
            IsMalformed = true;
            return false;
        }
        _at += _current.TotalSize;
        return true;
    }
}
