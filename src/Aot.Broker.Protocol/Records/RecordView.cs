namespace Aot.Broker.Protocol.Records;

/// <summary>One record of a batch, borrowed from its bytes. Made by <see cref="RecordEnumerator"/>, which has checked it.</summary>
public readonly ref struct RecordView
{
    internal RecordView(
        ReadOnlySpan<byte> bytes,
        int offsetDelta,
        long timestampDelta,
        NullableBytes key,
        NullableBytes value,
        int headersCount,
        ReadOnlySpan<byte> headersBytes
    )
    {
        Bytes = bytes;
        OffsetDelta = offsetDelta;
        TimestampDelta = timestampDelta;
        Key = key;
        Value = value;
        HeadersCount = headersCount;
        HeadersBytes = headersBytes;
    }

    /// <summary>The whole record with its length prefix.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    /// <summary>Records after the batch's base offset.</summary>
    public int OffsetDelta { get; }

    /// <summary>Milliseconds after the batch's base timestamp.</summary>
    public long TimestampDelta { get; }

    public NullableBytes Key { get; }

    public NullableBytes Value { get; }

    public int HeadersCount { get; }

    /// <summary>The headers as they are on the wire, after their count.</summary>
    public ReadOnlySpan<byte> HeadersBytes { get; }

    public RecordHeaderEnumerator Headers() => new(HeadersBytes, HeadersCount);
}

/// <summary>Walks headers whose structure was checked with their record.</summary>
public ref struct RecordHeaderEnumerator
{
    private readonly ReadOnlySpan<byte> _bytes;
    private int _at;
    private int _left;

    internal RecordHeaderEnumerator(ReadOnlySpan<byte> bytes, int count)
    {
        _bytes = bytes;
        _left = count;
    }

    /// <summary>UTF-8, never null.</summary>
    public ReadOnlySpan<byte> Key { get; private set; }

    public NullableBytes Value { get; private set; }

    public bool MoveNext()
    {
        if (
            _left == 0
            || !RecordEnumerator.TryReadBytes(_bytes, ref _at, out NullableBytes key)
            || !RecordEnumerator.TryReadBytes(_bytes, ref _at, out NullableBytes value)
        )
        {
            return false;
        }
        _left--;
        Key = key.Span;
        Value = value;
        return true;
    }
}
