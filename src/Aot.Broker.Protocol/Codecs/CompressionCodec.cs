namespace Aot.Broker.Protocol.Codecs;

/// <summary>The low three bits of a batch's attributes.</summary>
public enum CompressionCodec : byte
{
    None = 0,
    Gzip = 1,
    Snappy = 2,
    Lz4 = 3,
    Zstd = 4,
}
