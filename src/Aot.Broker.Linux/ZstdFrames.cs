using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// Reads whole zstd frames at once. One call without a window of its own: the target is the window, so that a frame
/// that asks for a window of 128 MiB costs no memory beyond its own output. For one thread, reused.
/// </summary>
public sealed unsafe class ZstdDecoder
{
    private readonly nint _context;

    public ZstdDecoder()
    {
        _context = Zstd.ZSTD_createDCtx();
        Invariant.That(_context != 0);
    }

    ~ZstdDecoder() => Zstd.ZSTD_freeDCtx(_context);

    /// <summary>What the first frame says about its content; -1 where it says nothing. Not to be trusted.</summary>
    public static long ContentBytes(ReadOnlySpan<byte> source)
    {
        // SAFETY: pinned for the call, which only reads.
        fixed (byte* from = source)
        {
            ulong bytes = Zstd.ZSTD_getFrameContentSize(from, (nuint)source.Length);
            return bytes is Zstd.ZSTD_CONTENTSIZE_UNKNOWN or Zstd.ZSTD_CONTENTSIZE_ERROR or > long.MaxValue
                ? -1
                : (long)bytes;
        }
    }

    /// <summary>All frames of the source, from the start each time: after TargetFull call again with a larger target.</summary>
    public CodecStep Decode(ReadOnlySpan<byte> source, Span<byte> target, out int written)
    {
        nuint result;
        // SAFETY: both spans are pinned for the call and the library keeps no pointer after it.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            result = Zstd.ZSTD_decompressDCtx(_context, to, (nuint)target.Length, from, (nuint)source.Length);
        }
        if (Zstd.ZSTD_isError(result) != 0)
        {
            written = 0;
            return Zstd.ZSTD_getErrorCode(result) == Zstd.ZSTD_error_dstSize_tooSmall
                ? CodecStep.TargetFull
                : CodecStep.Corrupt;
        }
        written = (int)result;
        return CodecStep.Done;
    }
}

/// <summary>Writes one zstd frame. For one thread, reused.</summary>
public sealed unsafe class ZstdEncoder
{
    private readonly nint _context;

    public ZstdEncoder()
    {
        _context = Zstd.ZSTD_createCCtx();
        Invariant.That(_context != 0);
    }

    ~ZstdEncoder() => Zstd.ZSTD_freeCCtx(_context);

    public static int LevelMin => Zstd.ZSTD_minCLevel();

    public static int LevelMax => Zstd.ZSTD_maxCLevel();

    /// <summary>Target bytes that are enough whatever the source holds.</summary>
    public static long BytesMax(int sourceBytes) => (long)Zstd.ZSTD_compressBound((nuint)sourceBytes);

    public int Encode(ReadOnlySpan<byte> source, Span<byte> target, int level)
    {
        nuint result;
        // SAFETY: both spans are pinned for the call and the library keeps no pointer after it.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            result = Zstd.ZSTD_compressCCtx(
                _context,
                to,
                (nuint)target.Length,
                from,
                (nuint)source.Length,
                Math.Clamp(level, LevelMin, LevelMax)
            );
        }
        Invariant.That(Zstd.ZSTD_isError(result) == 0);
        return (int)result;
    }
}
