using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// The segment that a pass writes, under names that end in <c>.cleaned</c>: the log through a buffer, the indexes from
/// memory at the end, all of it synced. Its descriptors stay open, for the log that will own it.
/// </summary>
/// <remarks>Owner: the pass, on one helper thread at a time, until <see cref="ToSegment"/>.</remarks>
internal sealed class CleanedSegment : IDisposable
{
    private readonly Disk _disk;
    private readonly LogConfig _config;
    private readonly byte[] _buffer;
    private readonly IndexBytes _offsets = new();
    private readonly IndexBytes _times = new();
    private readonly List<AbortedEntry> _aborted = [];
    private int _buffered;
    private int _bytesSinceIndexEntry;
    private long _maxTimestamp = -1;
    private long _maxTimestampOffset = -1;
    private long _lastIndexedTimestamp = -1;
    private long _firstTimestamp = -1;
    private Fd _log;
    private Fd _offsetIndex = Fd.None;
    private Fd _timeIndex = Fd.None;

    public CleanedSegment(Disk disk, string directory, long baseOffset, LogConfig config, int bufferBytes)
    {
        _disk = disk;
        _config = config;
        _buffer = new byte[Math.Clamp(bufferBytes, 4096, 64 * 1024 * 1024)];
        Directory = directory;
        BaseOffset = baseOffset;
        EndOffset = baseOffset;
        Delete();
        Create(LogFileNames.LogSuffix, out _log);
    }

    public string Directory { get; }

    public long BaseOffset { get; }

    /// <summary>After the last batch; the base offset without one.</summary>
    public long EndOffset { get; private set; }

    public int Bytes { get; private set; }

    public void Append(ReadOnlySpan<byte> batch)
    {
        bool isBatch = BatchHeader.TryRead(batch, out BatchHeader header);
        Invariant.That(isBatch && header.TotalBytes == batch.Length && header.BaseOffset >= EndOffset);
        if (Bytes > int.MaxValue - batch.Length)
        {
            throw new CleaningException(
                CleaningEnd.Uncleanable,
                $"the cleaned segment {BaseOffset} in {Directory} would be larger than a segment may be",
                "lower segment.bytes of the topic, then restart the broker"
            );
        }
        // An empty batch has the time of records that are gone; nobody can find them by it.
        AddToIndexes(header, header.RecordCount == 0 ? -1 : header.MaxTimestamp);
        EndOffset = header.NextOffset;
        if (batch.Length > _buffer.Length - _buffered)
        {
            Flush();
        }
        if (batch.Length > _buffer.Length)
        {
            Write(_log, batch, Bytes, LogFileNames.LogSuffix);
        }
        else
        {
            batch.CopyTo(_buffer.AsSpan(_buffered));
            _buffered += batch.Length;
        }
        Bytes += batch.Length;
        _bytesSinceIndexEntry += batch.Length;
    }

    /// <summary>An aborted transaction whose marker stays in this segment.</summary>
    public void AddAborted(in AbortedEntry entry) => _aborted.Add(entry);

    /// <summary>
    /// Writes what is missing and puts all files on the disk; their names are not yet. The log is as old as its newest
    /// source: where its records have no timestamps, nothing else says how long they are to be kept.
    /// </summary>
    public void Finish(long modifiedMillis)
    {
        Flush();
        CleaningException.Check(
            _disk.SetModified(_log, modifiedMillis),
            "cannot set the time of",
            PathOf(LogFileNames.LogSuffix) + LogFileNames.CleanedSuffix
        );
        if (_maxTimestamp > _lastIndexedTimestamp)
        {
            _times.Add(_maxTimestamp, Relative(_maxTimestampOffset));
        }
        Sync(_log, LogFileNames.LogSuffix);
        _offsetIndex = WriteFile(LogFileNames.OffsetIndexSuffix, _offsets.Bytes);
        _timeIndex = WriteFile(LogFileNames.TimeIndexSuffix, _times.Bytes);
        if (_aborted.Count > 0)
        {
            byte[] entries = TransactionIndex.ToBytes(_aborted.ToArray());
            _disk.Close(WriteFile(LogFileNames.TransactionIndexSuffix, entries));
        }
    }

    /// <summary>The segment as a log knows it, with its descriptors, which are the log's from now on.</summary>
    public (Segment Segment, Fd Log, Fd OffsetIndex, Fd TimeIndex) ToSegment(long endOffset, long modifiedMillis)
    {
        Segment segment = new(Directory, BaseOffset, modifiedMillis)
        {
            IsSynced = true,
            IsEntrySynced = true,
            SyncedOffset = endOffset,
            SyncedBytes = Bytes,
            FirstTimestamp = _firstTimestamp,
        };
        segment.SetBytes(Bytes);
        segment.SetMaxTimestamp(_maxTimestamp, _maxTimestampOffset);
        bool opened =
            segment.OffsetIndex.TryOpen(_offsets.Bytes.Length, Bytes, _disk, _offsetIndex)
            && segment.TimeIndex.TryOpen(_times.Bytes.Length, _disk, _timeIndex);
        Invariant.That(opened);
        segment.Transactions.Take([.. _aborted]);
        (Segment, Fd, Fd, Fd) made = (segment, _log, _offsetIndex, _timeIndex);
        _log = _offsetIndex = _timeIndex = Fd.None;
        return made;
    }

