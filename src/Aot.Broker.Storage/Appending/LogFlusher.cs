using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Appending;

/// <summary>
/// What of a log is on the disk, and what makes it so: group-committed syncs where acknowledged means durable, timed
/// syncs, and steady write-back with space reserved ahead, done by a helper thread.
/// </summary>
/// <remarks>
/// Owner: the log's core. At most one sync of a log is under way; what is written meanwhile is covered by the next one,
/// so that a slow disk makes larger groups and not a queue. An error of a sync is final: the kernel may have dropped the
/// pages, so the process stops.
/// What is under way to the disk is bounded (<see cref="DirtyBytes"/>): where the disk is slower than the producers, the
/// log's batches wait in its queue, and their answers with them, in place of the core in the kernel.
/// Write-back per mebibyte, measured on ext4/virtio at 200 MB/s: a sync of one second's data takes 0.4 ms in place of
/// 63 ms. Started on the core itself it would cost appends 57 us, hence the helper thread.
/// </remarks>
internal sealed class LogFlusher(PartitionLog log) : IFileTarget, ITimerTarget, IBackgroundJob
{
    private const int ReservedFromBytes = 1024 * 1024;
    private const int AwaitedBytesMin = 16 * 1024 * 1024;
    private const long RetryMs = 100;

    private readonly List<(long Offset, TaskCompletionSource<ErrorCode> Done)> _flushes = [];
    private SegmentHandle? _syncing;
    private long _syncingTo;
    private int _syncingBytes;
    private bool _isSyncingEntry;
    private bool _isOpen;
    private TimerHandle _timer = TimerHandle.None;

    // The write-back under way: filled on the core, read by the helper thread, taken back in Done.
    private SegmentHandle? _writingBack;
    private Disk? _jobDisk;
    private Fd _jobFile;
    private long _jobPosition;
    private long _jobBytes;
    private long _jobAwaitAt;
    private long _jobAwaitBytes;
    private long _jobAllocateAt;
    private long _jobAllocateBytes;

    private bool _isAwaiting;
    private long _dirtyBytes;

    /// <summary>All records below are on the disk: everything in segments before the first that is not synced.</summary>
    public long RecoveryPoint { get; private set; }

    /// <summary>Up to where writes count as done, as <c>flush.messages</c> wants it.</summary>
    public long AcknowledgedEnd { get; private set; }

    /// <summary>
    /// The log was opened, or cut. Where answers wait for a sync, the recovery has synced what it found: all of it counts
    /// as done.
    /// </summary>
    public void Begin()
    {
        UpdateRecoveryPoint();
        bool isCut = _isOpen && log.Config.IsSyncedBeforeAnswer;
        AcknowledgedEnd = isCut ? Math.Min(AcknowledgedEnd, log.LogEndOffset) : log.LogEndOffset;
        _isOpen = true;
        if (RecoveryPoint < log.LogEndOffset && log.Config.IsSyncedBeforeAnswer)
        {
            RequestSync();
        }
    }

    /// <summary>The log is about to be cut at the offset; <see cref="Begin"/> follows when it was.</summary>
    public void LowerTo(long offset)
    {
        RecoveryPoint = Math.Min(RecoveryPoint, offset);
        AcknowledgedEnd = Math.Min(AcknowledgedEnd, offset);
    }

    /// <summary>After each write: syncs and write-back that are due.</summary>
    [HotPath]
    public void AfterWrite()
    {
        Segment active = log.Segments.Active;
        if (log.LogEndOffset - RecoveryPoint >= log.Config.FlushMessages)
        {
            RequestSync();
        }
        else if (log.Config.FlushMs != long.MaxValue && _timer == TimerHandle.None)
        {
            _timer = log.Core.Timers.Schedule(log.Core.NowMillis + log.Config.FlushMs, this, 0);
        }
        CountDirty(active);
        if (active.Bytes - active.WritebackBytes >= log.Set.Options.WritebackBytes && _writingBack is null)
        {
            StartWriteback(active);
        }
    }

    /// <summary>The disk is behind: what is queued waits until the write-back under way is done.</summary>
    public bool HoldsWrites => _writingBack is not null && _dirtyBytes >= log.Set.Dirty.PerLogMax;

    /// <summary>
    /// Moves <see cref="AcknowledgedEnd"/>. Fewer than <c>flush.messages</c> acknowledged records may be unsynced: when
    /// more are written, the newest wait for the sync.
    /// </summary>
    [HotPath]
    public long Acknowledge()
    {
        if (log.LogEndOffset - RecoveryPoint < log.Config.FlushMessages)
        {
            AcknowledgedEnd = log.LogEndOffset;
        }
        else
        {
            AcknowledgedEnd = Math.Max(AcknowledgedEnd, RecoveryPoint);
            RequestSync();
        }
        return AcknowledgedEnd;
    }

