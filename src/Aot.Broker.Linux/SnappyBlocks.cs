using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>Raw snappy blocks, without any framing. The library keeps no state between calls.</summary>
public static unsafe class SnappyBlocks
{
    /// <summary>Target bytes that are enough whatever the source holds.</summary>
    public static int BytesMax(int sourceBytes) =>
        checked((int)SnappyC.snappy_max_compressed_length((nuint)sourceBytes));

    public static int Encode(ReadOnlySpan<byte> source, Span<byte> target)
    {
        Invariant.That(target.Length >= BytesMax(source.Length));
        nuint length = (nuint)target.Length;
        // SAFETY: both spans are pinned for the call.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            int status = SnappyC.snappy_compress(from, (nuint)source.Length, to, &length);
            Invariant.That(status == 0);
        }
        return (int)length;
    }

    /// <summary>What the block says its content is long. Not to be trusted; false where even that is damaged.</summary>
    public static bool TryContentBytes(ReadOnlySpan<byte> source, out long bytes)
    {
        nuint length = 0;
        // SAFETY: pinned for the call, which only reads.
        fixed (byte* from = source)
        {
            bool known = SnappyC.snappy_uncompressed_length(from, (nuint)source.Length, &length) == 0;
            bytes = (long)length;
            return known;
        }
    }

    /// <summary>The target must hold what <see cref="TryContentBytes"/> says.</summary>
    public static bool TryDecode(ReadOnlySpan<byte> source, Span<byte> target, out int written)
    {
        nuint length = (nuint)target.Length;
        // SAFETY: both spans are pinned for the call; the library checks every copy against the length it is given.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            bool sound = SnappyC.snappy_uncompress(from, (nuint)source.Length, to, &length) == 0;
            written = sound ? (int)length : 0;
            return sound;
        }
    }
}
