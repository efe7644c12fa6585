using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Appending;

/// <summary>What a batch has to be before it may get its offsets, in the order of Kafka's checks.</summary>
internal static class BatchChecks
{
    /// <summary>Whether the bytes begin with a batch that this log takes. The producer's part is checked afterwards.</summary>
    [HotPath]
    public static ErrorCode Check(
        ReadOnlySpan<byte> bytes,
        AppendOrigin origin,
        LogConfig config,
        long nowMillis,
        out BatchHeader header
    )
    {
        header = default;
        RecordBatchFault fault = Structure(bytes, origin, config, out RecordBatchView view);
        if (fault != RecordBatchFault.None)
        {
            return fault.ToErrorCode();
        }
        if (!BatchHeader.TryRead(view.Bytes, out header))
        {
            return ErrorCode.CorruptMessage;
        }
        if (header.TotalBytes > config.SegmentBytes && origin != AppendOrigin.Replication)
        {
            return ErrorCode.RecordListTooLarge;
        }
        if (origin != AppendOrigin.Client)
        {
            return ErrorCode.None;
        }
        if (config.MessageTimestampType == MessageTimestampType.CreateTime && !IsTimely(header, config, nowMillis))
        {
            return ErrorCode.InvalidTimestamp;
        }
        return config.IsCompacted ? CheckKeysSlow(view) : ErrorCode.None;
    }

    /// <summary>Why <see cref="Check"/> refused these bytes, for a person.</summary>
    public static (string Message, List<BadRecord>? Records) Explain(
        ErrorCode error,
        ReadOnlySpan<byte> bytes,
        AppendOrigin origin,
        LogConfig config,
        long nowMillis
    )
    {
        RecordBatchFault fault = Structure(bytes, origin, config, out RecordBatchView view);
        if (fault != RecordBatchFault.None)
        {
            return (fault.Describe(), null);
        }
        switch (error)
        {
            case ErrorCode.RecordListTooLarge:
                return (
                    $"The batch of {view.TotalSize} bytes is larger than a segment of {config.SegmentBytes} bytes",
                    null
                );
            case ErrorCode.InvalidTimestamp:
                string message =
                    $"Timestamp {view.MaxTimestamp} of message with offset {view.BaseOffset} is out of range. The timestamp should be within [{nowMillis - config.TimestampBeforeMaxMs}, {nowMillis + config.TimestampAfterMaxMs}]";
                return (message, [new BadRecord(0, message)]);
            case ErrorCode.InvalidRecord:
                return Recompression.DescribeMissingKeys(view);
            default:
                return (error.ToString(), null);
        }
    }

    [HotPath]
    private static RecordBatchFault Structure(
        ReadOnlySpan<byte> bytes,
        AppendOrigin origin,
        LogConfig config,
        out RecordBatchView view
    )
    {
        if (origin == AppendOrigin.Client)
        {
            return ProduceRecords.Check(bytes, short.MaxValue, config.MaxMessageBytes, out view);
        }
        if (!RecordBatchView.TryRead(bytes, out view))
        {
            return RecordBatchFault.BadLength;
        }
        return view.Validate(origin == AppendOrigin.Coordinator ? config.MaxMessageBytes : int.MaxValue);
    }

    /// <summary>The producer's clock is believed within bounds; a batch without times is always timely.</summary>
    [HotPath]
    private static bool IsTimely(in BatchHeader header, LogConfig config, long nowMillis)
    {
        if (header.IsLogAppendTime)
        {
            return false;
        }
        return IsTimely(header.BaseTimestamp, config, nowMillis) && IsTimely(header.MaxTimestamp, config, nowMillis);
    }

    [HotPath]
    private static bool IsTimely(long timestamp, LogConfig config, long nowMillis) =>
        timestamp < 0
        || (
            nowMillis - timestamp <= config.TimestampBeforeMaxMs && timestamp - nowMillis <= config.TimestampAfterMaxMs
        );

    private static ErrorCode CheckKeysSlow(in RecordBatchView view) => Recompression.CheckKeys(view);
}
