using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage;

/// <summary>The records of a batch as plain bytes, decompressed where it has a codec. Control plane: allocates.</summary>
public static class BatchRecords
{
    /// <summary>False: not a batch of format 2, or its compressed block is damaged or too large.</summary>
    public static bool TryOpen(ReadOnlySpan<byte> batch, out RecordBatchView view, out byte[]? plain)
    {
        plain = null;
        return RecordBatchView.TryRead(batch, out view) && !view.IsCompressed;
    }

    public static RecordEnumerator Walk(in RecordBatchView view, byte[]? plain) =>
        plain is null ? view.Records() : new RecordEnumerator(plain, view.RecordsCount);
}
