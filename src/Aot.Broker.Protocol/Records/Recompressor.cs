using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// Writes a batch anew where it cannot be stored as it came: the topic's <c>compression.type</c> is another codec than
/// the producer's, or the records' offsets are not consecutive. Everything of the header stays but codec, length and
/// checksum.
/// </summary>
public static class Recompressor
{
    /// <summary>
    /// The batch with its records under <paramref name="codec"/>, at the start of <paramref name="output"/>.
    /// <paramref name="plainRecords"/> are the batch's records without compression and must not lie in the output.
    /// </summary>
    [HotPath]
    public static CodecResult Write(
        in RecordBatchView batch,
        ReadOnlySpan<byte> plainRecords,
        CompressionCodec codec,
        int? level,
        ScratchBuffer output,
        out int totalSize
    )
    {
        totalSize = 0;
        if (!output.TryGrow(RecordBatchHeader.SizeInBytes))
        {
            return CodecResult.TooLarge;
        }
        CodecResult result = Compression.Compress(
            codec,
            level,
            plainRecords,
            output,
            RecordBatchHeader.SizeInBytes,
            out int length
        );
        if (result != CodecResult.Ok)
        {
            return result;
        }
        totalSize = RecordBatchHeader.SizeInBytes + length;
        Span<byte> target = output.Span[..totalSize];
        batch.Bytes[..RecordBatchHeader.SizeInBytes].CopyTo(target);
        BinaryPrimitives.WriteInt32BigEndian(
            target[RecordBatchHeader.BatchLengthAt..],
            totalSize - RecordBatchHeader.LogOverhead
        );
        BinaryPrimitives.WriteInt16BigEndian(
            target[RecordBatchHeader.AttributesAt..],
            (short)((batch.Attributes & ~RecordBatchHeader.CodecMask) | (int)codec)
        );
        RecordBatchPatch.Seal(target);
        return CodecResult.Ok;
    }

    /// <summary>The same with new offset deltas 0, 1, 2... (control plane: it builds the batch record by record).</summary>
    public static byte[] Rebuild(
        in RecordBatchView batch,
        ReadOnlySpan<byte> plainRecords,
        CompressionCodec codec,
        int? level
    )
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                BaseOffset = batch.BaseOffset,
                PartitionLeaderEpoch = batch.PartitionLeaderEpoch,
                ProducerId = batch.ProducerId,
                ProducerEpoch = batch.ProducerEpoch,
                BaseSequence = batch.BaseSequence,
                IsTransactional = batch.IsTransactional,
                IsControl = batch.IsControl,
                LogAppendTimeMs = batch.TimestampType == TimestampType.LogAppendTime ? batch.MaxTimestamp : null,
                Codec = codec,
                CompressionLevel = level,
            }
        );
        RecordEnumerator records = new(plainRecords, batch.RecordsCount);
        while (records.MoveNext())
        {
            builder.AppendCopy(records.Index, batch.TimestampOf(records.Current), records.Current);
        }
        Invariant.That(records.Fault == RecordBatchFault.None);
        return builder.ToArray();
    }
}
