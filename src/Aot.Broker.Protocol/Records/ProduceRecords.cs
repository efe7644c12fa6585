using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// The records field of one partition of a produce request (version 3 and later; older versions do not exist any
/// more): exactly one batch of magic 2 that is sound and that a client may write.
/// </summary>
public static class ProduceRecords
{
    /// <summary>From this version on clients may send zstd (KIP-110).</summary>
    public const short ZstdVersionMin = 7;

    /// <summary>
    /// The order of the checks is Kafka's, because it decides which error a client sees. <paramref name="batch"/> is the
    /// batch without the torn bytes that may follow it; only valid when the answer is <see cref="RecordBatchFault.None"/>.
    /// </summary>
    [HotPath]
    public static RecordBatchFault Check(
        ReadOnlySpan<byte> records,
        short produceVersion,
        int maxMessageBytes,
        out RecordBatchView batch
    )
    {
        batch = default;
        BatchScanner scanner = new(records);
        if (!scanner.MoveNext())
        {
            return scanner.End switch
            {
                BatchScanEnd.BadLength or BatchScanEnd.BadMagic => RecordBatchFault.BadLength,
                _ => RecordBatchFault.NoBatch,
            };
        }
        if (scanner.Magic != RecordBatchHeader.CurrentMagic)
        {
            return RecordBatchFault.UnsupportedMagic;
        }
        RecordBatchView first = scanner.Batch;
        if (first.Codec == CompressionCodec.Zstd && produceVersion < ZstdVersionMin)
        {
            return RecordBatchFault.CodecTooNew;
        }
        if (scanner.MoveNext())
        {
            return RecordBatchFault.SeveralBatches;
        }
        if (scanner.End is BatchScanEnd.BadLength or BatchScanEnd.BadMagic)
        {
            return RecordBatchFault.BadLength;
        }
        if (first.BaseOffset != 0)
        {
            return RecordBatchFault.BaseOffsetNotZero;
        }
        RecordBatchFault fault = first.Validate(maxMessageBytes);
        if (fault == RecordBatchFault.None)
        {
            fault = first.ValidateProduced();
        }
        if (fault == RecordBatchFault.None)
        {
            batch = first;
        }
        return fault;
    }

    /// <summary>A sentence for the client: what <see cref="Check"/> has found in these bytes.</summary>
    public static string Describe(RecordBatchFault fault, ReadOnlySpan<byte> records)
    {
        if (fault != RecordBatchFault.BadLength || records.Length < RecordBatchHeader.PrefixBytes)
        {
            return fault.Describe();
        }
        int length = BinaryPrimitives.ReadInt32BigEndian(records[RecordBatchHeader.BatchLengthAt..]);
        byte magic = records[RecordBatchHeader.MagicAt];
        return length < LegacyMessageView.SizeMin
                ? $"Record size {length} is less than the minimum record overhead ({LegacyMessageView.SizeMin})"
            : magic > RecordBatchHeader.CurrentMagic ? $"Invalid magic found in record: {magic}"
            : fault.Describe();
    }
}
