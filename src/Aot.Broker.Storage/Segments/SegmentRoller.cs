using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Producers;

namespace Aot.Broker.Storage.Segments;

/// <summary>
/// Begins the next segment. The file of the next segment is made ahead by a helper thread and only renamed here; what
/// the sealed segment needs (sync of its files, producer snapshot, directory sync) happens on a helper thread as well.
/// </summary>
/// <remarks>Owner: the log's core.</remarks>
internal sealed class SegmentRoller(PartitionLog log)
{
    private static readonly Logger s_log = Log.For("storage");

    /// <summary>Smaller segments are not worth a file made ahead.</summary>
    private const int PreparedSegmentBytesMin = 4 * 1024 * 1024;

    private PrepareJob? _preparing;
    private Fd _prepared = Fd.None;

    /// <summary>
    /// Rolls when the batch does not fit into the active segment, or its time is over. False: the queue or the new file
    /// could not be written; the batch is not to be queued.
    /// </summary>
    [HotPath]
    public bool MakeRoom(int bytes, long baseOffset, long lastOffset, long batchTimestamp, long nowMillis)
    {
        Segment active = log.Segments.Active;
        if (log.Moves.IsHeld)
        {
            // The segment may become larger than the topic asks for, as far as its numbers reach.
            return active.Bytes + log.Queue.Bytes + bytes <= int.MaxValue
                && lastOffset - active.BaseOffset <= int.MaxValue;
        }
        bool isEmpty = active.Bytes + log.Queue.Bytes == 0;
        if (active.HasRoomFor(log.Queue.Bytes, bytes, lastOffset, log.Config))
        {
            if (isEmpty || !active.IsExpired(batchTimestamp, nowMillis, log.Config))
            {
                return true;
            }
        }
        else if (isEmpty && baseOffset == active.BaseOffset)
        {
            return true;
        }
        log.WriteQueued();
        return log.NextOffset == baseOffset && log.Status == LogStatus.Open && RollSlow(nowMillis);
    }

    /// <summary>Begins a segment at the log end; the queue is empty. False: the file could not be made.</summary>
    public bool RollSlow(long nowMillis)
    {
        Invariant.That(log.Queue.Count == 0);
        Segment sealedSegment = log.Segments.Active;
        long baseOffset = log.NextOffset;
        if (sealedSegment.BaseOffset == baseOffset)
        {
            return true;
        }
        Segment next = new(log.Directory, baseOffset, nowMillis);
        Errno error = MakeFile(next, out Fd file);
        if (error != Errno.None)
        {
            s_log.Error("a new segment could not be made", ("partition", log.Name), ("error", error));
            return false;
        }
        sealedSegment.AddLastTimestamp(log.Disk);
        if (sealedSegment.WriteIndexTails(log.Disk, sync: false) != Errno.None)
        {
            sealedSegment.DropIndexTails();
        }
        log.Segments.Add(next);
        log.Set.Open.Adopt(next, file);
        log.Tail.Clear();
        byte[] snapshot = ProducerSnapshot.Write(log.Producers);
        Start(new SealJob(log, sealedSegment, next, snapshot));
        return true;
    }

    /// <summary>The log was loaded: syncs the sealed segments that are not known to be on the disk.</summary>
    public void SealUnsynced()
    {
        for (int i = 0; i + 1 < log.Segments.Count; i++)
        {
            if (!log.Segments[i].IsSynced)
            {
                Start(new SealJob(log, log.Segments[i], null, null));
            }
        }
    }

    /// <summary>Has the next file made when the active segment is nearly full.</summary>
    [HotPath]
    public void PrepareNext()
    {
        if (
            !_prepared.IsOpen
            && _preparing is null
            && log.Config.SegmentBytes >= PreparedSegmentBytesMin
            && log.Segments.Active.Bytes > log.Config.SegmentBytes / 4 * 3
        )
        {
            PrepareSlow();
        }
    }

    /// <summary>The log closes: the file made ahead goes away.</summary>
    public void DropPrepared()
    {
        Invariant.That(_preparing is null);
        if (_prepared.IsOpen)
        {
            log.Disk.Close(_prepared);
            _prepared = Fd.None;
            log.Disk.Delete(log.Directory + "/" + LogFileNames.PreparedName);
        }
    }

    private void JobEnded() => log.Jobs.End();

    private void PrepareSlow()
    {
        long reserve = log.Config.Preallocate ? log.Config.SegmentBytes : log.Set.Options.ReservedBytes;
        _preparing = new PrepareJob(this, log.Disk, log.Directory + "/" + LogFileNames.PreparedName, reserve);
        Start(_preparing);
    }

    private void Start(IBackgroundJob job)
    {
        log.Jobs.Begin();
        log.Core.Background.Run(log.Core, job);
    }

    private Errno MakeFile(Segment segment, out Fd file)
    {
        string path = segment.PathOf(LogFileNames.LogSuffix);
        if (_prepared.IsOpen)
        {
            file = _prepared;
            _prepared = Fd.None;
            if (log.Disk.Rename(log.Directory + "/" + LogFileNames.PreparedName, path) == Errno.None)
            {
                segment.AllocatedBytes = log.Config.Preallocate
                    ? log.Config.SegmentBytes
                    : log.Set.Options.ReservedBytes;
                return Errno.None;
            }
            log.Disk.Close(file);
        }
        Errno error = log.Disk.Open(path, DiskOpen.CreateNew, out file);
        if (error == Errno.EEXIST)
        {
            // Left behind by a crash between a roll and its first write, above the end of the log.
            error = log.Disk.Delete(path);
            error = error == Errno.None ? log.Disk.Open(path, DiskOpen.CreateNew, out file) : error;
        }
        return error;
    }

