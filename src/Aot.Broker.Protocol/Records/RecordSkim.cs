using System.Runtime.CompilerServices;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// What validation asks of a record, read in one pass over it without making spans of its parts. Accepts exactly what
/// <see cref="RecordEnumerator"/> accepts.
/// </summary>
internal struct RecordSkim
{
    internal long TimestampDelta;
    internal int OffsetDelta;
    internal bool HasKey;

    /// <summary>Reads the record at <paramref name="at"/> and moves behind it; false where its lengths do not fit.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool TryRead(ReadOnlySpan<byte> bytes, scoped ref int at)
    {
        int position = at;
        if (
            !RecordVarint.TryReadInt32(bytes, ref position, out int length)
            || (uint)length > (uint)(bytes.Length - position)
        )
        {
            return false;
        }
        int end = position + length;
        ReadOnlySpan<byte> body = bytes[..end];
        position++;
        if (
            position > end
            || !RecordVarint.TryReadInt64(body, ref position, out TimestampDelta)
            || !RecordVarint.TryReadInt32(body, ref position, out OffsetDelta)
            || !TrySkip(body, ref position, out int keyLength)
            || !TrySkip(body, ref position, out _)
            || !RecordVarint.TryReadInt32(body, ref position, out int headersCount)
        )
        {
            return false;
        }
        HasKey = keyLength >= 0;
        if (headersCount != 0 && !TrySkipHeaders(body, ref position, headersCount))
        {
            return false;
        }
        at = end;
        return position == end;
    }

    private static bool TrySkipHeaders(ReadOnlySpan<byte> body, scoped ref int at, int count)
    {
        if (count < 0)
        {
            return false;
        }
        for (int i = 0; i < count; i++)
        {
            if (!TrySkip(body, ref at, out int keyLength) || keyLength < 0 || !TrySkip(body, ref at, out _))
            {
                return false;
            }
        }
        return true;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TrySkip(ReadOnlySpan<byte> source, scoped ref int at, out int length)
    {
        if (!RecordVarint.TryReadInt32(source, ref at, out length) || length > source.Length - at)
        {
            return false;
        }
        at += Math.Max(length, 0);
        return true;
    }
}
