using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Interop.Tests.Produce;

/// <summary>What of a stored batch has to be the same in two brokers.</summary>
/// <param name="Header">Every field of the header that does not come from a clock or a compressor.</param>
/// <param name="Time">Largest timestamp where the producer gave it.</param>
/// <param name="Records">Their bytes without compression.</param>
/// <param name="Bytes">The whole batch, where the producer's bytes are stored.</param>
internal sealed record StoredBatch(string Header, long? Time, string Records, string? Bytes)
{
    public static List<byte[]> Split(byte[] bytes)
    {
        List<byte[]> batches = [];
        BatchScanner scanner = new(bytes);
        while (scanner.MoveNext())
        {
            batches.Add(scanner.Bytes.ToArray());
        }
        return batches;
    }

    public static RecordBatchView View(byte[] batch) => new(batch);

    /// <param name="batch">Of magic 2.</param>
    /// <param name="isByteForByte">The broker had no reason to write it anew.</param>
    public static StoredBatch Of(byte[] batch, bool isByteForByte)
    {
        RecordBatchView view = new(batch);
        Assert.Equal(view.ComputeCrc(), view.Crc);
        string header =
            $"offsets {view.BaseOffset}..{view.LastOffset} leader epoch {view.PartitionLeaderEpoch} magic {view.Magic} "
            + $"attributes {view.Attributes:x} base time {view.BaseTimestamp} producer {view.ProducerId} "
            + $"{view.ProducerEpoch} {view.BaseSequence} count {view.RecordsCount}";
        bool isOwnTime = view.TimestampType == TimestampType.CreateTime;
        return new StoredBatch(
            header,
            isOwnTime ? view.MaxTimestamp : null,
            Convert.ToHexString(Plain(view)),
            isByteForByte && isOwnTime ? Convert.ToHexString(batch) : null
        );
    }

    private static byte[] Plain(in RecordBatchView view)
    {
        if (!view.IsCompressed)
        {
            return view.RecordsBytes.ToArray();
        }
        using ScratchBuffer scratch = new();
        CodecResult result = Compression.Decompress(
            view.Codec,
            view.RecordsBytes,
            scratch,
            scratch.BytesMax,
            out int length
        );
        Assert.Equal(CodecResult.Ok, result);
        return scratch.Span[..length].ToArray();
    }
}
