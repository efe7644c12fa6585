using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Appending;

/// <summary>Why a client's batch is not taken.</summary>
/// <param name="Error">As Kafka answers it.</param>
/// <param name="Message">For a person.</param>
/// <param name="Records">Those at fault, where the fault is in single records.</param>
internal readonly record struct Refusal(ErrorCode Error, string Message, List<BadRecord>? Records)
{
    /// <summary>The request is at fault, whatever the log is.</summary>
    public bool IsOfRequest { get; init; }

    /// <summary>Kafka tells where the log starts unless it refuses a batch by its frame or its size.</summary>
    public bool TellsLogStart =>
        !IsOfRequest
        && Error is not (ErrorCode.CorruptMessage or ErrorCode.MessageTooLarge or ErrorCode.RecordListTooLarge);
}

/// <summary>
/// What Kafka's log validator asks of a batch that a client produces, and the batch in the topic's own codec where that
/// is not the producer's.
/// </summary>
/// <remarks>
/// Owner: one core, shared by its logs, or a <see cref="JudgeJob"/>; the scratch memory holds the outcome of the newest
/// call. Every record is looked at, also of compressed batches, as Kafka does: a batch that no consumer can decode must
/// not get into the log.
/// </remarks>
internal sealed class ClientBatches(int briefBytesMax = int.MaxValue) : IDisposable
{
    private readonly ScratchBuffer _plain = new();
    private readonly ScratchBuffer _converted = new();
    private RecordValidationOptions _options;
    private RecordValidationResult _result;

    /// <summary>
    /// The newest <see cref="Check"/> came to more work than a core does: nothing is decided and nothing was changed.
    /// </summary>
    public bool IsTooMuch { get; private set; }

    /// <summary>
    /// Checks the records field of a produce request. On success the batch has the right largest timestamp, and
    /// <paramref name="bytes"/> is cut to it (torn bytes may follow it). <paramref name="isBrief"/>: stops with
    /// <see cref="IsTooMuch"/> where it would take long.
    /// </summary>
    [HotPath]
    public ErrorCode Check(ref Span<byte> bytes, short produceVersion, LogConfig config, long nowMillis, bool isBrief)
    {
        IsTooMuch = false;
        RecordBatchFault fault = ProduceRecords.Check(
            bytes,
            produceVersion,
            config.MaxMessageBytes,
            out RecordBatchView view
        );
        if (fault != RecordBatchFault.None)
        {
            return fault.ToErrorCode();
        }
        int bytesMax = Math.Min(config.DecompressedBytesMax, _plain.BytesMax);
        if (isBrief)
        {
            int brief = Math.Min(
                briefBytesMax,
                CoreWork.PlainBytesMax(view.Codec, CodecOf(view.Codec, config), config.CompressionLevel)
            );
            IsTooMuch = view.RecordsBytes.Length > brief;
            if (IsTooMuch)
            {
                return ErrorCode.None;
            }
            bytesMax = Math.Min(bytesMax, brief);
            IsTooMuch = bytesMax == brief;
        }
        SetOptions(config, nowMillis, bytesMax);
        _result = RecordBatchValidator.Validate(view, _options, _plain);
        IsTooMuch &= _result.Fault == RecordBatchFault.DecompressedTooLarge;
        if (IsTooMuch)
        {
            return ErrorCode.None;
        }
        if (_result.Fault != RecordBatchFault.None)
        {
            return _result.Fault.ToErrorCode();
        }
        bytes = bytes[..view.TotalSize];
        if (config.MessageTimestampType == MessageTimestampType.CreateTime)
        {
            RecordBatchPatch.SetMaxTimestamp(bytes, TimestampType.CreateTime, _result.MaxTimestamp);
        }
        return bytes.Length > config.SegmentBytes ? ErrorCode.RecordListTooLarge : ErrorCode.None;
    }

    /// <summary>The batch that <see cref="Check"/> has just passed cannot be stored as it came.</summary>
    [HotPath]
    public bool NeedsConversion(ReadOnlySpan<byte> batch, LogConfig config) =>
        _result.NeedsRebuild || ViewOf(batch).Codec != CodecOf(ViewOf(batch).Codec, config);

    /// <summary>
    /// Writes the batch that <see cref="Check"/> has just passed anew. The result is in scratch memory, dead after the
    /// next call.
    /// </summary>
    public ErrorCode Convert(ReadOnlySpan<byte> batch, LogConfig config, out Span<byte> converted)
    {
        converted = default;
        RecordBatchView view = new(batch);
        ReadOnlySpan<byte> plain = RecordBatchValidator.PlainRecords(view, _result, _plain);
        CompressionCodec codec = CodecOf(view.Codec, config);
        if (_result.NeedsRebuild)
        {
            converted = Recompressor.Rebuild(view, plain, codec, config.CompressionLevel);
        }
        else
        {
            CodecResult result = Recompressor.Write(
                view,
                plain,
                codec,
                config.CompressionLevel,
                _converted,
                out int bytes
            );
            if (result != CodecResult.Ok)
            {
                return ErrorCode.MessageTooLarge;
            }
            converted = _converted.Span[..bytes];
        }
        return converted.Length > config.MaxMessageBytes ? ErrorCode.MessageTooLarge
            : converted.Length > config.SegmentBytes ? ErrorCode.RecordListTooLarge
            : ErrorCode.None;
    }

