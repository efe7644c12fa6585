namespace Aot.Broker.Protocol.Codecs;

/// <summary>How a compression or decompression ended.</summary>
public enum CodecResult : byte
{
    Ok = 0,

    /// <summary>The input is damaged, cut short, or not of this codec.</summary>
    Corrupt,

    /// <summary>The output would be larger than the caller allows.</summary>
    TooLarge,
}
