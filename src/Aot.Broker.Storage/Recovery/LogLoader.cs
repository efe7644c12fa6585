using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// Opens the directory of a partition, or makes it. After a clean stop it looks at file lengths, the last entries of
/// the indexes and the end of the active segment. After an unclean one it scans every segment that reaches beyond the
/// recovery point, cuts the log before the first byte that is no sound batch, and rebuilds indexes, epochs and
/// producers.
/// </summary>
/// <remarks>
/// Runs on a helper thread; what it makes belongs to nobody else until it is done. A log file is only ever cut after
/// its last sound batch above the recovery point, and that is reported; later segments are then not reachable any more
/// and go, as in Kafka, but sound records among what goes are kept in side files (<see cref="DroppedEnd"/>). Errors of the disk are exceptions here, caught by the one who asked.
/// </remarks>
internal sealed class LogLoader
{
    private static readonly Logger s_log = Log.For("storage");

    private readonly Disk _disk;
    private readonly LoadRequest _request;
    private readonly LoadedLog _log;
    private DirectoryContent _content = new();
    private ProducerRecovery _producers;
    private readonly DroppedEnd _dropped;

    private LogLoader(Disk disk, LoadRequest request)
    {
        _disk = disk;
        _request = request;
        _log = new LoadedLog
        {
            Name = request.Name,
            TopicId = request.TopicId,
            Config = request.Config,
            LogDirectory = request.LogDirectory,
            Directory = request.Directory,
        };
        _producers = new ProducerRecovery(disk, request, _log, _content);
        _dropped = new DroppedEnd(disk, request, _log);
    }

    public static LoadedLog Load(Disk disk, LoadRequest request) => new LogLoader(disk, request).Run();

    private LoadedLog Run()
    {
        bool isNew = _log.IsNew = !_disk.Exists(_request.Directory);
        if (isNew)
        {
            Check(
                _request.LogDirectory.WriteWithout(_request.Name),
                "cannot write a checkpoint in",
                _request.LogDirectory.Path
            );
            Check(_disk.CreateDirectory(_request.Directory), "cannot make", _request.Directory);
        }
        _content = isNew ? new DirectoryContent() : DirectorySweep.Run(_disk, _request.Directory);
        _producers = new ProducerRecovery(_disk, _request, _log, _content);
        CheckMetadata();
        long start = isNew ? 0 : Math.Max(0, _request.LogStartOffset);
        foreach (long baseOffset in _content.Segments)
        {
            OpenSegment(baseOffset);
        }
        LoadEpochs();
        if (_log.Segments.Count > 0)
        {
            LoadContent();
        }
        if (_log.Segments.Count > 0 && _log.LogEndOffset < start)
        {
            s_log.Warn(
                "the log ends before its start: it begins anew there",
                ("partition", _request.Name),
                ("logEndOffset", _log.LogEndOffset),
                ("logStartOffset", start)
            );
            DeleteSegmentsFrom(0, keepsRecords: false);
            _log.Producers.Clear();
            _log.Epochs.Clear();
        }
        if (_log.Segments.Count == 0)
        {
            MakeFirstSegment(start);
        }
        _log.LogStartOffset = Math.Max(start, _log.Segments.First.BaseOffset);
        _log.HighWatermark = Math.Clamp(_request.HighWatermark, _log.LogStartOffset, _log.LogEndOffset);
        _log.Epochs.TruncateFromEnd(_log.LogEndOffset + 1);
        _log.Epochs.TruncateFromStart(_log.LogStartOffset);
        Report();
        return _log;
    }

    private void CheckMetadata()
    {
        string path = _request.Directory + "/" + LogFileNames.PartitionMetadata;
        if (_content.HasMetadata)
        {
            Check(_disk.ReadAllBytes(path, out byte[] bytes), "cannot read", path);
            if (PartitionMetadataText.TryRead(bytes, out KafkaUuid found))
            {
                if (!_request.TopicId.IsZero && found != _request.TopicId)
                {
                    throw new InconsistentTopicIdException(found);
                }
                _log.TopicId = found;
                return;
            }
        }
        if (!_request.TopicId.IsZero)
        {
            byte[] text = PartitionMetadataText.Write(_request.TopicId);
            Check(_log.IsNew ? WriteUnsynced(text) : _disk.WriteAllBytesAtomically(path, text), "cannot write", path);
        }
    }

    private Errno WriteUnsynced(byte[] metadata)
    {
        Errno error = _disk.Open(_log.UnsyncedMetadataPath, DiskOpen.CreateNew, out Fd file);
        if (error == Errno.None)
        {
            error = (Errno)(-Math.Min(0, _disk.Write(file, metadata, 0)));
            _disk.Close(file);
        }
        return error;
    }