    /// <summary>What <see cref="Convert"/> has just made, where it has an address that outlives the caller's stack.</summary>
    public unsafe BatchSource KeepConverted(Span<byte> converted)
    {
        if (!_converted.Span.Overlaps(converted))
        {
            // Rebuilt record by record, on the managed heap.
            Invariant.That(_converted.TryGrow(converted.Length));
            converted.CopyTo(_converted.Span);
        }
        // SAFETY: scratch memory does not move until the next call, which its owner makes after the batch was appended.
        fixed (byte* address = _converted.Span)
        {
            return BatchSource.Copied((nint)address, converted.Length);
        }
    }

    /// <summary>Why <see cref="Convert"/> has just refused.</summary>
    public static Refusal ExplainConverted(ErrorCode error, int bytes, LogConfig config, TopicPartition name) =>
        new(error, DescribeSize(error, bytes, config, name), null);

    /// <summary>Why <see cref="Check"/> has just refused these bytes: a sentence for the response, and the records at fault.</summary>
    public Refusal Explain(
        ErrorCode error,
        ReadOnlySpan<byte> bytes,
        short produceVersion,
        LogConfig config,
        TopicPartition name
    )
    {
        RecordBatchFault fault = ProduceRecords.Check(
            bytes,
            produceVersion,
            config.MaxMessageBytes,
            out RecordBatchView view
        );
        if (fault == RecordBatchFault.TooLarge)
        {
            return new Refusal(error, DescribeSize(error, new RecordBatchView(bytes).TotalSize, config, name), null);
        }
        if (fault != RecordBatchFault.None)
        {
            return new Refusal(error, ProduceRecords.Describe(fault, bytes), null)
            {
                IsOfRequest =
                    fault
                        is RecordBatchFault.NoBatch
                            or RecordBatchFault.SeveralBatches
                            or RecordBatchFault.UnsupportedMagic
                            or RecordBatchFault.CodecTooNew,
            };
        }
        if (error == ErrorCode.RecordListTooLarge)
        {
            return new Refusal(error, DescribeSize(error, view.TotalSize, config, name), null);
        }
        if (_result.BadRecordsCount == 0)
        {
            return new Refusal(error, _result.Fault.Describe(), null);
        }
        List<RecordError> errors = RecordBatchValidator.DescribeBadRecords(
            view,
            _options,
            _result,
            _plain,
            name.ToString()
        );
        return new Refusal(
            error,
            RecordBatchValidator.DescribeRefusal(_result.Fault, errors),
            errors.ConvertAll(e => new BadRecord(e.BatchIndex, e.Message))
        );
    }

    private static string DescribeSize(ErrorCode error, int bytes, LogConfig config, TopicPartition name) =>
        error == ErrorCode.RecordListTooLarge
            ? $"Message batch size is {bytes} bytes in append to partition {name}, which exceeds the maximum configured segment size of {config.SegmentBytes}."
            : $"The record batch size in the append to {name} is {bytes} bytes which exceeds the maximum configured value of {config.MaxMessageBytes}.";

    /// <summary>Gives back what an unusually large batch made the scratch memory grow to.</summary>
    public void Trim()
    {
        _plain.Trim();
        _converted.Trim();
    }

    public void Dispose()
    {
        _plain.Dispose();
        _converted.Dispose();
    }

    /// <summary>What a batch that comes under <paramref name="produced"/> is stored under.</summary>
    private static CompressionCodec CodecOf(CompressionCodec produced, LogConfig config) =>
        config.CompressionType == TopicCompression.Producer ? produced : (CompressionCodec)(int)config.CompressionType;

    private void SetOptions(LogConfig config, long nowMillis, int decompressedBytesMax) =>
        _options = new RecordValidationOptions
        {
            IsCompacted = config.IsCompacted,
            TimestampType =
                config.MessageTimestampType == MessageTimestampType.LogAppendTime
                    ? TimestampType.LogAppendTime
                    : TimestampType.CreateTime,
            NowMs = nowMillis,
            TimestampBeforeMaxMs = config.TimestampBeforeMaxMs,
            TimestampAfterMaxMs = config.TimestampAfterMaxMs,
            DecompressedBytesMax = decompressedBytesMax,
        };

    private static RecordBatchView ViewOf(ReadOnlySpan<byte> batch) => new(batch);
}
