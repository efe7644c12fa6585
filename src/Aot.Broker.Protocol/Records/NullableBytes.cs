namespace Aot.Broker.Protocol.Records;

/// <summary>Borrowed bytes that may be null, which in a record is not the same as empty: a null value is a tombstone.</summary>
public readonly ref struct NullableBytes
{
    private readonly bool _present;

    public NullableBytes(ReadOnlySpan<byte> bytes)
    {
        Span = bytes;
        _present = true;
    }

    public static NullableBytes Null => default;

    public bool IsNull => !_present;

    /// <summary>Empty where null.</summary>
    public ReadOnlySpan<byte> Span { get; }

    public int Length => Span.Length;

    /// <summary>The length as records write it: -1 for null.</summary>
    public int WireLength => _present ? Span.Length : -1;

    public byte[]? ToArray() => _present ? Span.ToArray() : null;

    public static implicit operator NullableBytes(ReadOnlySpan<byte> bytes) => new(bytes);

    public static implicit operator NullableBytes(Span<byte> bytes) => new(bytes);

    public static implicit operator NullableBytes(byte[]? bytes) => bytes is null ? default : new(bytes);
}