    private void MakeFirstSegment(long baseOffset)
    {
        Segment segment = new(_request.Directory, baseOffset, _request.NowMillis) { IsEntrySynced = true };
        foreach (
            string suffix in (ReadOnlySpan<string>)
                [LogFileNames.LogSuffix, LogFileNames.OffsetIndexSuffix, LogFileNames.TimeIndexSuffix]
        )
        {
            Check(
                _disk.Open(segment.PathOf(suffix), DiskOpen.OpenOrCreate, out Fd file),
                "cannot make",
                segment.PathOf(suffix)
            );
            Errno error = _disk.Truncate(file, 0);
            _disk.Close(file);
            Check(error, "cannot cut", segment.PathOf(suffix));
        }
        if (!_log.IsNew)
        {
            Check(_disk.SyncDirectory(_request.Directory), "cannot sync", _request.Directory);
            Check(_disk.SyncDirectory(_request.LogDirectory.Path), "cannot sync", _request.LogDirectory.Path);
        }
        _log.Segments.Add(segment);
        _log.LogEndOffset = baseOffset;
    }

    // Opening what is there -----------------------------------------------------------------------------------------

    private void OpenSegment(long baseOffset)
    {
        Segment segment = new(_request.Directory, baseOffset, _request.NowMillis)
        {
            IsEntrySynced = true,
            FirstTimestamp = Segment.NotRead,
        };
        string path = segment.PathOf(LogFileNames.LogSuffix);
        long bytes = _disk.LengthOf(path);
        Check(
            bytes < 0 ? (Errno)(-bytes)
                : bytes > int.MaxValue ? Errno.EFBIG
                : Errno.None,
            "cannot open",
            path
        );
        segment.SetBytes((int)bytes);
        _log.Segments.Add(segment);
    }

    private void LoadContent()
    {
        long recoveryPoint = _request.IsClean ? long.MaxValue : Math.Max(0, _request.RecoveryPoint);
        int firstScanned = _request.IsClean ? _log.Segments.Count : Math.Max(0, _log.Segments.IndexOf(recoveryPoint));
        for (int i = 0; i < firstScanned; i++)
        {
            _log.Segments[i].IsSynced = i + 1 < _log.Segments.Count;
            OpenIndexes(i);
            SetTimestamps(_log.Segments[i]);
        }
        _log.LogEndOffset = firstScanned == _log.Segments.Count ? EndOf(_log.Segments.Active) : -1;
        long scanFrom =
            firstScanned == _log.Segments.Count ? _log.LogEndOffset : _log.Segments[firstScanned].BaseOffset;
        _producers.Load(scanFrom);
        ScanFrom(firstScanned, recoveryPoint);
        for (int i = 0; i < _log.Segments.Count; i++)
        {
            Segment segment = _log.Segments[i];
            long end = _log.Segments.EndOf(i, _log.LogEndOffset);
            long syncedTo = _request.IsTruncated ? _request.RecoveryPoint : recoveryPoint;
            segment.SyncedOffset = Math.Clamp(syncedTo, segment.BaseOffset, end);
            segment.IsSynced = i + 1 < _log.Segments.Count && end <= syncedTo;
            segment.IsEntrySynced = _request.IsClean || segment.IsSynced;
            SetModified(segment);
        }
        if (_request.Config.IsSyncedBeforeAnswer && !_request.IsClean)
        {
            SyncScanned();
        }
    }

    /// <summary>
    /// Where answers wait for a sync, all that was recovered is on the disk before anybody reads it: the high watermark is
    /// then at the end at once, and what a reader sees cannot be lost by another crash.
    /// </summary>
    private void SyncScanned()
    {
        for (int i = 0; i < _log.Segments.Count; i++)
        {
            Segment segment = _log.Segments[i];
            long end = _log.Segments.EndOf(i, _log.LogEndOffset);
            if (segment.SyncedOffset >= end)
            {
                continue;
            }
            string path = segment.PathOf(LogFileNames.LogSuffix);
            Check(_disk.Open(path, DiskOpen.ReadWrite, out Fd file), "cannot open", path);
            Errno error = _disk.Sync(file, dataOnly: false);
            _disk.Close(file);
            CheckSync(error, path);
            segment.SyncedOffset = end;
            segment.SyncedBytes = segment.Bytes;
        }
        CheckSync(_disk.SyncDirectory(_request.Directory), _request.Directory);
        for (int i = 0; i < _log.Segments.Count; i++)
        {
            _log.Segments[i].IsEntrySynced = true;
        }
    }

