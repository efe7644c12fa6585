using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Inspection;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Reading;

/// <summary>
/// From a time to a record, exactly: the time index gives the batch to begin with, the batch's records decide. Control
/// plane: reads and decompresses one batch or a few on the log's core.
/// </summary>
internal readonly struct TimestampLookup(PartitionLog log)
{
    public TimestampOffset FirstAtOrAfter(long timestamp)
    {
        if (!log.IsReadable)
        {
            return new TimestampOffset(ErrorCode.NotLeaderOrFollower, -1, -1, -1);
        }
        for (int i = 0; i < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            if (segment.MaxTimestamp < timestamp || segment.Bytes == 0)
            {
                continue;
            }
            TimestampOffset found = Search(segment, timestamp, isMax: false);
            if (found.Error != ErrorCode.None || found.Offset >= 0)
            {
                return found;
            }
        }
        return TimestampOffset.NotFound;
    }

    public TimestampOffset Largest()
    {
        if (!log.IsReadable)
        {
            return new TimestampOffset(ErrorCode.NotLeaderOrFollower, -1, -1, -1);
        }
        Segment? newest = null;
        for (int i = 0; i < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            bool isReadable = segment.MaxTimestampOffset >= log.LogStartOffset;
            if (isReadable && segment.MaxTimestamp > (newest?.MaxTimestamp ?? -1))
            {
                newest = segment;
            }
        }
        return newest is null ? TimestampOffset.NotFound : Search(newest, newest.MaxTimestamp, isMax: true);
    }

    private TimestampOffset Search(Segment segment, long timestamp, bool isMax)
    {
        SegmentHandle? handle = log.Set.Open.Get(segment, out Errno error);
        if (handle is null)
        {
            return Failed(error);
        }
        OpenSegments open = log.Set.Open;
        long from = isMax
            ? segment.MaxTimestampOffset
            : segment.TimeIndex.Lookup(timestamp, log.Disk, open.TimeIndexOf(handle));
        from = Math.Max(from, log.LogStartOffset);
        int position = segment.OffsetIndex.Lookup(from, log.Disk, open.OffsetIndexOf(handle));
        SegmentScanner batches = new(log.Disk, handle.Log, position, segment.Bytes, wholeBatches: false);
        while (batches.MoveNext())
        {
            if (batches.Header.MaxTimestamp < timestamp || batches.Header.LastOffset < log.LogStartOffset)
            {
                continue;
            }
            TimestampOffset found = SearchBatch(batches, timestamp);
            if (found.Error != ErrorCode.None || found.Offset >= 0)
            {
                return found;
            }
        }
        return batches.Error < 0 ? Failed((Errno)(-batches.Error)) : TimestampOffset.NotFound;
    }

    private TimestampOffset SearchBatch(SegmentScanner batches, long timestamp)
    {
        BatchHeader header = batches.Header;
        if (header.Magic < 2)
        {
            return SearchLegacy(batches.Batch(), timestamp);
        }
        if (!BatchRecords.TryOpen(batches.Batch(), out RecordBatchView view, out byte[]? plain))
        {
            return new TimestampOffset(ErrorCode.CorruptMessage, -1, -1, -1);
        }
        RecordEnumerator records = BatchRecords.Walk(view, plain);
        while (records.MoveNext())
        {
            long time = view.TimestampOf(records.Current);
            long offset = view.BaseOffset + records.Current.OffsetDelta;
            if (time >= timestamp && offset >= log.LogStartOffset)
            {
                return new TimestampOffset(ErrorCode.None, offset, time, header.LeaderEpoch);
            }
        }
        return TimestampOffset.NotFound;
    }

    /// <summary>A single message, or those inside a compressed wrapper, whose own offset and time are its last and latest.</summary>
    private TimestampOffset SearchLegacy(ReadOnlySpan<byte> bytes, long timestamp)
    {
        using BatchContent content = new();
        if (!LegacyMessageView.TryRead(bytes, out LegacyMessageView message))
        {
            return new TimestampOffset(ErrorCode.CorruptMessage, -1, -1, -1);
        }
        if (message.Codec == CompressionCodec.None)
        {
            return new TimestampOffset(ErrorCode.None, message.Offset, message.Timestamp, -1);
        }
        if (!content.TryOpen(message, out ReadOnlySpan<byte> plain, out _))
        {
            return new TimestampOffset(ErrorCode.CorruptMessage, -1, -1, -1);
        }
        LegacyMessageEnumerator inner = new(plain, message);
        while (inner.MoveNext())
        {
            long time =
                message.TimestampType == TimestampType.LogAppendTime ? message.Timestamp : inner.Current.Timestamp;
            if (time >= timestamp && inner.Offset >= log.LogStartOffset)
            {
                return new TimestampOffset(ErrorCode.None, inner.Offset, time, -1);
            }
        }
        return TimestampOffset.NotFound;
    }

    private TimestampOffset Failed(Errno error)
    {
        Log.For("storage").Error("reading a log failed", ("partition", log.Name), ("error", error));
        return new TimestampOffset(ErrorCode.KafkaStorageError, -1, -1, -1);
    }
}