    public void OnSegmentSynced()
    {
        UpdateRecoveryPoint();
        CompleteFlushes();
    }

    /// <summary>Syncs when so many bytes are not on the disk yet: bounds what a recovery scans.</summary>
    public void SyncBeyond(int bytes)
    {
        if (log.Segments.Active.Bytes - log.Segments.Active.SyncedBytes >= bytes)
        {
            RequestSync();
        }
    }

    public Task<ErrorCode> FlushAsync()
    {
        if (RecoveryPoint >= log.LogEndOffset)
        {
            return Task.FromResult(ErrorCode.None);
        }
        TaskCompletionSource<ErrorCode> done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _flushes.Add((log.LogEndOffset, done));
        RequestSync();
        return done.Task;
    }

    /// <summary>Done when no call of the kernel uses the log's descriptors any more.</summary>
    public async ValueTask StopAsync()
    {
        log.Core.Timers.Cancel(_timer);
        _timer = TimerHandle.None;
        await log.Jobs.WhenIdleAsync();
        log.Set.Dirty.Add(-_dirtyBytes);
        _dirtyBytes = 0;
        foreach ((_, TaskCompletionSource<ErrorCode> done) in _flushes)
        {
            done.TrySetResult(ErrorCode.KafkaStorageError);
        }
        _flushes.Clear();
    }

    /// <summary>The log is idle: space that was reserved ahead goes back to the file system.</summary>
    public void ReleaseReserved()
    {
        Segment active = log.Segments.Active;
        if (active.AllocatedBytes > active.Bytes && active.Handle is not null && !log.Config.Preallocate)
        {
            log.Disk.Truncate(active.Handle.Log, active.Bytes);
            active.AllocatedBytes = active.Bytes;
        }
    }

    // flush.ms -------------------------------------------------------------------------------------------------------

    public void OnTimer(long token)
    {
        _timer = TimerHandle.None;
        if (log.Status == LogStatus.Open && RecoveryPoint < log.LogEndOffset)
        {
            RequestSync();
        }
    }

    // Sync -----------------------------------------------------------------------------------------------------------

    [HotPath]
    private void RequestSync()
    {
        if (_syncing is not null || _isSyncingEntry || log.Status != LogStatus.Open || log.Moves.IsHeld)
        {
            return;
        }
        Segment active = log.Segments.Active;
        if (active.SyncedOffset >= log.LogEndOffset && active.IsEntrySynced)
        {
            return; // What is missing are sealed segments: their jobs are under way.
        }
        SegmentHandle? handle = log.Set.Open.Get(active, out Errno error);
        if (handle is null)
        {
            OpenFailedSlow(error);
            return;
        }
        handle.Borrow();
        log.Jobs.Begin();
        _syncing = handle;
        _syncingTo = log.LogEndOffset;
        _syncingBytes = active.Bytes;
        if (active.IsEntrySynced)
        {
            log.Core.Io.SyncFile(handle.Log, dataOnly: true, this, 0);
        }
        else
        {
            SyncEntrySlow();
        }
    }

    public void OnFileDone(long token, long result)
    {
        SegmentHandle handle = _syncing!;
        _syncing = null;
        log.Jobs.End();
        if (result < 0)
        {
            string path = _isSyncingEntry ? log.Directory : handle.Segment.PathOf(LogFileNames.LogSuffix);
            log.Set.Directories.StopOnSyncFailure(path, (Errno)(-result));
            handle.Return();
            return;
        }
        handle.Segment.SyncedOffset = Math.Max(handle.Segment.SyncedOffset, _syncingTo);
        handle.Segment.SyncedBytes = _syncingBytes;
        handle.Segment.CleanBytes = Math.Max(handle.Segment.CleanBytes, _syncingBytes);
        handle.Return();
        UpdateRecoveryPoint();
        CompleteFlushes();
        if (_flushes.Count > 0)
        {
            RequestSync();
        }
        log.MarkAtTurnEnd();
    }

    /// <summary>The sync under way could not begin; it is tried again.</summary>
    private void GiveUpSync()
    {
        SegmentHandle handle = _syncing!;
        _syncing = null;
        _isSyncingEntry = false;
        log.Jobs.End();
        handle.Return();
        OpenFailedSlow(Errno.EMFILE);
    }

    /// <summary>The file of a new segment can only be found after a crash when its directory is on the disk, too.</summary>
    private void SyncEntrySlow()
    {
        _isSyncingEntry = true;
        log.Core.Background.Run(log.Core, new EntrySync(this, log.Disk, log.Directory, _syncing!.Segment));
    }

    private sealed class EntrySync(LogFlusher flusher, Disk disk, string directory, Segment segment) : IBackgroundJob
    {
        private Errno _error;

        public void Run() => _error = disk.SyncDirectory(directory);