    private sealed class PrepareJob(SegmentRoller roller, Disk disk, string path, long reserveBytes) : IBackgroundJob
    {
        private Fd _file = Fd.None;

        public void Run()
        {
            disk.Delete(path);
            if (disk.Open(path, DiskOpen.CreateNew, out _file) == Errno.None)
            {
                if (reserveBytes > 0)
                {
                    disk.Allocate(_file, 0, reserveBytes);
                }
            }
        }

        public void Done(Core core)
        {
            roller._preparing = null;
            roller._prepared = _file;
            roller.JobEnded();
        }
    }

    /// <summary>
    /// Puts a sealed segment on the disk: its files cut to what is in them and synced, the producers as of its end, the
    /// epochs, and last the directory, which makes the next segment's file findable.
    /// </summary>
    private sealed class SealJob(PartitionLog log, Segment segment, Segment? next, byte[]? snapshot) : IBackgroundJob
    {
        private readonly Disk _disk = log.Disk;
        private readonly string _directory = log.Directory;
        private readonly int _bytes = segment.Bytes;
        private readonly (long Version, byte[] Bytes)? _epochs = log.Epochs.TakeDirty(log.LogEndOffset);
        private const long RetryMs = 100;

        private Errno _error;
        private bool _hasSyncFailed;

        public void Run()
        {
            _error = SyncFile(LogFileNames.LogSuffix, DiskOpen.ReadWrite, _bytes);
            if (_error != Errno.None)
            {
                return;
            }
            _error = SyncFile(LogFileNames.OffsetIndexSuffix, DiskOpen.OpenOrCreate, -1);
            if (_error == Errno.None)
            {
                _error = SyncFile(LogFileNames.TimeIndexSuffix, DiskOpen.OpenOrCreate, -1);
            }
            if (_error == Errno.None && segment.Transactions.Count > 0)
            {
                _error = SyncFile(LogFileNames.TransactionIndexSuffix, DiskOpen.ReadWrite, -1);
            }
            if (_error == Errno.None && next is not null)
            {
                _error = MakeIndexes(next.BaseOffset);
            }
            if (_error == Errno.None && snapshot is not null)
            {
                _error = _disk.WriteAllBytesAtomically(
                    LogFileNames.Segment(_directory, next!.BaseOffset, LogFileNames.SnapshotSuffix),
                    snapshot
                );
            }
            if (_error == Errno.None && _epochs is var (version, bytes))
            {
                _error = log.EpochFile.Write(version, bytes);
            }
            if (_error == Errno.None)
            {
                _error = _disk.SyncDirectory(_directory);
                _hasSyncFailed = _error != Errno.None && !_error.IsShortOfDescriptors();
            }
        }

        public void Done(Core core)
        {
            log.Jobs.End();
            if (segment.IsGone)
            {
                return;
            }
            if (_error.IsPassing() && !_hasSyncFailed)
            {
                s_log.Error(
                    "a sealed segment's files could not be written yet",
                    ("partition", log.Name),
                    ("baseOffset", segment.BaseOffset),
                    ("error", _error)
                );
                core.Spawn(TryAgainAsync);
                return;
            }
            if (_error != Errno.None)
            {
                log.Set.Directories.StopOnSyncFailure(segment.PathOf(LogFileNames.LogSuffix), _error);
                return;
            }
            segment.IsSynced = true;
            if (next is not null)
            {
                next.IsEntrySynced = true;
                log.SnapshotOffset = Math.Max(log.SnapshotOffset, next.BaseOffset);
            }
            log.OnSegmentSynced();
        }

        /// <summary>A log that is closed in between is brought to the disk by its closing.</summary>
        private async ValueTask TryAgainAsync(Core core)
        {
            await core.DelayAsync(RetryMs);
            if (log.Status == LogStatus.Open && !segment.IsGone)
            {
                log.Jobs.Begin();
                core.Background.Run(core, this);
            }
        }

        /// <summary>The next segment's index files, empty: Kafka recovers a segment without them.</summary>
        private Errno MakeIndexes(long baseOffset)
        {
            Errno error = Errno.None;
            foreach (
                string suffix in (ReadOnlySpan<string>)[LogFileNames.OffsetIndexSuffix, LogFileNames.TimeIndexSuffix]
            )
            {
                string path = LogFileNames.Segment(_directory, baseOffset, suffix);
                Errno opened = _disk.Open(path, DiskOpen.OpenOrCreate, out Fd file);
                if (opened == Errno.None)
                {
                    _disk.Close(file);
                }
                else
                {
                    error = opened;
                }
            }
            return error;
        }

        private Errno SyncFile(string suffix, DiskOpen mode, int cutTo)
        {
            Errno error = _disk.Open(LogFileNames.Segment(_directory, segment.BaseOffset, suffix), mode, out Fd file);
            if (error != Errno.None)
            {
                return error;
            }
            error = cutTo >= 0 ? _disk.Truncate(file, cutTo) : Errno.None;
            if (error == Errno.None)
            {
                error = _disk.Sync(file, dataOnly: false);
                _hasSyncFailed = error != Errno.None;
            }
            _disk.Close(file);
            return error;
        }
    }
}