    private static void CheckSync(Errno error, string path) => LogLoadException.Check(error, "cannot sync", path);

    /// <summary>The indexes of a segment that is not scanned; those that are missing or not its own are made anew.</summary>
    private void OpenIndexes(int number)
    {
        Segment segment = _log.Segments[number];
        if (!IndexCheck.TryOpen(_disk, segment, _content))
        {
            Scan(segment, verifyFrom: long.MaxValue, producersFrom: long.MaxValue);
            _log.RebuiltIndexes++;
        }
        long end = _log.Segments.EndOf(number, long.MaxValue);
        if (!IndexCheck.TryOpenTransactions(_disk, segment, _content, end))
        {
            _producers.RebuildTransactions(segment);
            _log.RebuiltIndexes++;
        }
    }

    /// <summary>
    /// Unclean: each segment from the recovery point on, until one has a bad byte, or has lost its end: a power loss may
    /// leave a file short at the end of a batch, or empty, while the next segment's file is there. A gap of offsets alone
    /// says nothing of that, since compaction leaves gaps, too, in a topic that may have another policy by now.
    /// </summary>
    private void ScanFrom(int first, long recoveryPoint)
    {
        for (int i = first; i < _log.Segments.Count; i++)
        {
            _request.Progress?.ToScan(_log.Segments[i].Bytes);
        }
        for (int i = first; i < _log.Segments.Count; i++)
        {
            Segment segment = _log.Segments[i];
            if (i > first && segment.BaseOffset > _log.LogEndOffset && !IsGapOnPurpose(segment))
            {
                EndBefore(i);
            }
            else if (IndexCheck.IsEmpty(_disk, segment, _content))
            {
                _log.LogEndOffset = segment.BaseOffset;
            }
            else
            {
                _log.RecoveredSegments++;
                if (Scan(segment, recoveryPoint, segment.BaseOffset))
                {
                    EndBefore(i + 1);
                }
            }
        }
    }

    /// <summary>
    /// A producer snapshot of the segment's base offset is written when all before it is on the disk: where there is one,
    /// the segment before did not lose its end.
    /// </summary>
    private bool IsGapOnPurpose(Segment segment) =>
        _request.Config.IsCompacted || _request.WasCompacted || _content.Snapshots.Contains(segment.BaseOffset);

    private void EndBefore(int index)
    {
        DeleteSegmentsFrom(index, keepsRecords: true);
        _producers.DropSnapshotsAbove(_log.LogEndOffset);
        Check(_disk.SyncDirectory(_request.Directory), "cannot sync", _request.Directory);
    }

    private void SetTimestamps(Segment segment)
    {
        if (segment.TimeIndex.Count > 0)
        {
            segment.SetMaxTimestamp(segment.TimeIndex.LastTimestamp, segment.TimeIndex.LastOffset);
        }
    }

    /// <summary>Where no record says how old the segment is, its file does.</summary>
    private void SetModified(Segment segment)
    {
        if (segment.MaxTimestamp < 0 && segment.Bytes > 0)
        {
            string path = segment.PathOf(LogFileNames.LogSuffix);
            long modified = _disk.ModifiedMillisOf(path);
            Check((Errno)(-Math.Min(0, modified)), "cannot look at", path);
            segment.ModifiedMillis = modified;
        }
    }

    /// <summary>The offset after the last batch of a sound segment; looks at the batches after the last index entry.</summary>
    private long EndOf(Segment segment)
    {
        long end = segment.BaseOffset;
        if (segment.Bytes == 0)
        {
            return end;
        }
        string path = segment.PathOf(LogFileNames.LogSuffix);
        Check(_disk.Open(path, DiskOpen.ReadWrite, out Fd file), "cannot open", path);
        SegmentScanner batches = new(_disk, file, 0, segment.Bytes, wholeBatches: false);
        if (batches.MoveNext())
        {
            segment.FirstTimestamp = batches.Header.MaxTimestamp;
        }
        batches = new SegmentScanner(_disk, file, segment.OffsetIndex.LastPosition, segment.Bytes, wholeBatches: false);
        while (batches.MoveNext())
        {
            end = batches.Header.NextOffset;
            if (batches.Header.MaxTimestamp > segment.MaxTimestamp)
            {
                segment.SetMaxTimestamp(batches.Header.MaxTimestamp, batches.Header.LastOffset);
            }
        }
        bool isWhole = batches.Error == 0 && batches.NextPosition == segment.Bytes;
        _disk.Close(file);
        Check((Errno)(-batches.Error), "cannot read", path);
        if (!isWhole)
        {
            // A clean stop leaves whole batches only; whoever touched the file since decides nothing by that.
            s_log.Warn("a log does not end with a whole batch after a clean stop", ("partition", _request.Name));
            Scan(segment, verifyFrom: 0, producersFrom: long.MaxValue);
            end = _log.LogEndOffset;
        }
        return end;
    }

