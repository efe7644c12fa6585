using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Inspection;

/// <summary>
/// The records of one batch after the other as plain bytes, in one buffer that is used again: the bytes of a batch are
/// valid until the next is opened. One thread.
/// </summary>
public sealed class BatchContent : IDisposable
{
    private readonly ScratchBuffer _scratch = new();

    /// <summary>False with the cause: a codec that does not exist, a damaged block, or one that unfolds beyond bounds.</summary>
    public bool TryOpen(in RecordBatchView batch, out ReadOnlySpan<byte> plain, out string cause)
    {
        if (!batch.IsCompressed)
        {
            cause = "";
            plain = batch.RecordsBytes;
            return true;
        }
        CodecResult result = Compression.Decompress(
            batch.Codec,
            batch.RecordsBytes,
            _scratch,
            Limits.DecompressedBytesMax,
            out int length
        );
        plain = _scratch.Span[..(result == CodecResult.Ok ? length : 0)];
        cause = Describe(result, batch.Codec);
        return result == CodecResult.Ok;
    }

    /// <summary>The message set inside a wrapper of magic 0 or 1.</summary>
    public bool TryOpen(in LegacyMessageView wrapper, out ReadOnlySpan<byte> plain, out string cause)
    {
        CodecResult result = Compression.DecompressLegacy(
            wrapper.Magic,
            wrapper.Codec,
            wrapper.Value.Span,
            _scratch,
            Limits.DecompressedBytesMax,
            out int length
        );
        plain = _scratch.Span[..(result == CodecResult.Ok ? length : 0)];
        cause = Describe(result, wrapper.Codec);
        return result == CodecResult.Ok;
    }

    public void Dispose() => _scratch.Dispose();

    private static string Describe(CodecResult result, CompressionCodec codec) =>
        result switch
        {
            CodecResult.Ok => "",
            CodecResult.TooLarge => $"the {codec} block unfolds to more than {Limits.DecompressedBytesMax} bytes",
            _ => codec > CompressionCodec.Zstd
                ? $"there is no codec {(int)codec}"
                : $"the {codec} block cannot be decompressed",
        };
}
