using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Appending;

/// <summary>What a batch of our own, or of the partition's leader, has to be: whole, sound, and within the sizes.</summary>
internal static class BatchChecks
{
    public static ErrorCode Check(
        ReadOnlySpan<byte> bytes,
        AppendOrigin origin,
        LogConfig config,
        out BatchHeader header
    )
    {
        header = default;
        RecordBatchFault fault = FaultOf(bytes, origin, config);
        if (fault != RecordBatchFault.None)
        {
            return fault.ToErrorCode();
        }
        if (!BatchHeader.TryRead(bytes, out header))
        {
            return ErrorCode.CorruptMessage;
        }
        return header.TotalBytes > config.SegmentBytes && origin != AppendOrigin.Replication
            ? ErrorCode.RecordListTooLarge
            : ErrorCode.None;
    }

    /// <summary>Why <see cref="Check"/> refused these bytes, for a person.</summary>
    public static string Explain(ErrorCode error, ReadOnlySpan<byte> bytes, AppendOrigin origin, LogConfig config)
    {
        RecordBatchFault fault = FaultOf(bytes, origin, config);
        return fault != RecordBatchFault.None ? fault.Describe() : error.ToString();
    }

    private static RecordBatchFault FaultOf(ReadOnlySpan<byte> bytes, AppendOrigin origin, LogConfig config) =>
        RecordBatchView.TryRead(bytes, out RecordBatchView view)
            ? view.Validate(origin == AppendOrigin.Coordinator ? config.MaxMessageBytes : int.MaxValue)
            : RecordBatchFault.BadLength;
}
