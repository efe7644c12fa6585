using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// The way of a batch into its log: check, offsets, producer state, queue; and the write of the queue.
/// </summary>
/// <remarks>
/// Owner: the log's core. Checks come in Kafka's order, so that a batch with two faults gets the error that Kafka gives.
/// Nothing is changed before the last check has passed. A failed write takes the queued batches back, cuts the file to
/// its last good byte, and answers all of them KAFKA_STORAGE_ERROR; their offsets are then given again.
/// </remarks>
internal sealed class LogAppender(PartitionLog log, SegmentRoller roller)
{
    private static readonly Logger s_log = Log.For("storage");

    private AppendLine? _line;

    /// <summary>Batches wait to be judged.</summary>
    public bool HasLine => _line is { IsEmpty: false };

    [HotPath]
    public AppendResult Append(
        in BatchSource source,
        AppendOrigin origin,
        long nowMillis,
        short produceVersion,
        IDeferredAppend? deferred,
        long token
    )
    {
        if (log.Status != LogStatus.Open)
        {
            return NotTaken();
        }
        if (origin != AppendOrigin.Client)
        {
            return AppendSeveral(source, BytesOf(source), origin, nowMillis);
        }
        if (deferred is null)
        {
            return AppendChecked(source, produceVersion, nowMillis, isBrief: false);
        }
        AppendResult result = HasLine
            ? AppendResult.Deferred
            : AppendChecked(source, produceVersion, nowMillis, isBrief: true);
        return result.IsDeferred ? DeferSlow(source, produceVersion, deferred, token) : result;
    }

    /// <summary>Deferred: it would be too much work here, and nothing was done.</summary>
    public AppendResult AppendBriefly(in BatchSource source, short produceVersion, long nowMillis) =>
        AppendChecked(source, produceVersion, nowMillis, isBrief: true);

    /// <summary>Appends what a compute thread has looked at, as if it came now.</summary>
    public AppendResult AppendJudged(JudgeJob job, long nowMillis)
    {
        if (job.Refusal.Error != ErrorCode.None)
        {
            return Refused(job.Refusal);
        }
        Span<byte> bytes = BytesOf(job.Judged);
        BatchHeader.TryRead(bytes, out BatchHeader header);
        return AppendOne(job.Judged, bytes, header, AppendOrigin.Client, nowMillis);
    }

    public AppendResult NotTaken() =>
        FailedSlow(log.Status == LogStatus.Offline ? ErrorCode.KafkaStorageError : ErrorCode.NotLeaderOrFollower);

    /// <summary>The log takes no more: who waits in the line hears it.</summary>
    public void CloseLine() => _line?.Close();

    [HotPath]
    private AppendResult AppendChecked(in BatchSource source, short produceVersion, long nowMillis, bool isBrief)
    {
        Span<byte> bytes = BytesOf(source);
        ClientBatches checks = log.Set.Checks;
        ErrorCode error = checks.Check(ref bytes, produceVersion, log.Config, nowMillis, isBrief);
        if (checks.IsTooMuch)
        {
            return AppendResult.Deferred;
        }
        if (error != ErrorCode.None)
        {
            return RefusedSlow(error, bytes, produceVersion);
        }
        if (checks.NeedsConversion(bytes, log.Config))
        {
            return AppendConvertedSlow(bytes, nowMillis);
        }
        BatchHeader.TryRead(bytes, out BatchHeader header);
        return AppendOne(source, bytes, header, AppendOrigin.Client, nowMillis);
    }

    // SAFETY: the caller keeps the bytes in place for its call at least, and nobody else writes to a request's batch
    // after it was received: offsets and epochs are stamped here and only here.
    private static unsafe Span<byte> BytesOf(in BatchSource source) => new((void*)source.Address, source.Length);

    private AppendResult DeferSlow(in BatchSource source, short produceVersion, IDeferredAppend deferred, long token)
    {
        _line ??= new AppendLine(log, this);
        return _line.Add(source, produceVersion, deferred, token);
    }

    /// <summary>Writes what is queued at the end of the active segment and moves the log end.</summary>
    [HotPath]
    public void WriteQueue()
    {
        AppendQueue queue = log.Queue;
        Segment active = log.Segments.Active;
        SegmentHandle? handle = log.Set.Open.Get(active, out Errno error);
        long written = handle is null ? -(long)error : queue.WriteTo(active, handle.Log, log.Disk);
        if (written < 0)
        {
            FailQueueSlow(handle, (Errno)(-written));
            return;
        }
        long end = queue.Last.LastOffset + 1;
        queue.AddTo(active, log.Tail, log.Config.IndexIntervalBytes, log.Disk);
        active.ModifiedMillis = log.Core.WallMillis;
        queue.Release();
        log.LogEndOffset = end;
        Invariant.That(log.LogEndOffset == log.NextOffset);
    }

