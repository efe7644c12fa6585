using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// Reads one LZ4 frame. Holds a context of the library: for one thread, reused from frame to frame with
/// <see cref="Start"/>, freed with the object.
/// </summary>
public sealed unsafe class Lz4FrameDecoder
{
    private readonly nint _context;

    public Lz4FrameDecoder()
    {
        nint context;
        nuint result = Lz4frame.LZ4F_createDecompressionContext(&context, Lz4frame.LZ4F_VERSION);
        Invariant.That(Lz4frame.LZ4F_isError(result) == 0);
        _context = context;
    }

    ~Lz4FrameDecoder() => Lz4frame.LZ4F_freeDecompressionContext(_context);

    /// <summary>Forgets what came before, damaged or not.</summary>
    public void Start() => Lz4frame.LZ4F_resetDecompressionContext(_context);

    /// <summary>Goes on with the frame; moves both spans past what was used.</summary>
    public CodecStep Decode(ref ReadOnlySpan<byte> source, ref Span<byte> target)
    {
        while (true)
        {
            nuint read = (nuint)source.Length;
            nuint written = (nuint)target.Length;
            nuint result;
            // SAFETY: both spans are pinned for the call and the library keeps no pointer after it (stableDst is off).
            fixed (byte* from = source)
            fixed (byte* to = target)
            {
                result = Lz4frame.LZ4F_decompress(_context, to, &written, from, &read, null);
            }
            if (Lz4frame.LZ4F_isError(result) != 0)
            {
                return CodecStep.Corrupt;
            }
            source = source[(int)read..];
            target = target[(int)written..];
            if (result == 0)
            {
                return CodecStep.Done;
            }
            if (target.Length == 0)
            {
                return CodecStep.TargetFull;
            }
            if (read == 0 && written == 0)
            {
                return CodecStep.SourceShort;
            }
        }
    }
}

/// <summary>
/// Writes one LZ4 frame as Kafka's clients expect it: independent blocks of 64 KiB, no checksum but that of the header
/// (FLG 0x60, BD 0x40). For one thread, reused from frame to frame.
/// </summary>
public sealed unsafe class Lz4FrameEncoder
{
    private readonly nint _context;

    public Lz4FrameEncoder()
    {
        nint context;
        nuint result = Lz4frame.LZ4F_createCompressionContext(&context, Lz4frame.LZ4F_VERSION);
        Invariant.That(Lz4frame.LZ4F_isError(result) == 0);
        _context = context;
    }

    ~Lz4FrameEncoder() => Lz4frame.LZ4F_freeCompressionContext(_context);

    /// <summary>Target bytes that are enough whatever the source holds.</summary>
    public static long BytesMax(int sourceBytes)
    {
        Lz4frame.LZ4F_preferences_t preferences = Preferences(0);
        return (long)Lz4frame.LZ4F_compressFrameBound((nuint)sourceBytes, &preferences);
    }

    /// <summary>The frame's bytes. Levels from 3 on are LZ4 HC, 0 is the fast form.</summary>
    public int Encode(ReadOnlySpan<byte> source, Span<byte> target, int level)
    {
        Invariant.That(target.Length >= BytesMax(source.Length));
        Lz4frame.LZ4F_preferences_t preferences = Preferences(level);
        // SAFETY: both spans are pinned for the calls; with autoFlush the library keeps no bytes between them.
        fixed (byte* from = source)
        fixed (byte* to = target)
        {
            nuint capacity = (nuint)target.Length;
            nuint at = Checked(Lz4frame.LZ4F_compressBegin(_context, to, capacity, &preferences));
            if (source.Length != 0)
            {
                at += Checked(
                    Lz4frame.LZ4F_compressUpdate(_context, to + at, capacity - at, from, (nuint)source.Length, null)
                );
            }
            at += Checked(Lz4frame.LZ4F_compressEnd(_context, to + at, capacity - at, null));
            return (int)at;
        }
    }

    /// <summary>With a target of the bound's size only a fault of ours makes an error.</summary>
    private static nuint Checked(nuint result)
    {
        Invariant.That(Lz4frame.LZ4F_isError(result) == 0);
        return result;
    }

    private static Lz4frame.LZ4F_preferences_t Preferences(int level) =>
        new()
        {
            frameInfo = new() { blockSizeID = Lz4frame.LZ4F_max64KB, blockMode = Lz4frame.LZ4F_blockIndependent },
            compressionLevel = level,
            autoFlush = 1,
        };
}
