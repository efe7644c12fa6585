using System.Buffers.Binary;
using System.Numerics;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Protocol.Codecs;

/// <summary>
/// LZ4 frames as Kafka takes them: version 1, independent blocks, no dictionary; what follows the frame is passed over.
/// Clients of magic 0 wrote a wrong header checksum (KAFKA-3160); reading their segments it is mended in a copy of the
/// header.
/// </summary>
internal static class Lz4Codec
{
    private const uint FrameMagic = 0x184D2204;
    private const int HeaderBytesMin = 7;
    private const int FlagsAt = 4;
    private const byte VersionMask = 0xC0;
    private const byte Version1 = 0x40;
    private const byte IndependentBlocks = 0x20;
    private const byte HasContentSize = 0x08;
    private const byte HasDictionary = 0x01;

    internal static CodecResult Decompress(
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        bool mendHeader,
        out int length
    )
    {
        length = 0;
        if (
            source.Length < HeaderBytesMin
            || BinaryPrimitives.ReadUInt32LittleEndian(source) != FrameMagic
            || (source[FlagsAt] & (VersionMask | IndependentBlocks | HasDictionary)) != (Version1 | IndependentBlocks)
        )
        {
            return CodecResult.Corrupt;
        }
        int headerBytes = HeaderBytesMin + ((source[FlagsAt] & HasContentSize) != 0 ? sizeof(long) : 0);
        if (source.Length < headerBytes)
        {
            return CodecResult.Corrupt;
        }
        if (!Compression.TryStart(target, source.Length, bytesMax))
        {
            return CodecResult.TooLarge;
        }
        Lz4FrameDecoder decoder = CodecContexts.Lz4Decoder;
        decoder.Start();
        if (mendHeader)
        {
            if (!TryDecodeMended(decoder, source[..headerBytes]))
            {
                return CodecResult.Corrupt;
            }
            source = source[headerBytes..];
        }
        return DecompressBlocks(decoder, source, target, bytesMax, out length);
    }

    private static CodecResult DecompressBlocks(
        Lz4FrameDecoder decoder,
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        out int length
    )
    {
        length = 0;
        int used = 0;
        while (true)
        {
            Span<byte> room = Compression.Allowed(target, bytesMax)[used..];
            int before = room.Length;
            CodecStep step = decoder.Decode(ref source, ref room);
            used += before - room.Length;
            switch (step)
            {
                case CodecStep.Done:
                    length = used;
                    return CodecResult.Ok;
                case CodecStep.TargetFull:
                    if (Compression.TryGrowPast(target, used, bytesMax))
                    {
                        break;
                    }
                    length = used;
                    return EndsHere(decoder, source) ? CodecResult.Ok : CodecResult.TooLarge;
                default:
                    return CodecResult.Corrupt;
            }
        }
    }

    private static bool TryDecodeMended(Lz4FrameDecoder decoder, ReadOnlySpan<byte> header)
    {
        Span<byte> mended = stackalloc byte[header.Length];
        header.CopyTo(mended);
        mended[^1] = HeaderChecksum(mended[FlagsAt..^1]);
        ReadOnlySpan<byte> source = mended;
        scoped Span<byte> nothing = default;
        return decoder.Decode(ref source, ref nothing) != CodecStep.Corrupt && source.Length == 0;
    }

    /// <summary>Whether the content ends exactly where the target does: one spare byte tells.</summary>
    private static bool EndsHere(Lz4FrameDecoder decoder, ReadOnlySpan<byte> source)
    {
        Span<byte> spare = stackalloc byte[1];
        scoped ReadOnlySpan<byte> rest = source;
        return decoder.Decode(ref rest, ref spare) == CodecStep.Done && spare.Length == 1;
    }

    /// <summary>
    /// Kafka's levels: 9 is the default and means the fast form; every other level is LZ4 HC, whose lowest level in the
    /// library is 3 and whose highest is 12.
    /// </summary>
    internal static int NativeLevel(int level) => level == CompressionLevels.Lz4Default ? 0 : Math.Clamp(level, 3, 12);

    /// <summary>The second byte of xxHash32 with seed 0 over the descriptor, which is shorter than 16 bytes.</summary>
    internal static byte HeaderChecksum(ReadOnlySpan<byte> descriptor)
    {
        const uint Prime1 = 0x9E3779B1;
        const uint Prime2 = 0x85EBCA77;
        const uint Prime3 = 0xC2B2AE3D;
        const uint Prime4 = 0x27D4EB2F;
        const uint Prime5 = 0x165667B1;
        uint hash = Prime5 + (uint)descriptor.Length;
        int at = 0;
        for (; at + 4 <= descriptor.Length; at += 4)
        {
            hash += BinaryPrimitives.ReadUInt32LittleEndian(descriptor[at..]) * Prime3;
            hash = BitOperations.RotateLeft(hash, 17) * Prime4;
        }
        for (; at < descriptor.Length; at++)
        {
            hash += descriptor[at] * Prime5;
            hash = BitOperations.RotateLeft(hash, 11) * Prime1;
        }
        hash = (hash ^ (hash >> 15)) * Prime2;
        hash = (hash ^ (hash >> 13)) * Prime3;
        hash ^= hash >> 16;
        return (byte)(hash >> 8);
    }
}
