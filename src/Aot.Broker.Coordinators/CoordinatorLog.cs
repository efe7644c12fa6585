using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators;

/// <summary>A record of a coordinator's log; a null value is a tombstone.</summary>
public readonly record struct CoordinatorRecord(byte[] Key, byte[]? Value);

/// <summary>
/// What a committed record does to the state machine of the log. <paramref name="producerId"/>: the record belongs to the
/// open transaction of this producer, and takes effect when that is committed; -1 = it takes effect now.
/// </summary>
public delegate void ApplyRecord(
    long offset,
    long producerId,
    ReadOnlySpan<byte> key,
    ReadOnlySpan<byte> value,
    bool isTombstone
);

/// <summary>A COMMIT or ABORT marker: what the producer's open transaction wrote takes effect, or never was.</summary>
public delegate void ApplyMarker(long producerId, bool isCommit);

/// <summary>
/// The log of one coordinator shard seen as key-value records: appended as one batch, replayed in order. Owned by the core of
/// the partition's log.
/// </summary>
public sealed class CoordinatorLog(Core core, PartitionLog log, CompressionCodec codec = CompressionCodec.None)
{
    /// <summary>A piece of replay: what is read between two chances for the core to do other work.</summary>
    private const int ReplayBytes = 1024 * 1024;

    private readonly RecordBatchBuilder _builder = new();

    public PartitionLog Log { get; } = log;

    /// <summary>Appends the records as one batch and waits for its commit. The error is one that a client understands.</summary>
    public Task<ErrorCode> AppendAsync(IReadOnlyList<CoordinatorRecord> records) =>
        WhenCommittedAsync(Append(records, RecordBatchOptions.Default));

    /// <summary>As <see cref="AppendAsync"/>, for somebody who wants to know where: the commit is waited for with the result.</summary>
    public AppendResult Append(IReadOnlyList<CoordinatorRecord> records) => Append(records, RecordBatchOptions.Default);

    /// <summary>As the other form, as part of the producer's open transaction.</summary>
    public Task<ErrorCode> AppendInTransactionAsync(
        IReadOnlyList<CoordinatorRecord> records,
        long producerId,
        short producerEpoch
    ) =>
        WhenCommittedAsync(
            Append(
                records,
                RecordBatchOptions.Default with
                {
                    ProducerId = producerId,
                    ProducerEpoch = producerEpoch,
                    IsTransactional = true,
                }
            )
        );

    private AppendResult Append(IReadOnlyList<CoordinatorRecord> records, RecordBatchOptions options)
    {
        _builder.Reset(options with { PartitionLeaderEpoch = Log.LeaderEpoch, Codec = codec });
        foreach (CoordinatorRecord record in records)
        {
            _builder.Append(core.WallMillis, record.Key, record.Value);
        }
        return Log.AppendCopy(_builder.Build().ToArray(), AppendOrigin.Coordinator, core.WallMillis);
    }

    /// <summary>Ends when what was appended is committed, or cannot be. The error is one that a client understands.</summary>
    public async Task<ErrorCode> WhenCommittedAsync(AppendResult result)
    {
        ErrorCode error = result.IsOk ? await Log.WhenCommittedAsync(result.LastOffset) : result.Error;
        return error switch
        {
            ErrorCode.UnknownTopicOrPartition
            or ErrorCode.NotEnoughReplicas
            or ErrorCode.NotEnoughReplicasAfterAppend
            or ErrorCode.RequestTimedOut => ErrorCode.CoordinatorNotAvailable,
            ErrorCode.NotLeaderOrFollower or ErrorCode.KafkaStorageError => ErrorCode.NotCoordinator,
            ErrorCode.MessageTooLarge or ErrorCode.RecordListTooLarge or ErrorCode.InvalidFetchSize =>
                ErrorCode.UnknownServerError,
            _ => error,
        };
    }

    /// <summary>
    /// Everything that was there at the call, in order, once it is committed: after a start the high watermark is that of the
    /// last checkpoint for a moment, and what lies above it was acknowledged. What is appended and not written yet belongs to
    /// it, such as a marker that came in the same turn: who appended it found no state to change.
    /// </summary>
    public async Task<ErrorCode> ReplayAsync(ApplyRecord apply, ApplyMarker applyMarker)
    {
        long offset = Log.LogStartOffset;
        long end;
        ErrorCode error;
        do
        {
            end = Log.NextOffset;
            error = offset < end ? await Log.WhenCommittedAsync(end - 1) : ErrorCode.None;
            // What the disk refused to take is not there any more, and what was written before it is.
        } while (error != ErrorCode.None && Log.Status == LogStatus.Open && Log.NextOffset < end);
        if (error != ErrorCode.None)
        {
            return error;
        }
        byte[] buffer = new byte[ReplayBytes];
        while (offset < end)
        {
            int length = Log.ReadForReplay(offset, buffer);
            if (length <= 0)
            {
                // A batch that is larger than the buffer, or an error of the disk.
                if (length == 0 && buffer.Length < Limits.DecompressedBytesMax)
                {
                    buffer = new byte[buffer.Length * 2];
                    continue;
                }
                return ErrorCode.KafkaStorageError;
            }
            long next = ReplayPiece(buffer.AsSpan(0, length), offset, end, apply, applyMarker);
            if (next <= offset)
            {
                return ErrorCode.CorruptMessage;
            }
            offset = next;
            await Task.Yield();
        }
        return ErrorCode.None;
    }

    /// <summary>The next offset to read; the one that was asked for when nothing could be understood.</summary>
    private static long ReplayPiece(
        ReadOnlySpan<byte> bytes,
        long from,
        long end,
        ApplyRecord apply,
        ApplyMarker applyMarker
    )
    {
        BatchScanner scanner = new(bytes);
        long next = from;
        while (scanner.MoveNext())
        {
            RecordBatchView batch = scanner.Batch;
            if (batch.BaseOffset >= end)
            {
                break;
            }
            if (batch.IsControl)
            {
                ReplayMarker(batch, applyMarker);
            }
            else if (batch.NextOffset > from && !ReplayBatch(batch, from, apply))
            {
                return from;
            }
            next = batch.NextOffset;
        }
        return next;
    }

    private static bool ReplayBatch(RecordBatchView batch, long from, ApplyRecord apply)
    {
        if (!BatchRecords.TryOpen(batch.Bytes, out _, out byte[]? plain))
        {
            return false;
        }
        long producerId = batch.IsTransactional ? batch.ProducerId : -1;
        RecordEnumerator records = BatchRecords.Walk(batch, plain);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            long offset = batch.BaseOffset + record.OffsetDelta;
            if (offset >= from && !record.Key.IsNull)
            {
                apply(offset, producerId, record.Key.Span, record.Value.Span, record.Value.IsNull);
            }
        }
        return records.Fault == RecordBatchFault.None;
    }

    private static void ReplayMarker(RecordBatchView batch, ApplyMarker applyMarker)
    {
        RecordEnumerator records = batch.Records();
        if (
            records.MoveNext()
            && ControlRecord.TryReadType(records.Current.Key, out ControlRecordType type)
            && type is ControlRecordType.Commit or ControlRecordType.Abort
        )
        {
            applyMarker(batch.ProducerId, type == ControlRecordType.Commit);
        }
    }
}
