using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Indexes;

namespace Aot.Broker.Storage.Segments;

/// <summary>
/// One <c>.log</c> file with its indexes: the batches from <see cref="BaseOffset"/> up to the next segment's base
/// offset. Holds numbers only; descriptors are with <see cref="OpenSegments"/>, paths are made when needed.
/// </summary>
/// <remarks>
/// Owner: the log's core (before the log is open, the job that loads it). <see cref="Bytes"/> counts what was written;
/// batches that are queued are not in it. Everything below <see cref="Bytes"/> is whole batches.
/// </remarks>
internal sealed class Segment
{
    /// <summary>As <see cref="FirstTimestamp"/>: there may be one, which nobody has read since the start.</summary>
    public const long NotRead = -2;

    private int _bytesSinceIndexEntry;

    // Of the segment that is appended to, so that writing its index entries makes no strings.
    private string? _offsetIndexPath;
    private string? _timeIndexPath;

    public Segment(string directory, long baseOffset, long createdMillis)
        : this(
            directory,
            baseOffset,
            createdMillis,
            new OffsetIndex(baseOffset),
            new TimeIndex(baseOffset),
            new TransactionIndex(directory, baseOffset)
        )
    {
        SyncedOffset = baseOffset;
    }

    private Segment(
        string directory,
        long baseOffset,
        long createdMillis,
        OffsetIndex offsets,
        TimeIndex times,
        TransactionIndex transactions
    )
    {
        Directory = directory;
        BaseOffset = baseOffset;
        CreatedMillis = createdMillis;
        ModifiedMillis = createdMillis;
        OffsetIndex = offsets;
        TimeIndex = times;
        Transactions = transactions;
    }

    public string Directory { get; }

    public long BaseOffset { get; }

    public int Bytes { get; private set; }

    public OffsetIndex OffsetIndex { get; }

    public TimeIndex TimeIndex { get; }

    public TransactionIndex Transactions { get; }

    /// <summary>The descriptors while it is open.</summary>
    public SegmentHandle? Handle { get; set; }

    /// <summary>-1 while there is none.</summary>
    public long MaxTimestamp { get; private set; } = -1;

    /// <summary>Last offset of the batch that holds <see cref="MaxTimestamp"/>.</summary>
    public long MaxTimestampOffset { get; private set; } = -1;

    /// <summary>
    /// Largest timestamp of the first batch, from which the age of the segment counts; -1 without one,
    /// <see cref="NotRead"/> for a sealed segment of an earlier process.
    /// </summary>
    public long FirstTimestamp { get; set; } = -1;

    /// <summary>When the file was made, or found by this process: a segment without timestamps is rolled by it.</summary>
    public long CreatedMillis { get; }

    /// <summary>When the file was last written to, where batches have no timestamps; else any time since.</summary>
    public long ModifiedMillis { get; set; }

    /// <summary>All batches below this offset are on the disk, as far as this segment goes.</summary>
    public long SyncedOffset { get; set; }

    /// <summary>Bytes of the file that the newest sync covered.</summary>
    public int SyncedBytes { get; set; }

    /// <summary>Sealed, and its job has written and synced all of its files.</summary>
    public bool IsSynced { get; set; }

    /// <summary>The directory entry of the file is on the disk.</summary>
    public bool IsEntrySynced { get; set; }

    /// <summary>Space up to here is reserved.</summary>
    public long AllocatedBytes { get; set; }

    /// <summary>Bytes for which write-back was started.</summary>
    public long WritebackBytes { get; set; }

    /// <summary>Bytes whose write-back was waited for.</summary>
    public long CleanBytes { get; set; }

    /// <summary>The names of its files are taken away (deleted or replaced); nothing opens it any more.</summary>
    public bool IsGone { get; set; }

    public string PathOf(string suffix) => LogFileNames.Segment(Directory, BaseOffset, suffix);

    /// <summary>What a file of this length holds is known to be whole batches.</summary>
    public void SetBytes(int bytes)
    {
        Bytes = bytes;
        WritebackBytes = bytes;
        CleanBytes = bytes;
        AllocatedBytes = bytes;
    }

    public void SetMaxTimestamp(long timestamp, long offset)
    {
        MaxTimestamp = timestamp;
        MaxTimestampOffset = offset;
    }

    /// <summary>
    /// A batch was written at the end of the file: counts it and, when enough bytes came since the last entry, puts it
    /// into the indexes. False, and nothing done: a tail is full; write it with <see cref="WriteIndexTails"/> and call again.
    /// </summary>
    [HotPath]
    public bool TryAdd(long lastOffset, long maxTimestamp, int bytes, int indexIntervalBytes)
    {
        if (_bytesSinceIndexEntry > indexIntervalBytes)
        {
            if (OffsetIndex.File.IsTailFull || TimeIndex.File.IsTailFull)
            {
                return false;
            }
        }
        if (maxTimestamp > MaxTimestamp)
        {
            MaxTimestamp = maxTimestamp;
            MaxTimestampOffset = lastOffset;
        }
        if (Bytes == 0)
        {
            FirstTimestamp = maxTimestamp;
        }
        if (_bytesSinceIndexEntry > indexIntervalBytes)
        {
            OffsetIndex.TryAppend(lastOffset, Bytes);
            TimeIndex.TryAppend(MaxTimestamp, MaxTimestampOffset);
            _bytesSinceIndexEntry = 0;
        }
        Bytes += bytes;
        _bytesSinceIndexEntry += bytes;
        return true;
    }

