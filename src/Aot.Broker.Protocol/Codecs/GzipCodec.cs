using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Protocol.Codecs;

/// <summary>
/// RFC 1952. Several members after each other are one content, and bytes after the last member that start no other are
/// passed over, as Java's reader does.
/// </summary>
internal static class GzipCodec
{
    private const byte Magic0 = 0x1F;
    private const byte Magic1 = 0x8B;

    internal static CodecResult Decompress(
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        out int length
    )
    {
        length = 0;
        if (!Compression.TryStart(target, source.Length, bytesMax))
        {
            return CodecResult.TooLarge;
        }
        GzipDecoder decoder = CodecContexts.GzipDecoder;
        decoder.Start();
        int used = 0;
        while (true)
        {
            Span<byte> room = Compression.Allowed(target, bytesMax)[used..];
            int before = room.Length;
            CodecStep step = room.Length == 0 ? CodecStep.TargetFull : decoder.Decode(ref source, ref room);
            used += before - room.Length;
            switch (step)
            {
                case CodecStep.Done when StartsMember(source):
                    decoder.Start();
                    break;
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

    private static bool StartsMember(ReadOnlySpan<byte> source) =>
        source.Length >= 2 && source[0] == Magic0 && source[1] == Magic1;

    /// <summary>Whether the content ends exactly where the target does: one spare byte tells.</summary>
    private static bool EndsHere(GzipDecoder decoder, ReadOnlySpan<byte> source)
    {
        Span<byte> spare = stackalloc byte[1];
        scoped ReadOnlySpan<byte> rest = source;
        return decoder.Decode(ref rest, ref spare) == CodecStep.Done && spare.Length == 1 && !StartsMember(rest);
    }
}
