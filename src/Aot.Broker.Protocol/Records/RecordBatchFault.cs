namespace Aot.Broker.Protocol.Records;

/// <summary>Why a batch is not taken. One name per reason, so that the log line says which; the client gets the code.</summary>
public enum RecordBatchFault : byte
{
    None = 0,

    /// <summary>Fewer bytes than the header or the length field ask for.</summary>
    TooShort,
    BadLength,
    UnsupportedMagic,
    TooLarge,
    BadCrc,
    UnknownCodec,

    BaseOffsetNotZero,
    BadOffsetRange,
    BadCount,
    CountAndOffsetsDiffer,
    ControlBatchFromClient,
    SequenceMissing,

    NoBatch,
    SeveralBatches,
    CodecTooNew,

    /// <summary>The compressed block is damaged.</summary>
    BadCompression,

    /// <summary>The decompressed records are larger than the broker allows.</summary>
    DecompressedTooLarge,

    /// <summary>A record's own lengths do not fit together.</summary>
    BadRecord,

    /// <summary>Fewer records than the header counts.</summary>
    RecordsMissing,

    /// <summary>Bytes after the last record that the header counts.</summary>
    RecordsLeft,

    RecordWithoutKey,
    BadTimestamp,
}

public static class RecordBatchFaults
{
    /// <summary>The code that Kafka answers a produce with.</summary>
    public static ErrorCode ToErrorCode(this RecordBatchFault fault) =>
        fault switch
        {
            RecordBatchFault.None => ErrorCode.None,
            RecordBatchFault.BadLength or RecordBatchFault.BadCrc => ErrorCode.CorruptMessage,
            RecordBatchFault.TooLarge => ErrorCode.MessageTooLarge,
            RecordBatchFault.UnknownCodec or RecordBatchFault.CodecTooNew => ErrorCode.UnsupportedCompressionType,
            RecordBatchFault.BadTimestamp => ErrorCode.InvalidTimestamp,
            _ => ErrorCode.InvalidRecord,
        };

    /// <summary>A sentence for the response's error message and for the log.</summary>
    public static string Describe(this RecordBatchFault fault) =>
        fault switch
        {
            RecordBatchFault.None => "The batch is valid",
            RecordBatchFault.TooShort => "The record batch is cut short",
            RecordBatchFault.BadLength => "The length of the record batch is smaller than its header",
            RecordBatchFault.UnsupportedMagic => "The record batch is not of magic version 2",
            RecordBatchFault.TooLarge => "The record batch is larger than max.message.bytes",
            RecordBatchFault.BadCrc => "The record batch is corrupt: its checksum does not match",
            RecordBatchFault.UnknownCodec => "The record batch has an unknown compression type",
            RecordBatchFault.BaseOffsetNotZero => "The baseOffset of the record batch should be 0",
            RecordBatchFault.BadOffsetRange => "The record batch has an invalid offset range",
            RecordBatchFault.BadCount => "The record batch has an invalid count of records",
            RecordBatchFault.CountAndOffsetsDiffer =>
                "The offset range of the record batch does not match its count of records",
            RecordBatchFault.ControlBatchFromClient => "Clients are not allowed to write control records",
            RecordBatchFault.SequenceMissing => "The record batch has a producer id but no sequence number",
            RecordBatchFault.NoBatch => "Produce requests must have at least one record batch per partition",
            RecordBatchFault.SeveralBatches =>
                "Produce requests are only allowed to contain exactly one record batch per partition",
            RecordBatchFault.CodecTooNew =>
                "Produce requests with version below 7 are not allowed to use ZStandard compression",
            RecordBatchFault.BadCompression => "The compressed records of the batch are damaged",
            RecordBatchFault.DecompressedTooLarge => "The decompressed records of the batch are too large",
            RecordBatchFault.BadRecord => "The record batch has an invalid record structure",
            RecordBatchFault.RecordsMissing => "The record batch has fewer records than it declares",
            RecordBatchFault.RecordsLeft => "The record batch has more records than it declares",
            RecordBatchFault.RecordWithoutKey => "Compacted topic cannot accept message without key",
            RecordBatchFault.BadTimestamp => "One or more records have been rejected due to invalid timestamp",
            _ => fault.ToString(),
        };
}