    /// <summary>The entry that closes a segment's time index: its largest timestamp.</summary>
    public void AddLastTimestamp(Disk disk)
    {
        if (MaxTimestamp >= 0 && !TimeIndex.TryAppend(MaxTimestamp, MaxTimestampOffset))
        {
            WriteTail(TimeIndex.File, TimeIndexPath, disk, sync: false);
            TimeIndex.TryAppend(MaxTimestamp, MaxTimestampOffset);
        }
    }

    /// <summary>After an error of <see cref="WriteIndexTails"/>: an index may be sparse, a lookup then walks further.</summary>
    public void DropIndexTails()
    {
        OffsetIndex.File.TruncateTo(OffsetIndex.File.Written);
        TimeIndex.File.TruncateTo(TimeIndex.File.Written);
    }

    /// <summary>Writes the entries that are only in memory. With <paramref name="sync"/> both files exist afterwards.</summary>
    public Errno WriteIndexTails(Disk disk, bool sync)
    {
        Errno offsets =
            sync || OffsetIndex.File.HasTail ? WriteTail(OffsetIndex.File, OffsetIndexPath, disk, sync) : Errno.None;
        Errno times =
            sync || TimeIndex.File.HasTail ? WriteTail(TimeIndex.File, TimeIndexPath, disk, sync) : Errno.None;
        return offsets != Errno.None ? offsets : times;
    }

    /// <summary>Whether a batch fits: size, and offset distance (both are 32-bit numbers in the index).</summary>
    public bool HasRoomFor(long queuedBytes, int bytes, long lastOffset, LogConfig config) =>
        Bytes + queuedBytes + bytes <= config.SegmentBytes
        && lastOffset - BaseOffset <= int.MaxValue
        && OffsetIndex.Count < config.OffsetIndexEntriesMax
        && TimeIndex.Count < config.TimeIndexEntriesMax - 1;

    /// <summary>Its age is over: measured by its first batch where that has a time, else since it was made.</summary>
    public bool IsExpired(long batchTimestamp, long nowMillis, LogConfig config)
    {
        long waited = FirstTimestamp >= 0 ? batchTimestamp - FirstTimestamp : nowMillis - CreatedMillis;
        return waited > config.SegmentMsMax - config.SegmentJitterMs;
    }

    /// <summary>What retention compares with: the newest record's time, or the file's own where records have none.</summary>
    public long RetentionTimestamp => MaxTimestamp >= 0 ? MaxTimestamp : ModifiedMillis;

    /// <summary>
    /// The same segment, whose files were copied to another directory and synced there. It takes the entries of the indexes
    /// over, those that are only in memory as well: this object is not used any more.
    /// </summary>
    public Segment CopiedTo(string directory, long endOffset, bool isSealed)
    {
        Segment copy = new(
            directory,
            BaseOffset,
            CreatedMillis,
            OffsetIndex,
            TimeIndex,
            Transactions.InDirectory(directory)
        )
        {
            FirstTimestamp = FirstTimestamp,
            ModifiedMillis = ModifiedMillis,
            SyncedOffset = endOffset,
            SyncedBytes = Bytes,
            IsSynced = isSealed,
            IsEntrySynced = true,
            _bytesSinceIndexEntry = _bytesSinceIndexEntry,
        };
        copy.SetBytes(Bytes);
        copy.SetMaxTimestamp(MaxTimestamp, MaxTimestampOffset);
        return copy;
    }

    /// <summary>The log was cut at a batch boundary of this segment.</summary>
    public void Cut(int bytes)
    {
        Invariant.That(bytes <= Bytes);
        SetBytes(bytes);
        _bytesSinceIndexEntry = 0;
    }

    public void ReleaseMemory()
    {
        _offsetIndexPath = null;
        _timeIndexPath = null;
        OffsetIndex.File.ReleaseMemory();
        TimeIndex.File.ReleaseMemory();
        Transactions.ReleaseMemory();
    }

    private string OffsetIndexPath => _offsetIndexPath ??= PathOf(LogFileNames.OffsetIndexSuffix);

    private string TimeIndexPath => _timeIndexPath ??= PathOf(LogFileNames.TimeIndexSuffix);

    private static Errno WriteTail(IndexFile index, string path, Disk disk, bool sync)
    {
        Errno error = disk.Open(path, DiskOpen.OpenOrCreate, out Fd file);
        if (error != Errno.None)
        {
            return error;
        }
        long written = index.HasTail ? disk.Write(file, index.Tail, index.TailPosition) : 0;
        error = written < 0 ? (Errno)(-written) : Errno.None;
        if (error == Errno.None)
        {
            index.TailWritten();
        }
        if (error == Errno.None && sync)
        {
            error = disk.Sync(file, dataOnly: false);
        }
        disk.Close(file);
        return error;
    }
}