    /// <summary>Several batches in a row: our own metadata records, or what a replica fetched.</summary>
    private AppendResult AppendSeveral(in BatchSource source, Span<byte> bytes, AppendOrigin origin, long nowMillis)
    {
        for (int at = 0; at < bytes.Length; )
        {
            ErrorCode error = BatchChecks.Check(bytes[at..], origin, log.Config, out BatchHeader header);
            if (error == ErrorCode.None && origin == AppendOrigin.Replication && header.BaseOffset < log.NextOffset)
            {
                error = ErrorCode.OffsetOutOfRange;
            }
            if (error != ErrorCode.None)
            {
                string why = BatchChecks.Explain(error, bytes[at..], origin, log.Config);
                return AppendResult.Failed(error, why, null, log.LogStartOffset);
            }
            at += header.TotalBytes;
        }
        AppendResult first = default;
        AppendResult last = default;
        for (int at = 0; at < bytes.Length; )
        {
            BatchHeader.TryRead(bytes[at..], out BatchHeader header);
            BatchSource part = PartOf(source, at, header.TotalBytes);
            last = AppendOne(part, bytes.Slice(at, header.TotalBytes), header, origin, nowMillis);
            if (!last.IsOk)
            {
                return last;
            }
            first = at == 0 ? last : first;
            at += header.TotalBytes;
        }
        return bytes.IsEmpty
            ? AppendResult.Failed(ErrorCode.InvalidRecord, "there is no batch")
            : first with
            {
                LastOffset = last.LastOffset,
            };
    }

    [HotPath]
    private AppendResult AppendOne(
        in BatchSource source,
        Span<byte> bytes,
        in BatchHeader header,
        AppendOrigin origin,
        long nowMillis
    )
    {
        int coordinatorEpoch = -1;
        bool isAbort = false;
        bool isMarker = header.IsControl && header.HasProducer;
        if (header.HasProducer)
        {
            ErrorCode error = log.Producers.Check(header, origin, out ProducerBatch duplicate, out bool isDuplicate);
            if (isDuplicate)
            {
                return Duplicate(duplicate);
            }
            if (error == ErrorCode.None && header.IsTransactional && IsUnverified(header, origin))
            {
                error = ErrorCode.InvalidTxnState;
            }
            if (error == ErrorCode.None && isMarker)
            {
                error = CheckMarkerSlow(bytes, header, out coordinatorEpoch, out isAbort);
            }
            if (error != ErrorCode.None)
            {
                return ProducerRefusedSlow(error, header);
            }
        }
        long baseOffset = origin == AppendOrigin.Replication ? header.BaseOffset : log.NextOffset;
        long lastOffset = baseOffset + header.LastOffsetDelta;
        bool stampsTime =
            log.Config.MessageTimestampType == MessageTimestampType.LogAppendTime
            && origin is AppendOrigin.Client or AppendOrigin.Coordinator;
        long timestamp = stampsTime ? nowMillis : header.MaxTimestamp;
        if (log.Moves.IsHeld && !CanWaitSlow(source))
        {
            return FailedSlow(ErrorCode.KafkaStorageError);
        }
        if (!roller.MakeRoom(header.TotalBytes, baseOffset, lastOffset, timestamp, nowMillis))
        {
            if (header.HasProducer && !isMarker)
            {
                log.Producers.Await(header);
            }
            return FailedSlow(ErrorCode.KafkaStorageError);
        }
        if (origin != AppendOrigin.Replication)
        {
            RecordBatchPatch.SetBaseOffset(bytes, baseOffset);
            RecordBatchPatch.SetPartitionLeaderEpoch(bytes, log.LeaderEpoch);
            if (stampsTime)
            {
                RecordBatchPatch.SetMaxTimestamp(bytes, TimestampType.LogAppendTime, nowMillis);
            }
        }
        BatchHeader.TryRead(bytes, out BatchHeader stamped);
        if (stamped.LeaderEpoch > log.Epochs.LatestEpoch)
        {
            log.Epochs.Assign(stamped.LeaderEpoch, baseOffset);
        }
        Enqueue(source, bytes, stamped, isMarker, isAbort, coordinatorEpoch);
        return Accepted(baseOffset, lastOffset, stampsTime ? nowMillis : -1);
    }

    /// <summary>A record must not open a transaction that its coordinator does not know: nobody would end it.</summary>
    [HotPath]
    private bool IsUnverified(in BatchHeader header, AppendOrigin origin) =>
        log.Config.VerifiesTransactions
        && origin is AppendOrigin.Client or AppendOrigin.Coordinator
        && !header.IsControl
        && !log.Producers.IsInTransaction(header.ProducerId, header.ProducerEpoch);

