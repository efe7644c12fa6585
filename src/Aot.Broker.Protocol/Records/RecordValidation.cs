using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Records;

/// <summary>What a topic asks of the records that come in.</summary>
public readonly record struct RecordValidationOptions
{
    public RecordValidationOptions() { }

    /// <summary><c>cleanup.policy</c> contains compact: every record needs a key.</summary>
    public bool IsCompacted { get; init; }

    /// <summary><c>message.timestamp.type</c>.</summary>
    public TimestampType TimestampType { get; init; } = TimestampType.CreateTime;

    public long NowMs { get; init; }

    /// <summary><c>message.timestamp.before.max.ms</c>.</summary>
    public long TimestampBeforeMaxMs { get; init; } = long.MaxValue;

    /// <summary><c>message.timestamp.after.max.ms</c>.</summary>
    public long TimestampAfterMaxMs { get; init; } = 3_600_000;

    /// <summary>Where decompression stops.</summary>
    public int DecompressedBytesMax { get; init; } = Limits.DecompressedBytesMax;
}

/// <summary>What <see cref="RecordBatchValidator"/> found.</summary>
public struct RecordValidationResult
{
    /// <summary>None, or why the batch is refused.</summary>
    public RecordBatchFault Fault { get; internal set; }

    public readonly ErrorCode Error => Fault.ToErrorCode();

    /// <summary>How many records are at fault by themselves (key, timestamp); the slow path names them.</summary>
    public int BadRecordsCount { get; internal set; }

    /// <summary>The place in the batch of the first record at fault, -1 where the batch as a whole is.</summary>
    public int FirstBadRecord { get; internal set; }

    /// <summary>The newest timestamp of the records; the time now where the topic says LogAppendTime.</summary>
    public long MaxTimestamp { get; internal set; }

    /// <summary>The offset delta of the first record with <see cref="MaxTimestamp"/>; of the last one with LogAppendTime.</summary>
    public int OffsetDeltaOfMaxTimestamp { get; internal set; }

    /// <summary>
    /// The records' own offset deltas are not 0, 1, 2...: some old clients write them so. <see cref="Recompressor"/>
    /// writes the batch anew with deltas that are.
    /// </summary>
    public bool NeedsRebuild { get; internal set; }

    /// <summary>Bytes of the records at the start of the scratch buffer, where the batch is compressed.</summary>
    public int DecompressedBytes { get; internal set; }
}

/// <summary>One entry of a produce response's record errors.</summary>
public readonly record struct RecordError(int BatchIndex, string Message);
