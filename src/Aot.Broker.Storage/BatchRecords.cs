using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage;

/// <summary>The records of a stored batch as plain bytes, decompressed where it has a codec. Control plane: allocates.</summary>
public static class BatchRecords
{
    /// <summary>
    /// False: not a batch of format 2, or its compressed block is damaged or too large. <paramref name="plain"/> is null
    /// where the batch is not compressed.
    /// </summary>
    public static bool TryOpen(ReadOnlySpan<byte> batch, out RecordBatchView view, out byte[]? plain)
    {
        plain = null;
        if (!RecordBatchView.TryRead(batch, out view))
        {
            return false;
        }
        if (!view.IsCompressed)
        {
            return true;
        }
        using ScratchBuffer scratch = new();
        CodecResult result = Compression.Decompress(
            view.Codec,
            view.RecordsBytes,
            scratch,
            Limits.DecompressedBytesMax,
            out int length
        );
        if (result != CodecResult.Ok)
        {
            return false;
        }
        plain = scratch.Span[..length].ToArray();
        return true;
    }

    public static RecordEnumerator Walk(in RecordBatchView view, byte[]? plain) =>
        plain is null ? view.Records() : new RecordEnumerator(plain, view.RecordsCount);
}
