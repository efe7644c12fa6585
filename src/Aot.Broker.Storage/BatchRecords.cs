using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage;

/// <summary>The records of one stored batch as plain bytes, decompressed where it has a codec. Control plane.</summary>
internal sealed class BatchRecords : IDisposable
{
    private readonly ScratchBuffer _scratch = new();
    private int _plainBytes;

    /// <summary>False: not a batch of format 2, or its compressed block is damaged or too large.</summary>
    public bool TryOpen(ReadOnlySpan<byte> batch, out RecordBatchView view)
    {
        if (!RecordBatchView.TryRead(batch, out view))
        {
            return false;
        }
        return !view.IsCompressed
            || Compression.Decompress(
                view.Codec,
                view.RecordsBytes,
                _scratch,
                Limits.DecompressedBytesMax,
                out _plainBytes
            ) == CodecResult.Ok;
    }

    /// <summary>Of the batch that <see cref="TryOpen"/> has just taken.</summary>
    public RecordEnumerator Walk(in RecordBatchView view) =>
        view.IsCompressed ? new RecordEnumerator(_scratch.Span[.._plainBytes], view.RecordsCount) : view.Records();

    public void Dispose() => _scratch.Dispose();
}