        public void Done(Core core)
        {
            if (_error.IsShortOfDescriptors())
            {
                flusher.GiveUpSync();
                return;
            }
            if (_error != Errno.None)
            {
                flusher.OnFileDone(0, -(long)_error);
                return;
            }
            flusher._isSyncingEntry = false;
            segment.IsEntrySynced = true;
            core.Io.SyncFile(flusher._syncing!.Log, dataOnly: true, flusher, 0);
        }
    }

    /// <summary>Without a descriptor nothing was given to the disk yet, and nothing is lost: it is tried again.</summary>
    private void OpenFailedSlow(Errno error)
    {
        if (!error.IsPassing())
        {
            log.Set.Directories.StopOnSyncFailure(log.Segments.Active.PathOf(LogFileNames.LogSuffix), error);
        }
        else if (_timer == TimerHandle.None)
        {
            _timer = log.Core.Timers.Schedule(log.Core.NowMillis + RetryMs, this, 0);
        }
    }

    [HotPath]
    private void UpdateRecoveryPoint()
    {
        SegmentList segments = log.Segments;
        int first = segments.Count - 1;
        while (first > 0 && !segments[first - 1].IsSynced)
        {
            first--;
        }
        RecoveryPoint = Math.Max(RecoveryPoint, Math.Min(segments[first].SyncedOffset, log.LogEndOffset));
    }

    private void CompleteFlushes()
    {
        for (int i = _flushes.Count - 1; i >= 0; i--)
        {
            if (_flushes[i].Offset <= RecoveryPoint)
            {
                _flushes[i].Done.TrySetResult(ErrorCode.None);
                _flushes.RemoveAt(i);
            }
        }
    }

    // Write-back -----------------------------------------------------------------------------------------------------

    [HotPath]
    private void StartWriteback(Segment active)
    {
        SegmentHandle? handle = active.Handle;
        if (handle is null)
        {
            return;
        }
        handle.Borrow();
        log.Jobs.Begin();
        _writingBack = handle;
        _jobDisk = log.Disk;
        _jobFile = handle.Log;
        _jobPosition = active.WritebackBytes;
        _jobBytes = active.Bytes - active.WritebackBytes;
        active.WritebackBytes = active.Bytes;
        long halfOfDirty = log.Set.Dirty.PerLogMax / 2;
        _isAwaiting = _dirtyBytes >= halfOfDirty;
        _jobAwaitAt = active.CleanBytes;
        // The oldest: so many that half of what a log may have is left at most, and in steps, to start more meanwhile.
        _jobAwaitBytes = Math.Min(_dirtyBytes, Math.Max(AwaitedBytesMin, _dirtyBytes - halfOfDirty));
        _jobAllocateBytes = 0;
        long reserved = log.Config.Preallocate ? log.Config.SegmentBytes : log.Set.Options.ReservedBytes;
        bool isGrowing = reserved > 0 && active.Bytes >= ReservedFromBytes;
        if (isGrowing && active.Bytes + (log.Set.Options.ReservedBytes / 2) > active.AllocatedBytes)
        {
            long step = reserved;
            _jobAllocateAt = Math.Max(active.AllocatedBytes, active.Bytes);
            _jobAllocateBytes = Math.Min(step, log.Config.SegmentBytes - _jobAllocateAt);
            active.AllocatedBytes = _jobAllocateAt + Math.Max(0, _jobAllocateBytes);
        }
        log.Core.Background.Run(log.Core, this);
    }

    /// <summary>On a helper thread. Both are hints: their errors show at the next write or sync.</summary>
    void IBackgroundJob.Run()
    {
        _jobDisk!.StartWriteback(_jobFile, _jobPosition, _jobBytes);
        if (_jobAllocateBytes > 0)
        {
            _jobDisk.Allocate(_jobFile, _jobAllocateAt, _jobAllocateBytes);
        }
        if (_isAwaiting)
        {
            _jobDisk.AwaitWriteback(_jobFile, _jobAwaitAt, _jobAwaitBytes);
        }
    }

    void IBackgroundJob.Done(Core core)
    {
        SegmentHandle handle = _writingBack!;
        _writingBack = null;
        Segment segment = handle.Segment;
        handle.Return();
        if (_isAwaiting)
        {
            _isAwaiting = false;
            segment.CleanBytes = Math.Min(Math.Max(segment.CleanBytes, _jobAwaitAt + _jobAwaitBytes), segment.Bytes);
            CountDirty(log.Segments.Active);
        }
        if (log.Queue.Count > 0)
        {
            log.MarkAtTurnEnd();
        }
        log.Jobs.End();
    }

    /// <summary>Only of the active segment: those before it are being synced.</summary>
    [HotPath]
    private void CountDirty(Segment active)
    {
        long dirty = active.Bytes - active.CleanBytes;
        log.Set.Dirty.Add(dirty - _dirtyBytes);
        _dirtyBytes = dirty;
    }
}
