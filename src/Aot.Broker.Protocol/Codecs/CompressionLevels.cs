namespace Aot.Broker.Protocol.Codecs;

/// <summary>The levels that <c>compression.gzip.level</c>, <c>.lz4.level</c> and <c>.zstd.level</c> may have (KIP-390).</summary>
public static class CompressionLevels
{
    public const int GzipDefault = -1;
    public const int GzipMin = 1;
    public const int GzipMax = 9;

    public const int Lz4Default = 9;
    public const int Lz4Min = 1;
    public const int Lz4Max = 17;

    public const int ZstdDefault = 3;
    public const int ZstdMin = -131072;
    public const int ZstdMax = 22;

    public static int Default(CompressionCodec codec) =>
        codec switch
        {
            CompressionCodec.Gzip => GzipDefault,
            CompressionCodec.Lz4 => Lz4Default,
            CompressionCodec.Zstd => ZstdDefault,
            _ => 0,
        };

    public static bool IsValid(CompressionCodec codec, int level) =>
        codec switch
        {
            CompressionCodec.Gzip => level is GzipDefault or (>= GzipMin and <= GzipMax),
            CompressionCodec.Lz4 => level is >= Lz4Min and <= Lz4Max,
            CompressionCodec.Zstd => level is >= ZstdMin and <= ZstdMax,
            _ => true,
        };
}
