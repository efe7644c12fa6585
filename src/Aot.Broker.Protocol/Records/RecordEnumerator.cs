using System.Runtime.CompilerServices;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// Walks the uncompressed records of a batch. Takes any bytes: what does not parse ends the walk with a
/// <see cref="Fault"/>, nothing is thrown and nothing outside the bytes is read.
/// <code>
/// record: length varint | attributes 1 | timestampDelta varlong | offsetDelta varint | key | value | headerCount varint | headers
/// bytes:  length varint (-1 null) | bytes            header: key, value (the key is not null)
/// </code>
/// </summary>
public ref struct RecordEnumerator
{
    private readonly ReadOnlySpan<byte> _bytes;
    private readonly int _count;
    private int _at;
    private RecordView _current;

    public RecordEnumerator(ReadOnlySpan<byte> records, int count)
    {
        _bytes = records;
        _count = count;
        Index = -1;
        _current = default;
    }

    public readonly RecordView Current => _current;

    /// <summary>The current record's place in the batch, from 0.</summary>
    public int Index { get; private set; }

    /// <summary>Why the walk ended early; none while it goes on and after its regular end.</summary>
    public RecordBatchFault Fault { get; private set; }

    public readonly RecordEnumerator GetEnumerator() => this;

    [HotPath]
    public bool MoveNext()
    {
        if (Fault != RecordBatchFault.None)
        {
            return false;
        }
        if (Index + 1 >= _count)
        {
            if (_at != _bytes.Length)
            {
                Fault = RecordBatchFault.RecordsLeft;
            }
            return false;
        }
        if (_at >= _bytes.Length)
        {
            Fault = RecordBatchFault.RecordsMissing;
            return false;
        }
        if (!TryReadRecord(_bytes, ref _at, out _current))
        {
            Fault = RecordBatchFault.BadRecord;
            return false;
        }
        Index++;
        return true;
    }

    private static bool TryReadRecord(ReadOnlySpan<byte> bytes, scoped ref int at, out RecordView record)
    {
        int start = at;
        int position = at;
        record = default;
        if (
            !RecordVarint.TryReadInt32(bytes, ref position, out int length)
            || (uint)length > (uint)(bytes.Length - position)
        )
        {
            return false;
        }
        int end = position + length;
        ReadOnlySpan<byte> body = bytes[..end];
        position++; // Attributes: none are defined, and Kafka does not look at them.
        if (
            position > end
            || !RecordVarint.TryReadInt64(body, ref position, out long timestampDelta)
            || !RecordVarint.TryReadInt32(body, ref position, out int offsetDelta)
            || !TryReadBytes(body, ref position, out NullableBytes key)
            || !TryReadBytes(body, ref position, out NullableBytes value)
            || !RecordVarint.TryReadInt32(body, ref position, out int headersCount)
            || headersCount < 0
        )
        {
            return false;
        }
        int headersStart = position;
        if (headersCount != 0 && !SkipHeaders(body, ref position, headersCount))
        {
            return false;
        }
        if (position != end)
        {
            return false;
        }
        at = end;
        record = new RecordView(
            bytes[start..end],
            offsetDelta,
            timestampDelta,
            key,
            value,
            headersCount,
            bytes[headersStart..end]
        );
        return true;
    }

    private static bool SkipHeaders(ReadOnlySpan<byte> body, scoped ref int at, int count)
    {
        for (int i = 0; i < count; i++)
        {
            if (!TryReadBytes(body, ref at, out NullableBytes key) || key.IsNull || !TryReadBytes(body, ref at, out _))
            {
                return false;
            }
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool TryReadBytes(ReadOnlySpan<byte> source, scoped ref int at, out NullableBytes bytes)
    {
        if (RecordVarint.TryReadInt32(source, ref at, out int length) && length <= source.Length - at)
        {
            if (length >= 0)
            {
                bytes = new NullableBytes(source.Slice(at, length));
                at += length;
            }
            else
            {
                // Kafka reads any negative length as null.
                bytes = default;
            }
            return true;
        }
        bytes = default;
        return false;
    }
}
