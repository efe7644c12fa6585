using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Reading;

/// <summary>
/// From an offset to bytes of a file: segment, index, headers. A reader near the end finds its place in the tail map
/// without a system call; any other costs an index lookup and one or two small reads of the page cache.
/// </summary>
/// <remarks>Owner: the log's core. Reads only what is written; batches in the queue do not exist here.</remarks>
internal sealed class LogReader(PartitionLog log)
{
    /// <summary>What a walk from an index entry to the batch reads at most, as a rule; more of it waits for the disk.</summary>
    private const int WalkBytes = 16 * 1024;

    /// <summary>A batch found in a file.</summary>
    private struct Place
    {
        public int SegmentIndex;
        public SegmentHandle? Handle;
        public int Position;
        public int Bytes;
        public long BaseOffset;
        public bool IsInTail;

        /// <summary>Bytes that are to be read ahead before the place can be known; none when the length is 0.</summary>
        public Fd ColdFile;
        public int ColdPosition;
        public int ColdLength;
    }

    [HotPath]
    public ErrorCode Read(
        long offset,
        int bytesMax,
        ReadIsolation isolation,
        bool atLeastOneBatch,
        bool mayDefer,
        out LogSlice slice
    )
    {
        slice = default;
        slice.File = Fd.None;
        slice.HighWatermark = log.HighWatermark;
        slice.LastStableOffset = log.LastStableOffset;
        slice.LogStartOffset = log.LogStartOffset;
        slice.FirstOffset = -1;
        slice.UpperBoundOffset = offset;
        if (!log.IsReadable)
        {
            return ErrorCode.NotLeaderOrFollower;
        }
        if (offset < log.LogStartOffset || offset > log.LogEndOffset)
        {
            return ErrorCode.OffsetOutOfRange;
        }
        long limit = LimitOf(isolation);
        if (offset >= limit)
        {
            return ErrorCode.None;
        }
        Place first = default;
        Errno error = Find(offset, ref first, mayDefer);
        if (error != Errno.None)
        {
            return ReadFailedSlow(log, error);
        }
        if (first.ColdLength > 0)
        {
            DeferSlow(first, ref slice);
            return ErrorCode.None;
        }
        if (first.Handle is null || first.BaseOffset >= limit)
        {
            return ErrorCode.None;
        }
        int available = EndPosition(first, limit) - first.Position;
        slice.IsOversized = first.Bytes > bytesMax;
        int length = Math.Min(available, slice.IsOversized ? first.Bytes : bytesMax);
        if (length <= 0 || (slice.IsOversized && !atLeastOneBatch))
        {
            slice.IsOversized = false;
            return ErrorCode.None;
        }
        first.Handle.Borrow();
        slice.Lease = LeaseOf(first.Handle);
        slice.File = first.Handle.Log;
        slice.Position = first.Position;
        slice.Length = length;
        slice.FirstOffset = first.BaseOffset;
        slice.IsCold = !first.IsInTail && !log.Disk.IsResident(slice.File, slice.Position, length);
        slice.UpperBoundOffset = limit;
        if (isolation == ReadIsolation.LastStableOffset)
        {
            slice.UpperBoundOffset = UpperBoundSlow(first, first.Position + length, limit);
        }
        log.HoldsMemory = true;
        log.LastUsedMillis = log.Core.NowMillis;
        return ErrorCode.None;
    }

    public void GetAbortedTransactions(long fetchOffset, long upperBound, List<AbortedTransaction> into)
    {
        for (int i = Math.Max(0, log.Segments.IndexOf(fetchOffset)); i < log.Segments.Count; i++)
        {
            if (log.Segments[i].Transactions.Collect(fetchOffset, upperBound, into, log.Disk))
            {
                return;
            }
        }
    }

    public int ReadForReplay(long offset, Span<byte> buffer)
    {
        if (!log.IsReadable || offset < log.LogStartOffset || offset >= log.LogEndOffset)
        {
            return 0;
        }
        Place first = default;
        if (Find(offset, ref first, mayDefer: false) != Errno.None || first.Handle is null)
        {
            return 0;
        }
        if (first.Bytes > buffer.Length)
        {
            return -first.Bytes;
        }
        int available = log.Segments[first.SegmentIndex].Bytes - first.Position;
        Span<byte> target = buffer[..Math.Min(buffer.Length, available)];
        long read = log.Disk.Read(first.Handle.Log, target, first.Position);
        int whole = 0;
        while (whole < read && BatchHeader.TryRead(target[whole..(int)read], out BatchHeader header))
        {
            if (whole + header.TotalBytes > read)
            {
                break;
            }
            whole += header.TotalBytes;
        }
        return whole;
    }

    [HotPath]
    private long LimitOf(ReadIsolation isolation) =>
        isolation switch
        {
            ReadIsolation.HighWatermark => log.HighWatermark,
            ReadIsolation.LastStableOffset => log.LastStableOffset,
            _ => log.LogEndOffset,
        };