    [HotPath]
    private void Enqueue(
        in BatchSource source,
        Span<byte> bytes,
        in BatchHeader header,
        bool isMarker,
        bool isAbort,
        int coordinatorEpoch
    )
    {
        ref QueuedBatch queued = ref log.Queue.Add(header.TotalBytes);
        queued.BaseOffset = header.BaseOffset;
        queued.LastOffset = header.LastOffset;
        queued.MaxTimestamp = header.MaxTimestamp;
        queued.Bytes = header.TotalBytes;
        queued.HasProducer = header.HasProducer;
        queued.IsAbort = false;
        if (isMarker)
        {
            bool ended = log.Producers.ApplyMarker(header, coordinatorEpoch, ref queued.Undo, out queued.Aborted);
            queued.IsAbort = ended && isAbort;
        }
        else if (header.HasProducer)
        {
            log.Producers.Apply(header, ref queued.Undo);
        }
        bool writeNow = !Keep(source, bytes, ref queued);
        log.NextOffset = header.LastOffset + 1;
        log.MarkAtTurnEnd();
        if (writeNow)
        {
            log.WriteQueued();
        }
    }

    /// <summary>Sees to it that the bytes stay until the write. False: no memory for a copy; write before returning.</summary>
    [HotPath]
    private unsafe bool Keep(in BatchSource source, Span<byte> bytes, ref QueuedBatch queued)
    {
        queued.Address = source.Address;
        queued.Owner = default;
        if (source.IsHeldByCaller)
        {
            return true;
        }
        BufferPool buffers = log.Core.Buffers;
        if (!source.Owner.IsNone)
        {
            queued.Owner = buffers.Retain(source.Owner);
            return true;
        }
        if (!buffers.TryRent(bytes.Length, out BufferHandle copy))
        {
            return false;
        }
        bytes.CopyTo(buffers.Span(copy));
        queued.Owner = copy;
        // SAFETY: the buffer is rented by this queue until Release, after the write.
        queued.Address = (nint)buffers.Pointer(copy);
        return true;
    }

    /// <summary>Nothing can be written now: false when there is no memory for a copy that waits.</summary>
    private bool CanWaitSlow(in BatchSource source)
    {
        if (source.IsHeldByCaller || !source.Owner.IsNone)
        {
            return true;
        }
        bool hasMemory = log.Core.Buffers.TryRent(source.Length, out BufferHandle copy);
        if (hasMemory)
        {
            log.Core.Buffers.Release(ref copy);
        }
        return hasMemory;
    }

    private static BatchSource PartOf(in BatchSource source, int at, int length) =>
        source.IsHeldByCaller ? BatchSource.HeldByCaller(source.Address + at, length)
        : source.Owner.IsNone ? BatchSource.Copied(source.Address + at, length)
        : new BatchSource(source.Address + at, length, source.Owner);

    private AppendResult Accepted(long baseOffset, long lastOffset, long appendTimeMillis) =>
        new()
        {
            BaseOffset = baseOffset,
            LastOffset = lastOffset,
            AppendTimeMillis = appendTimeMillis,
            LogStartOffset = log.LogStartOffset,
        };

    private AppendResult Duplicate(in ProducerBatch batch) =>
        new()
        {
            BaseOffset = batch.FirstOffset,
            LastOffset = batch.LastOffset,
            // Also for topics with create time: Kafka answers a repetition with the time that it remembers.
            AppendTimeMillis = batch.Timestamp,
            LogStartOffset = log.LogStartOffset,
            IsDuplicate = true,
        };

    private ErrorCode CheckMarkerSlow(
        Span<byte> bytes,
        in BatchHeader header,
        out int coordinatorEpoch,
        out bool isAbort
    )
    {
        if (!TransactionMarker.TryRead(bytes, out TransactionMarker marker))
        {
            coordinatorEpoch = -1;
            isAbort = false;
            return ErrorCode.InvalidRecord;
        }
        coordinatorEpoch = marker.CoordinatorEpoch;
        isAbort = marker.IsAbort;
        return log.Producers.CheckMarker(header, coordinatorEpoch);
    }

    private static AppendResult FailedSlow(ErrorCode error) => AppendResult.Failed(error);

    private AppendResult RefusedSlow(ErrorCode error, ReadOnlySpan<byte> bytes, short produceVersion) =>
        Refused(log.Set.Checks.Explain(error, bytes, produceVersion, log.Config, log.Name));

