using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Protocol.Codecs;

/// <summary>
/// Zstandard frames (RFC 8878). A frame is decoded in one go straight into the target; clients that stream do not write
/// the content's size, then a target that proves too small is doubled and the frame decoded again. The buffer keeps
/// its size, so that in a steady state the first try fits, and all tries together cost less than twice the last.
/// </summary>
internal static class ZstdCodec
{
    internal static CodecResult Decompress(
        ReadOnlySpan<byte> source,
        ScratchBuffer target,
        int bytesMax,
        out int length
    )
    {
        length = 0;
        long announced = ZstdDecoder.ContentBytes(source);
        if (announced > bytesMax)
        {
            return CodecResult.TooLarge;
        }
        // The announced size is a hint from outside; memory that a lie reserves is never touched.
        if (!(announced > 0 ? target.TryGrow(announced) : Compression.TryStart(target, source.Length, bytesMax)))
        {
            return CodecResult.TooLarge;
        }
        ZstdDecoder decoder = CodecContexts.ZstdDecoder;
        while (true)
        {
            Span<byte> room = Compression.Allowed(target, bytesMax);
            switch (decoder.Decode(source, room, out length))
            {
                case CodecStep.Done:
                    return source.Length == 0 ? CodecResult.Corrupt : CodecResult.Ok;
                case CodecStep.TargetFull:
                    if (room.Length >= bytesMax || !target.TryGrow(Math.Min(2L * room.Length, bytesMax)))
                    {
                        return CodecResult.TooLarge;
                    }
                    break;
                default:
                    return CodecResult.Corrupt;
            }
        }
    }
}
