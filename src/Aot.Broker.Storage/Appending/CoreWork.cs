using Aot.Broker.Base;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// How much of a codec's work a core does itself: so many bytes of records without compression that it takes about a
/// millisecond, a tenth of what counts as a stall. What is larger goes to the compute threads, at the price of two hops.
/// </summary>
/// <remarks>
/// Measured on two busy processors in milliseconds per MiB of text: decompressing lz4 0.7, zstd 1.8, snappy 2.4,
/// gzip 18; compressing zstd (3) 18, lz4 (9) 9, snappy 8, gzip (1) 25, gzip (6) 206, lz4 of other levels 70 to 117,
/// zstd (9) 40, (15) 166, (22) 536. A walk over the records alone takes 1.
/// </remarks>
internal static class CoreWork
{
    private const int Kibibyte = 1024;

    /// <summary>Records that come under <paramref name="source"/> and are stored under <paramref name="target"/>.</summary>
    [HotPath]
    public static int PlainBytesMax(CompressionCodec source, CompressionCodec target, int? level)
    {
        int read = DecompressBytesMax(source);
        return source == target ? read : Math.Min(read, CompressBytesMax(target, level));
    }

    private static int DecompressBytesMax(CompressionCodec codec) =>
        codec switch
        {
            CompressionCodec.Gzip => 64 * Kibibyte,
            CompressionCodec.Snappy or CompressionCodec.Zstd => 512 * Kibibyte,
            CompressionCodec.Lz4 => 1024 * Kibibyte,
            _ => 2048 * Kibibyte,
        };

    private static int CompressBytesMax(CompressionCodec codec, int? level)
    {
        int effective = level ?? CompressionLevels.Default(codec);
        return codec switch
        {
            CompressionCodec.Gzip => effective is >= 1 and <= 3 ? 32 * Kibibyte : 8 * Kibibyte,
            CompressionCodec.Snappy => 128 * Kibibyte,
            CompressionCodec.Lz4 => effective == CompressionLevels.Lz4Default ? 128 * Kibibyte : 16 * Kibibyte,
            CompressionCodec.Zstd => effective switch
            {
                <= 1 => 128 * Kibibyte,
                <= 3 => 64 * Kibibyte,
                <= 9 => 16 * Kibibyte,
                <= 15 => 8 * Kibibyte,
                _ => 2 * Kibibyte,
            },
            _ => 2048 * Kibibyte,
        };
    }
}