    /// <summary>The first batch that ends at or after the offset. Without one the place has no handle.</summary>
    [HotPath]
    private Errno Find(long offset, ref Place place, bool mayDefer)
    {
        SegmentList segments = log.Segments;
        if (log.Tail.TryFind(offset, out place.BaseOffset, out place.Position, out place.Bytes))
        {
            place.SegmentIndex = segments.Count - 1;
            place.IsInTail = true;
            place.Handle = log.Set.Open.Get(segments.Active, out Errno openError);
            return openError;
        }
        for (int i = Math.Max(0, segments.IndexOf(offset)); i < segments.Count; i++)
        {
            SegmentHandle? handle = log.Set.Open.Get(segments[i], out Errno error);
            if (handle is null)
            {
                return error;
            }
            place.SegmentIndex = i;
            error = FindInSegment(handle, offset, ref place, mayDefer);
            if (error != Errno.None || place.Handle is not null)
            {
                return error;
            }
        }
        return Errno.None;
    }

    [HotPath]
    private Errno FindInSegment(SegmentHandle handle, long offset, ref Place place, bool mayDefer)
    {
        Segment segment = handle.Segment;
        Disk disk = log.Disk;
        Fd index = log.Set.Open.OffsetIndexOf(handle);
        bool isLookup = mayDefer && index.IsOpen;
        if (isLookup && IsCold(handle, index, 0, segment.OffsetIndex.BytesToLookUp(offset), ref place))
        {
            return Errno.None;
        }
        int position = segment.OffsetIndex.Lookup(offset, disk, index);
        if (mayDefer && IsCold(handle, handle.Log, position, Math.Min(WalkBytes, segment.Bytes - position), ref place))
        {
            return Errno.None;
        }
        HeaderPages headers = new(disk, handle.Log, stackalloc byte[HeaderPages.PageBytes], segment.Bytes);
        while (position < segment.Bytes)
        {
            Errno error = headers.Read(position, out BatchHeader header);
            if (error != Errno.None)
            {
                return error;
            }
            if (header.LastOffset >= offset)
            {
                place.Handle = handle;
                place.Position = position;
                place.Bytes = header.TotalBytes;
                place.BaseOffset = header.BaseOffset;
                return Errno.None;
            }
            position += header.TotalBytes;
        }
        return Errno.None;
    }

    [HotPath]
    private bool IsCold(SegmentHandle handle, Fd file, int position, int length, ref Place place)
    {
        if (length <= 0 || log.Disk.IsResident(file, position, length))
        {
            return false;
        }
        place.Handle = handle;
        place.ColdFile = file;
        place.ColdPosition = position;
        place.ColdLength = length;
        return true;
    }

    private static void DeferSlow(in Place place, ref LogSlice slice)
    {
        place.Handle!.Borrow();
        slice.Lease = LeaseOf(place.Handle);
        slice.File = place.ColdFile;
        slice.Position = place.ColdPosition;
        slice.Length = place.ColdLength;
        slice.IsLookupCold = true;
    }

    /// <summary>Where the bytes end that a reader with this limit may see of the place's segment.</summary>
    [HotPath]
    private int EndPosition(in Place first, long limit)
    {
        Segment segment = log.Segments[first.SegmentIndex];
        if (limit >= log.Segments.EndOf(first.SegmentIndex, log.LogEndOffset))
        {
            return segment.Bytes;
        }
        if (first.SegmentIndex == log.Segments.Count - 1 && log.Tail.TryFind(limit, out _, out int position, out _))
        {
            return position;
        }
        Place end = default;
        return FindInSegment(first.Handle!, limit, ref end, mayDefer: false) == Errno.None && end.Handle is not null
            ? end.Position
            : segment.Bytes;
    }

    /// <summary>An offset that no record before the position has: from the index, so that few aborted transactions are listed.</summary>
    private long UpperBoundSlow(in Place first, int endPosition, long limit)
    {
        Segment segment = log.Segments[first.SegmentIndex];
        if (endPosition < segment.Bytes)
        {
            long bound = segment.OffsetIndex.FirstOffsetFrom(
                endPosition,
                log.Disk,
                log.Set.Open.OffsetIndexOf(first.Handle!)
            );
            if (bound >= 0)
            {
                return Math.Min(limit, bound);
            }
        }
        return Math.Min(limit, log.Segments.EndOf(first.SegmentIndex, log.LogEndOffset));
    }

    private static SegmentLease LeaseOf(SegmentHandle handle) => new(handle);

    internal static ErrorCode ReadFailedSlow(PartitionLog log, Errno error)
    {
        Log.For("storage").Error("reading a log failed", ("partition", log.Name), ("error", error));
        return ErrorCode.KafkaStorageError;
    }
}
