using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Protocol.Codecs;

/// <summary>
/// Compresses and decompresses the records of a batch. Output goes into the caller's <see cref="ScratchBuffer"/>, never
/// past the given limit: a small input that unfolds without end stops there. Damaged input is a result. No managed
/// allocation after a thread's first use of a codec.
/// </summary>
public static class Compression
{
    /// <summary>
    /// The content of <paramref name="source"/> in the first <paramref name="length"/> bytes of
    /// <paramref name="target"/>, at most <paramref name="bytesMax"/>.
    /// </summary>
    [HotPath]
    public static CodecResult Decompress(
        CompressionCodec codec,
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        out int length
    )
    {
        switch (codec)
        {
            case CompressionCodec.Gzip:
                return GzipCodec.Decompress(source, target, bytesMax, out length);
            case CompressionCodec.Snappy:
                return SnappyCodec.Decompress(source, target, bytesMax, out length);
            case CompressionCodec.Lz4:
                return Lz4Codec.Decompress(source, target, bytesMax, mendHeader: false, out length);
            case CompressionCodec.Zstd:
                return ZstdCodec.Decompress(source, target, bytesMax, out length);
            case CompressionCodec.None:
                length = 0;
                if (source.Length > bytesMax || !target.TryGrow(source.Length))
                {
                    return CodecResult.TooLarge;
                }
                source.CopyTo(target.Span);
                length = source.Length;
                return CodecResult.Ok;
            default:
                length = 0;
                return CodecResult.Corrupt;
        }
    }

    /// <summary>The inner message set of a wrapper of magic 0 or 1.</summary>
    public static CodecResult DecompressLegacy(
        byte magic,
        CompressionCodec codec,
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        out int length
    ) =>
        codec == CompressionCodec.Lz4 && magic == 0
            ? Lz4Codec.Decompress(source, target, bytesMax, mendHeader: true, out length)
            : Decompress(codec, source, target, bytesMax, out length);

    /// <summary>
    /// Writes the compressed form behind the first <paramref name="start"/> bytes of <paramref name="target"/>, which
    /// stay; null is Kafka's default level.
    /// </summary>
    [HotPath]
    public static CodecResult Compress(
        CompressionCodec codec,
        int? level,
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int start,
        out int length
    )
    {
        Invariant.That(level is null || CompressionLevels.IsValid(codec, level.Value));
        int effective = level ?? CompressionLevels.Default(codec);
        length = 0;
        long bytesMax = codec switch
        {
            CompressionCodec.Gzip => CodecContexts.GzipEncoder(effective).BytesMax(source.Length),
            CompressionCodec.Snappy => SnappyCodec.BytesMax(source.Length),
            CompressionCodec.Lz4 => Lz4FrameEncoder.BytesMax(source.Length),
            CompressionCodec.Zstd => ZstdEncoder.BytesMax(source.Length),
            _ => source.Length,
        };
        if (!target.TryGrow(start + bytesMax, start))
        {
            return CodecResult.TooLarge;
        }
        Span<byte> output = target.Span[start..];
        switch (codec)
        {
            case CompressionCodec.Gzip:
                length = CodecContexts.GzipEncoder(effective).Encode(source, output);
                break;
            case CompressionCodec.Snappy:
                length = SnappyCodec.Compress(source, output);
                break;
            case CompressionCodec.Lz4:
                length = CodecContexts.Lz4Encoder.Encode(source, output, Lz4Codec.NativeLevel(effective));
                break;
            case CompressionCodec.Zstd:
                length = CodecContexts.ZstdEncoder.Encode(source, output, effective);
                break;
            default:
                Invariant.That(codec == CompressionCodec.None);
                source.CopyTo(output);
                length = source.Length;
                break;
        }
        return CodecResult.Ok;
    }

    /// <summary>
    /// The first size to try for an output of unknown length: what the buffer has already, or four times the input, which
    /// most text stays under.
    /// </summary>
    internal static bool TryStart(ScratchBuffer target, int sourceBytes, int bytesMax)
    {
        long wanted = Math.Min(Math.Max(4L * sourceBytes, 1), bytesMax);
        return target.TryGrow(wanted);
    }

    /// <summary>More room, at least double; false when the limit is reached.</summary>
    internal static bool TryGrowPast(ScratchBuffer target, int bytesUsed, int bytesMax) =>
        bytesUsed < bytesMax && target.TryGrow(Math.Min(Math.Max(2L * bytesUsed, 1), bytesMax), bytesUsed);

    /// <summary>The part of the target that may be written.</summary>
    internal static Span<byte> Allowed(ScratchBuffer target, int bytesMax) =>
        target.Span[..Math.Min(target.Capacity, bytesMax)];
}
