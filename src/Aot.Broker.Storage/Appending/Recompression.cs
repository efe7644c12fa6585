using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Appending;

/// <summary>The slow ways of an append, which look at each record: compacted topics and topics with their own codec.</summary>
internal static class Recompression
{
    /// <summary>Rewrites a client's batch with the topic's codec; all else stays as the producer sent it.</summary>
    public static ErrorCode Convert(ReadOnlySpan<byte> batch, LogConfig config, out byte[] converted)
    {
        converted = [];
        if (!BatchRecords.TryOpen(batch, out RecordBatchView view, out byte[]? plain))
        {
            return ErrorCode.CorruptMessage;
        }
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                BaseOffset = view.BaseOffset,
                PartitionLeaderEpoch = view.PartitionLeaderEpoch,
                ProducerId = view.ProducerId,
                ProducerEpoch = view.ProducerEpoch,
                BaseSequence = view.BaseSequence,
                IsTransactional = view.IsTransactional,
                Codec = (CompressionCodec)(int)config.CompressionType,
                CompressionLevel = config.CompressionLevel,
            }
        );
        RecordEnumerator records = BatchRecords.Walk(view, plain);
        while (records.MoveNext())
        {
            builder.AppendCopy(records.Current.OffsetDelta, view.TimestampOf(records.Current), records.Current);
        }
        if (records.Fault != RecordBatchFault.None)
        {
            return records.Fault.ToErrorCode();
        }
        builder.KeepLastOffsetDelta(view.LastOffsetDelta);
        converted = builder.ToArray();
        return ErrorCode.None;
    }

    /// <summary>A compacted topic takes no record without a key.</summary>
    public static ErrorCode CheckKeys(in RecordBatchView view)
    {
        if (!BatchRecords.TryOpen(view.Bytes, out _, out byte[]? plain))
        {
            return ErrorCode.CorruptMessage;
        }
        RecordEnumerator records = BatchRecords.Walk(view, plain);
        while (records.MoveNext())
        {
            if (records.Current.Key.IsNull)
            {
                return ErrorCode.InvalidRecord;
            }
        }
        return records.Fault.ToErrorCode();
    }

    public static (string Message, List<BadRecord>? Records) DescribeMissingKeys(in RecordBatchView view)
    {
        List<BadRecord> bad = [];
        if (BatchRecords.TryOpen(view.Bytes, out _, out byte[]? plain))
        {
            RecordEnumerator records = BatchRecords.Walk(view, plain);
            while (records.MoveNext())
            {
                if (records.Current.Key.IsNull)
                {
                    bad.Add(new BadRecord(records.Index, RecordBatchFault.RecordWithoutKey.Describe()));
                }
            }
        }
        return ("One or more records have been rejected", bad);
    }
}