    /// <summary>Takes the files away, under whichever of their first names they are.</summary>
    public void Delete()
    {
        // The log comes last: without it an index would be taken for a finished one at the next start.
        for (int i = SegmentSwap.Suffixes.Length - 1; i >= 0; i--)
        {
            string path = PathOf(SegmentSwap.Suffixes[i]);
            _disk.Delete(path + LogFileNames.SwapSuffix);
            _disk.Delete(path + LogFileNames.CleanedSuffix);
        }
    }

    public void Dispose()
    {
        Close(ref _log);
        Close(ref _offsetIndex);
        Close(ref _timeIndex);
    }

    private void AddToIndexes(in BatchHeader header, long maxTimestamp)
    {
        if (maxTimestamp > _maxTimestamp)
        {
            _maxTimestamp = maxTimestamp;
            _maxTimestampOffset = header.LastOffset;
        }
        if (Bytes == 0)
        {
            _firstTimestamp = maxTimestamp;
        }
        if (_bytesSinceIndexEntry <= _config.IndexIntervalBytes)
        {
            return;
        }
        _bytesSinceIndexEntry = 0;
        _offsets.Add(Relative(header.LastOffset), Bytes);
        if (_maxTimestamp > _lastIndexedTimestamp)
        {
            _times.Add(_maxTimestamp, Relative(_maxTimestampOffset));
            _lastIndexedTimestamp = _maxTimestamp;
        }
    }

    private int Relative(long offset) => checked((int)(offset - BaseOffset));

    private void Flush()
    {
        if (_buffered > 0)
        {
            Write(_log, _buffer.AsSpan(0, _buffered), Bytes - _buffered, LogFileNames.LogSuffix);
            _buffered = 0;
        }
    }

    private Fd WriteFile(string suffix, ReadOnlySpan<byte> bytes)
    {
        Create(suffix, out Fd file);
        try
        {
            Write(file, bytes, 0, suffix);
            Sync(file, suffix);
            return file;
        }
        catch
        {
            _disk.Close(file);
            throw;
        }
    }

    private void Create(string suffix, out Fd file) =>
        CleaningException.Check(
            _disk.Open(PathOf(suffix) + LogFileNames.CleanedSuffix, DiskOpen.CreateNew, out file),
            "cannot make",
            PathOf(suffix) + LogFileNames.CleanedSuffix
        );

    private void Write(Fd file, ReadOnlySpan<byte> bytes, long position, string suffix)
    {
        long written = bytes.IsEmpty ? 0 : _disk.Write(file, bytes, position);
        CleaningException.Check(
            written < 0 ? (Errno)(-written) : Errno.None,
            "cannot write",
            PathOf(suffix) + LogFileNames.CleanedSuffix
        );
    }

    private void Sync(Fd file, string suffix) =>
        CleaningException.CheckSync(_disk.Sync(file, dataOnly: false), PathOf(suffix) + LogFileNames.CleanedSuffix);

    private string PathOf(string suffix) => LogFileNames.Segment(Directory, BaseOffset, suffix);

    private void Close(ref Fd file)
    {
        if (file.IsOpen)
        {
            _disk.Close(file);
            file = Fd.None;
        }
    }

    /// <summary>The entries of an index: at most a few megabytes, written once.</summary>
    private sealed class IndexBytes
    {
        private byte[] _bytes = new byte[4096];
        private int _count;

        public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, _count);

        public void Add(int relativeOffset, int position)
        {
            BinaryPrimitives.WriteInt32BigEndian(Next(OffsetIndex.EntryBytes), relativeOffset);
            BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(_count - 4), position);
        }

        public void Add(long timestamp, int relativeOffset)
        {
            BinaryPrimitives.WriteInt64BigEndian(Next(TimeIndex.EntryBytes), timestamp);
            BinaryPrimitives.WriteInt32BigEndian(_bytes.AsSpan(_count - 4), relativeOffset);
        }

        private Span<byte> Next(int bytes)
        {
            if (_bytes.Length - _count < bytes)
            {
                Array.Resize(ref _bytes, _bytes.Length * 2);
            }
            _count += bytes;
            return _bytes.AsSpan(_count - bytes, bytes);
        }
    }
}
