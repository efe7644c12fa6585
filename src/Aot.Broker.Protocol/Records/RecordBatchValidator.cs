using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// Looks at every record of a batch that a client produces, as Kafka does before it appends: structure, count, keys of
/// compacted topics, timestamps. The header must have passed <see cref="ProduceRecords.Check"/>. A compressed batch is
/// decompressed into the caller's scratch buffer and stored as it came.
/// </summary>
public static class RecordBatchValidator
{
    [HotPath]
    public static RecordValidationResult Validate(
        in RecordBatchView batch,
        in RecordValidationOptions options,
        ScratchBuffer scratch
    )
    {
        RecordValidationResult result = new() { FirstBadRecord = -1 };
        if (!batch.IsCompressed)
        {
            Walk(batch, batch.RecordsBytes, options, ref result);
            return result;
        }
        CodecResult decompressed = Compression.Decompress(
            batch.Codec,
            batch.RecordsBytes,
            scratch,
            options.DecompressedBytesMax,
            out int length
        );
        if (decompressed != CodecResult.Ok)
        {
            result.Fault =
                decompressed == CodecResult.TooLarge
                    ? RecordBatchFault.DecompressedTooLarge
                    : RecordBatchFault.BadCompression;
            return result;
        }
        result.DecompressedBytes = length;
        Walk(batch, scratch.Span[..length], options, ref result);
        return result;
    }

    /// <summary>The records without their compression, from where <see cref="Validate"/> left them.</summary>
    public static ReadOnlySpan<byte> PlainRecords(
        in RecordBatchView batch,
        in RecordValidationResult result,
        ScratchBuffer scratch
    ) => batch.IsCompressed ? scratch.Span[..result.DecompressedBytes] : batch.RecordsBytes;

    private static void Walk(
        in RecordBatchView batch,
        ReadOnlySpan<byte> records,
        in RecordValidationOptions options,
        ref RecordValidationResult result
    )
    {
        int count = batch.RecordsCount;
        long baseTimestamp = batch.BaseTimestamp;
        bool appendTimeSet = batch.TimestampType == TimestampType.LogAppendTime;
        long maxTimestampOfBatch = batch.MaxTimestamp;
        bool checkTimestamps = options.TimestampType == TimestampType.CreateTime;
        TimestampRange range = new(options);
        long maxTimestamp = RecordBatchHeader.NoTimestamp;
        int deltaOfMax = -1;
        bool consecutive = true;
        bool badTimestamp = false;
        int at = 0;
        RecordSkim record = default;
        for (int i = 0; i < count; i++)
        {
            if (at == records.Length)
            {
                result.Fault = RecordBatchFault.RecordsMissing;
                return;
            }
            if (!record.TryRead(records, ref at))
            {
                result.Fault = RecordBatchFault.BadRecord;
                return;
            }
            consecutive &= record.OffsetDelta == i;
            long timestamp = appendTimeSet ? maxTimestampOfBatch : baseTimestamp + record.TimestampDelta;
            bool timestampFault =
                checkTimestamps && timestamp != RecordBatchHeader.NoTimestamp ? !range.Holds(timestamp) : appendTimeSet;
            if ((options.IsCompacted && !record.HasKey) || timestampFault)
            {
                // As in Kafka a record without its key is not looked at further.
                badTimestamp |= timestampFault && !(options.IsCompacted && !record.HasKey);
                result.FirstBadRecord = result.BadRecordsCount == 0 ? i : result.FirstBadRecord;
                result.BadRecordsCount++;
            }
            if (timestamp > maxTimestamp)
            {
                maxTimestamp = timestamp;
                deltaOfMax = i;
            }
        }
        if (at != records.Length)
        {
            result.Fault = RecordBatchFault.RecordsLeft;
            return;
        }
        if (result.BadRecordsCount != 0)
        {
            result.Fault = badTimestamp ? RecordBatchFault.BadTimestamp : RecordBatchFault.RecordWithoutKey;
            return;
        }
        result.NeedsRebuild = !consecutive;
        result.MaxTimestamp = checkTimestamps ? maxTimestamp : options.NowMs;
        result.OffsetDeltaOfMaxTimestamp = checkTimestamps && deltaOfMax >= 0 ? deltaOfMax : count - 1;
    }

    /// <summary>
    /// The records at fault with Kafka's sentences, for the response; call only after <see cref="Validate"/> found
    /// <see cref="RecordValidationResult.BadRecordsCount"/>, with what it left in the scratch buffer.
    /// </summary>
    public static List<RecordError> DescribeBadRecords(
        in RecordBatchView batch,
        in RecordValidationOptions options,
        in RecordValidationResult result,
        ScratchBuffer scratch,
        string topicPartition
    )
    {
        List<RecordError> errors = new(result.BadRecordsCount);
        TimestampRange range = new(options);
        RecordEnumerator records = new(PlainRecords(batch, result, scratch), batch.RecordsCount);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            long timestamp = batch.TimestampOf(record);
            if (options.IsCompacted && record.Key.IsNull)
            {
                errors.Add(
                    new(
                        records.Index,
                        $"Compacted topic cannot accept message without key in topic partition {topicPartition}"
                    )
                );
            }
            else if (options.TimestampType == TimestampType.CreateTime && timestamp != RecordBatchHeader.NoTimestamp)
            {
                if (!range.Holds(timestamp))
                {
                    errors.Add(
                        new(
                            records.Index,
                            $"Timestamp {timestamp} of message with offset {batch.BaseOffset + record.OffsetDelta} is out of "
                                + $"range. The timestamp should be within [{range.From}, {range.To}]"
                        )
                    );
                }
            }
            else if (batch.TimestampType == TimestampType.LogAppendTime)
            {
                errors.Add(
                    new(
                        records.Index,
                        $"Invalid timestamp type in message {Describe(batch, record)}. Producer should not set timestamp "
                            + "type to LogAppendTime."
                    )
                );
            }
        }
        return errors;
    }

    /// <summary>The sentence for the whole partition that goes with <see cref="DescribeBadRecords"/>.</summary>
    public static string DescribeRefusal(RecordBatchFault fault, IReadOnlyList<RecordError> errors) =>
        fault == RecordBatchFault.BadTimestamp
            ? fault.Describe()
            : $"One or more records have been rejected due to {errors.Count} record errors in total, and only showing the "
                + $"first three errors at most: [{string.Join(", ", errors.Take(3).Select(Describe))}]";

    private static string Describe(RecordError error) =>
        $"RecordError(batchIndex={error.BatchIndex}, message='{error.Message}')";

    private static string Describe(in RecordBatchView batch, in RecordView record) =>
        $"{(batch.IsCompressed ? "Partial" : "")}DefaultRecord(offset={batch.BaseOffset + record.OffsetDelta}, "
        + $"timestamp={batch.TimestampOf(record)}, key={record.Key.Length} bytes, value={record.Value.Length} bytes)";

    /// <summary>The timestamps that a topic takes; both bounds saturate, because the settings reach to 2^63 - 1.</summary>
    private readonly struct TimestampRange(in RecordValidationOptions options)
    {
        internal readonly long From =
            options.NowMs < long.MinValue + options.TimestampBeforeMaxMs
                ? long.MinValue
                : options.NowMs - options.TimestampBeforeMaxMs;

        internal readonly long To =
            options.NowMs > long.MaxValue - options.TimestampAfterMaxMs
                ? long.MaxValue
                : options.NowMs + options.TimestampAfterMaxMs;

        internal bool Holds(long timestamp) => timestamp >= From && timestamp <= To;
    }
}
