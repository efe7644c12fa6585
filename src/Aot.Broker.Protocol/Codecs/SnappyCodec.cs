using System.Buffers.Binary;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Protocol.Codecs;

/// <summary>
/// Snappy in the framing of the Java library that Kafka's clients use; a bare block without framing is read as well.
/// <code>
/// 82 'S' 'N' 'A' 'P' 'P' 'Y' 00 | version 4 (1) | compatible version 4 (1) | { length 4 | raw block, at most 32 KiB of content }*
/// </code>
/// </summary>
internal static class SnappyCodec
{
    private const int HeaderBytes = 16;
    private const int VersionAt = 8;
    private const int CompatibleVersionAt = 12;
    private const int ContentBytesPerBlock = 32 * 1024;

    /// <summary>No element of the format unfolds to more: three bytes that copy 64. A block that announces more lies.</summary>
    private const int ExpansionMax = 22;

    private static ReadOnlySpan<byte> Magic =>
        [0x82, (byte)'S', (byte)'N', (byte)'A', (byte)'P', (byte)'P', (byte)'Y', 0];

    internal static long BytesMax(int sourceBytes)
    {
        long blocks = ((long)sourceBytes + ContentBytesPerBlock - 1) / ContentBytesPerBlock;
        return HeaderBytes + (blocks * (sizeof(int) + SnappyBlocks.BytesMax(ContentBytesPerBlock)));
    }

    internal static int Compress(ReadOnlySpan<byte> source, Span<byte> target)
    {
        Magic.CopyTo(target);
        BinaryPrimitives.WriteInt32BigEndian(target[VersionAt..], 1);
        BinaryPrimitives.WriteInt32BigEndian(target[CompatibleVersionAt..], 1);
        int at = HeaderBytes;
        while (source.Length > 0)
        {
            ReadOnlySpan<byte> content = source[..Math.Min(source.Length, ContentBytesPerBlock)];
            int block = SnappyBlocks.Encode(content, target[(at + sizeof(int))..]);
            BinaryPrimitives.WriteInt32BigEndian(target[at..], block);
            at += sizeof(int) + block;
            source = source[content.Length..];
        }
        return at;
    }

    internal static CodecResult Decompress(
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        out int length
    )
    {
        length = 0;
        if (!source.StartsWith(Magic))
        {
            return DecompressBlock(source, target, bytesMax, ref length);
        }
        while (source.Length > 0)
        {
            if (source.StartsWith(Magic))
            {
                // A header: the first, or that of another stream that was written behind this one.
                if (
                    source.Length < HeaderBytes
                    || BinaryPrimitives.ReadInt32BigEndian(source[CompatibleVersionAt..]) != 1
                )
                {
                    return CodecResult.Corrupt;
                }
                source = source[HeaderBytes..];
                continue;
            }
            if (source.Length < sizeof(int))
            {
                return CodecResult.Corrupt;
            }
            int block = BinaryPrimitives.ReadInt32BigEndian(source);
            source = source[sizeof(int)..];
            if (block < 0 || block > source.Length)
            {
                return CodecResult.Corrupt;
            }
            CodecResult result = DecompressBlock(source[..block], target, bytesMax, ref length);
            if (result != CodecResult.Ok)
            {
                return result;
            }
            source = source[block..];
        }
        return CodecResult.Ok;
    }

    private static CodecResult DecompressBlock(
        ReadOnlySpan<byte> block,
        ScratchBuffer target,
        int bytesMax,
        ref int length
    )
    {
        if (!SnappyBlocks.TryContentBytes(block, out long content) || content > (long)block.Length * ExpansionMax)
        {
            return CodecResult.Corrupt;
        }
        if (content > bytesMax - length || !target.TryGrow(length + content, length))
        {
            return CodecResult.TooLarge;
        }
        if (!SnappyBlocks.TryDecode(block, target.Span.Slice(length, (int)content), out int written))
        {
            return CodecResult.Corrupt;
        }
        length += written;
        return CodecResult.Ok;
    }
}