    // Scanning -------------------------------------------------------------------------------------------------------

    /// <summary>
    /// Walks a whole segment: rebuilds its indexes, and, from the given offsets on, checks checksums and feeds epochs and
    /// producers. Cuts the file before the first byte that is no sound batch; true when there was one. Leaves the end of the
    /// last batch in <see cref="LoadedLog.LogEndOffset"/>.
    /// </summary>
    private bool Scan(Segment segment, long verifyFrom, long producersFrom)
    {
        string path = segment.PathOf(LogFileNames.LogSuffix);
        Check(_disk.Open(path, DiskOpen.ReadWrite, out Fd file), "cannot open", path);
        int bytes = segment.Bytes;
        segment.Cut(0);
        segment.SetMaxTimestamp(-1, -1);
        IndexRebuild indexes = new(_disk, segment, _request.Config.IndexIntervalBytes);
        indexes.Begin(rebuildTransactions: producersFrom <= segment.BaseOffset);
        long next = segment.BaseOffset;
        SegmentScanner batches = new(_disk, file, 0, bytes, wholeBatches: verifyFrom <= segment.BaseOffset);
        while (batches.MoveNext())
        {
            BatchHeader header = batches.Header;
            bool isVerified = header.LastOffset >= verifyFrom;
            if (header.BaseOffset < next || header.LastOffset - segment.BaseOffset > int.MaxValue)
            {
                break;
            }
            if (isVerified && !SoundBatchSearch.IsSound(batches.Batch(), header))
            {
                break;
            }
            if (header.LeaderEpoch > _log.Epochs.LatestEpoch)
            {
                _log.Epochs.Assign(header.LeaderEpoch, header.BaseOffset);
            }
            if (header.BaseOffset >= producersFrom)
            {
                _producers.Apply(segment, header, batches);
            }
            indexes.Add(header);
            _request.Progress?.Scanned(header.TotalBytes);
            next = header.NextOffset;
        }
        Check((Errno)(-batches.Error), "cannot read", path);
        bool isCut = segment.Bytes < bytes;
        if (isCut)
        {
            _dropped.OnCut(segment, file, bytes, next);
            Check(_disk.Truncate(file, segment.Bytes), "cannot cut", path);
        }
        _disk.Close(file);
        indexes.End();
        _log.LogEndOffset = next;
        return isCut;
    }

    // Epochs -------------------------------------------------------------------------------------------------------

    private void LoadEpochs()
    {
        if (!_content.HasEpochs)
        {
            return;
        }
        string path = _request.Directory + "/" + LogFileNames.LeaderEpochCheckpoint;
        List<EpochEntry> entries = [];
        if (_disk.ReadAllBytes(path, out byte[] bytes) == Errno.None && CheckpointText.TryRead(bytes, entries))
        {
            _log.Epochs.Load(entries);
        }
        else
        {
            s_log.Warn("a leader epoch checkpoint is damaged: epochs are taken from the batches", ("file", path));
        }
    }

    // Removing -------------------------------------------------------------------------------------------------------

    private void DeleteSegmentsFrom(int index, bool keepsRecords)
    {
        while (_log.Segments.Count > index)
        {
            Segment segment = _log.Segments.Active;
            if (!keepsRecords || !_dropped.TryKeep(segment))
            {
                Delete(segment, LogFileNames.LogSuffix);
            }
            Delete(segment, LogFileNames.OffsetIndexSuffix);
            Delete(segment, LogFileNames.TimeIndexSuffix);
            Delete(segment, LogFileNames.TransactionIndexSuffix);
            _log.Segments.RemoveAt(_log.Segments.Count - 1);
        }
    }

    private void Delete(Segment segment, string suffix)
    {
        Errno error = _disk.Delete(segment.PathOf(suffix));
        Check(error == Errno.ENOENT ? Errno.None : error, "cannot delete", segment.PathOf(suffix));
    }

    private void Report()
    {
        _dropped.Report();
        if (_log.RebuiltIndexes > 0)
        {
            s_log.Info("indexes were rebuilt", ("partition", _request.Name), ("segments", _log.RebuiltIndexes));
        }
    }

    private static void Check(Errno error, string what, string path) => LogLoadException.Check(error, what, path);
}