    private AppendResult Refused(in Refusal refusal) =>
        AppendResult.Failed(
            refusal.Error,
            refusal.Message,
            refusal.Records,
            refusal.TellsLogStart ? log.LogStartOffset : -1
        );

    private AppendResult ProducerRefusedSlow(ErrorCode error, in BatchHeader header)
    {
        log.Producers.TryFind(header.ProducerId, out ProducerEntry entry);
        string message = error switch
        {
            ErrorCode.OutOfOrderSequenceNumber =>
                $"Out of order sequence number for producer {header.ProducerId} at offset {log.NextOffset} in partition {log.Name}: {header.BaseSequence} (incoming seq. number), {entry.LastSequence} (current end sequence number)",
            ErrorCode.InvalidProducerEpoch =>
                $"Epoch of producer {header.ProducerId} at offset {log.NextOffset} in {log.Name} is {header.ProducerEpoch}, which is smaller than the last seen epoch {entry.Epoch}",
            ErrorCode.InvalidTxnState when entry.TransactionFirstOffset < 0 =>
                "Record was not part of an ongoing transaction",
            ErrorCode.InvalidTxnState =>
                $"Expected transactional write from producer {header.ProducerId} at offset {log.NextOffset} in partition {log.Name}",
            ErrorCode.TransactionCoordinatorFenced =>
                $"The coordinator epoch of the marker for producer {header.ProducerId} is older than {entry.CoordinatorEpoch}",
            _ => $"The batch of producer {header.ProducerId} is not valid",
        };
        return AppendResult.Failed(error, message, null, log.LogStartOffset);
    }

    /// <summary>The batch is stored in another form than it came: the topic has a codec of its own, or deltas are odd.</summary>
    private unsafe AppendResult AppendConvertedSlow(ReadOnlySpan<byte> bytes, long nowMillis)
    {
        ErrorCode error = log.Set.Checks.Convert(bytes, log.Config, out Span<byte> converted);
        if (error != ErrorCode.None)
        {
            return Refused(ClientBatches.ExplainConverted(error, converted.Length, log.Config, log.Name));
        }
        BatchHeader.TryRead(converted, out BatchHeader header);
        // SAFETY: pinned for the call; a source without owner is copied or written before AppendOne returns.
        fixed (byte* address = converted)
        {
            BatchSource source = BatchSource.Copied((nint)address, converted.Length);
            return AppendOne(source, converted, header, AppendOrigin.Client, nowMillis);
        }
    }

    private void FailQueueSlow(SegmentHandle? handle, Errno error)
    {
        AppendQueue queue = log.Queue;
        Segment active = log.Segments.Active;
        long firstOffset = queue.First.BaseOffset;
        queue.UndoSlow(log.Producers);
        queue.Release();
        log.NextOffset = log.LogEndOffset;
        log.Epochs.TruncateFromEnd(log.LogEndOffset + 1);
        log.Waiters.Fail(log.LogEndOffset, ErrorCode.KafkaStorageError);
        Errno cut = handle is null ? Errno.None : log.Disk.Truncate(handle.Log, active.Bytes);
        active.AllocatedBytes = active.Bytes;
        if (!error.IsPassing() || cut != Errno.None)
        {
            log.Status = LogStatus.Offline;
            log.Set.Directories.OnWriteFailure(log.LogDirectory, error.IsPassing() ? cut : error);
        }
        s_log.Error(
            log.Status == LogStatus.Offline
                ? "writing to a log failed: the partition takes no more records"
                : "writing to a log failed: its records were refused",
            ("partition", log.Name),
            ("error", error),
            ("offset", firstOffset),
            ("logEndOffset", log.LogEndOffset)
        );
    }
}

/// <summary>The content of a COMMIT or ABORT marker.</summary>
internal readonly record struct TransactionMarker(bool IsAbort, int CoordinatorEpoch)
{
    /// <summary>False: the control batch is of another kind, or not one of Kafka's.</summary>
    public static bool TryRead(ReadOnlySpan<byte> batch, out TransactionMarker marker)
    {
        marker = default;
        if (!RecordBatchView.TryRead(batch, out RecordBatchView view) || !view.IsControl || view.IsCompressed)
        {
            return false;
        }
        RecordEnumerator records = view.Records();
        if (!records.MoveNext())
        {
            return false;
        }
        ReadOnlySpan<byte> key = records.Current.Key.Span;
        ReadOnlySpan<byte> value = records.Current.Value.Span;
        if (key.Length < 4 || value.Length < 6)
        {
            return false;
        }
        short type = BinaryPrimitives.ReadInt16BigEndian(key[2..]);
        marker = new TransactionMarker(type == 0, BinaryPrimitives.ReadInt32BigEndian(value[2..]));
        return type is 0 or 1;
    }
}
