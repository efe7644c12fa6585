using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Protocol.Codecs;

/// <summary>
/// The libraries' contexts, one of each per thread, made at first use and kept: making one costs more than compressing a
/// small batch (zstd's own tables are over a megabyte). They die with their thread.
/// </summary>
internal static class CodecContexts
{
    [ThreadStatic]
    private static Lz4FrameDecoder? t_lz4Decoder;

    [ThreadStatic]
    private static Lz4FrameEncoder? t_lz4Encoder;

    [ThreadStatic]
    private static ZstdDecoder? t_zstdDecoder;

    [ThreadStatic]
    private static ZstdEncoder? t_zstdEncoder;

    [ThreadStatic]
    private static GzipDecoder? t_gzipDecoder;

    [ThreadStatic]
    private static GzipEncoder? t_gzipEncoder;

    [ThreadStatic]
    private static ScratchBuffer? t_builderScratch;

    internal static Lz4FrameDecoder Lz4Decoder => t_lz4Decoder ??= new Lz4FrameDecoder();

    internal static Lz4FrameEncoder Lz4Encoder => t_lz4Encoder ??= new Lz4FrameEncoder();

    internal static ZstdDecoder ZstdDecoder => t_zstdDecoder ??= new ZstdDecoder();

    internal static ZstdEncoder ZstdEncoder => t_zstdEncoder ??= new ZstdEncoder();

    internal static GzipDecoder GzipDecoder => t_gzipDecoder ??= new GzipDecoder();

    /// <summary>For the builder of batches, which lives in the control plane.</summary>
    internal static ScratchBuffer BuilderScratch => t_builderScratch ??= new ScratchBuffer();

    /// <summary>A topic has one level; changing it makes a new context.</summary>
    internal static GzipEncoder GzipEncoder(int level)
    {
        GzipEncoder? encoder = t_gzipEncoder;
        if (encoder is null || encoder.Level != level)
        {
            t_gzipEncoder = encoder = new GzipEncoder(level);
        }
        return encoder;
    }
}
