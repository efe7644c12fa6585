using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// Takes the end of a log away, for a replica whose leader has another one. The files are cut on a helper thread, and then
/// the log is loaded from them as at a start, so that indexes, producers and epochs are by construction what a restart
/// would find. Meanwhile the log answers NOT_LEADER_OR_FOLLOWER.
/// </summary>
/// <remarks>
/// Owner: the log's core. The lowered checkpoints reach the disk before the first file is touched: a crash finds the old
/// end, or the new one, and scans what comes after the cut in either case.
/// </remarks>
internal sealed class LogTruncation(PartitionLog log, LogAppender appender, LogFlusher flusher, SegmentRoller roller)
{
    private static readonly Logger s_log = Log.For("storage");

    /// <summary>The cut that is under way, or the last one.</summary>
    public Task Ended { get; private set; } = Task.CompletedTask;

    public async ValueTask<ErrorCode> ToAsync(long offset)
    {
        Invariant.That(offset >= 0);
        if (log.Status != LogStatus.Open)
        {
            return ErrorOf(log.Status);
        }
        log.WriteQueued();
        if (offset >= log.NextOffset)
        {
            // The end stays, but what was believed of epochs behind it may contradict the leader.
            log.Epochs.TruncateFromEnd(offset);
            return ErrorCode.None;
        }
        return offset < log.Segments.First.BaseOffset
            ? await RunAsync(offset, isWhole: true)
            : await RunAsync(offset, false);
    }

    public async ValueTask<ErrorCode> FullyAsync(long startOffset)
    {
        Invariant.That(startOffset >= 0);
        if (log.Status != LogStatus.Open)
        {
            return ErrorOf(log.Status);
        }
        log.WriteQueued();
        return await RunAsync(startOffset, isWhole: true);
    }

    private async ValueTask<ErrorCode> RunAsync(long offset, bool isWhole)
    {
        LogDirectory? target = log.Moves.Target;
        await log.Moves.StopAsync(keepsFuture: false);
        log.WriteQueued();
        if (log.Status != LogStatus.Open)
        {
            // The write of what was queued failed.
            return ErrorOf(log.Status);
        }
        TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Ended = ended.Task;
        log.Status = LogStatus.Truncating;
        ErrorCode error = await CutAsync(offset, isWhole);
        ended.SetResult();
        if (target is not null && log.Status == LogStatus.Open)
        {
            // What was copied may be cut off here: the move begins anew.
            log.Core.Spawn(async _ => await log.Set.Moves.StartAsync(log, target));
        }
        return error;
    }

    private async ValueTask<ErrorCode> CutAsync(long offset, bool isWhole)
    {
        long oldEnd = log.LogEndOffset;
        log.HoldsMemory = false;
        appender.CloseLine();
        log.Cleaning.Interrupt();
        log.Waiters.Fail(isWhole ? 0 : offset, ErrorCode.NotLeaderOrFollower);
        log.MarkAtTurnEnd();
        await log.Jobs.WhenIdleAsync();
        if (log.Status != LogStatus.Truncating)
        {
            return ErrorOf(log.Status);
        }
        log.Jobs.Begin();
        roller.DropPrepared();
        ReleaseHandles();
        Lower(offset, isWhole);
        Errno error = await log.Set.Checkpoints.WriteAsync(log.LogDirectory);
        LoadedLog? loaded = null;
        if (error == Errno.None)
        {
            CutWork work = new(log, offset, isWhole);
            (error, loaded) = await log.Core.RunInBackgroundAsync(work.Run);
        }
        if (loaded is not null && loaded.LogEndOffset < log.RecoveryPoint)
        {
            // The offset was inside a batch, which is gone as a whole.
            Lower(loaded.LogEndOffset, isWhole: false);
            error = await log.Set.Checkpoints.WriteAsync(log.LogDirectory);
        }
        Finish(error, error == Errno.None ? loaded : null, oldEnd);
        log.Jobs.End();
        log.MarkAtTurnEnd();
        return error == Errno.None ? ErrorCode.None : ErrorCode.KafkaStorageError;
    }

    private static ErrorCode ErrorOf(LogStatus status) =>
        status == LogStatus.Offline ? ErrorCode.KafkaStorageError : ErrorCode.NotLeaderOrFollower;

    private void ReleaseHandles()
    {
        for (int i = 0; i < log.Segments.Count; i++)
        {
            log.Segments[i].IsGone = true;
            log.Segments[i].Handle?.Retire();
            log.Segments[i].Handle = null;
        }
    }

    private void Lower(long offset, bool isWhole)
    {
        flusher.LowerTo(offset);
        log.LogStartOffset = isWhole ? offset : Math.Min(log.LogStartOffset, offset);
        log.LowerWatermarks(offset);
        log.Cleaning.FirstDirtyOffset = Math.Min(log.Cleaning.FirstDirtyOffset, offset);
        if (isWhole)
        {
            log.Epochs.Clear();
        }
        else
        {
            log.Epochs.TruncateFromEnd(offset);
        }
    }

    private void Finish(Errno error, LoadedLog? loaded, long oldEnd)
    {
        bool isClosing = log.Status == LogStatus.Closed;
        if (loaded is null)
        {
            log.LogDirectory.HasFailed = true;
            log.Status = isClosing ? LogStatus.Closed : LogStatus.Offline;
            s_log.Error("a log could not be cut", ("partition", log.Name), ("error", error));
            return;
        }
        log.Adopt(loaded);
        flusher.Begin();
        roller.SealUnsynced();
        log.Status = isClosing ? LogStatus.Closed : LogStatus.Open;
        s_log.Info("a log was cut", ("partition", log.Name), ("from", oldEnd), ("to", log.LogEndOffset));
    }

    /// <summary>The part that blocks. The log is quiet: nothing else touches its files or its segments' numbers.</summary>
    private sealed class CutWork(PartitionLog log, long offset, bool isWhole)
    {
        private readonly Disk _disk = log.Disk;
        private readonly (long Version, byte[] Bytes) _epochs = log.Epochs.ToCheckpoint();
        private readonly LoadRequest _request = new()
        {
            Name = log.Name,
            TopicId = log.TopicId,
            Config = log.Config,
            LogDirectory = log.LogDirectory,
            Directory = log.Directory,
            RecoveryPoint = log.RecoveryPoint,
            LogStartOffset = log.LogStartOffset,
            HighWatermark = log.HighWatermark,
            WasCompacted = log.Cleaning.FirstDirtyOffset >= 0,
            IsClean = true,
            IsTruncated = true,
            NowMillis = log.Core.WallMillis,
        };

        public (Errno, LoadedLog?) Run()
        {
            try
            {
                int kept = isWhole ? -1 : log.Segments.IndexOf(offset);
                for (int i = log.Segments.Count - 1; i > kept; i--)
                {
                    Remove(log.Segments[i]);
                }
                if (kept >= 0)
                {
                    Cut(log.Segments[kept]);
                }
                RemoveSnapshots();
                Check(log.EpochFile.Write(_epochs.Version, _epochs.Bytes), "cannot write", log.Directory);
                Check(_disk.SyncDirectory(log.Directory), "cannot sync", log.Directory);
                return (Errno.None, LogLoader.Load(_disk, _request));
            }
            catch (LogLoadException error)
            {
                s_log.Error("a log cannot be cut", ("partition", log.Name), ("error", error.Message));
                return (error.Error, null);
            }
        }

        private void Cut(Segment segment)
        {
            Check(segment.WriteIndexTails(_disk, sync: false), "cannot write the indexes of", segment.PathOf(""));
            string path = segment.PathOf(LogFileNames.LogSuffix);
            Check(_disk.Open(path, DiskOpen.ReadWrite, out Fd file), "cannot open", path);
            int start = 0;
            OnIndex(
                segment,
                LogFileNames.OffsetIndexSuffix,
                index => start = segment.OffsetIndex.Lookup(offset, _disk, index)
            );
            SegmentScanner batches = new(_disk, file, start, segment.Bytes, wholeBatches: false);
            bool found = false;
            while (!found && batches.MoveNext())
            {
                found = batches.Header.LastOffset >= offset;
            }
            Check((Errno)(-batches.Error), "cannot read", path);
            long end = found ? Math.Min(offset, batches.Header.BaseOffset) : offset;
            CutIndexes(segment, end);
            Errno error = found ? _disk.Truncate(file, batches.Position) : Errno.None;
            error = error == Errno.None ? _disk.Sync(file, dataOnly: false) : error;
            _disk.Close(file);
            Check(error, "cannot cut", path);
        }

        private void CutIndexes(Segment segment, long end)
        {
            OnIndex(
                segment,
                LogFileNames.OffsetIndexSuffix,
                file =>
                {
                    segment.OffsetIndex.TruncateTo(end, _disk, file);
                    Check(
                        _disk.Truncate(file, segment.OffsetIndex.File.TailPosition),
                        "cannot cut",
                        segment.PathOf("")
                    );
                }
            );
            OnIndex(
                segment,
                LogFileNames.TimeIndexSuffix,
                file =>
                {
                    segment.TimeIndex.TruncateTo(end, _disk, file);
                    Check(_disk.Truncate(file, segment.TimeIndex.File.TailPosition), "cannot cut", segment.PathOf(""));
                }
            );
            Check(segment.Transactions.TruncateTo(end, _disk), "cannot cut the transactions of", segment.PathOf(""));
        }

        private void OnIndex(Segment segment, string suffix, Action<Fd> work)
        {
            Check(
                _disk.Open(segment.PathOf(suffix), DiskOpen.OpenOrCreate, out Fd file),
                "cannot open",
                segment.PathOf(suffix)
            );
            work(file);
            _disk.Close(file);
        }

        /// <summary>Under a name that the next start deletes, should this be the last that the process does.</summary>
        private void Remove(Segment segment)
        {
            foreach (
                string suffix in (ReadOnlySpan<string>)
                    [
                        LogFileNames.LogSuffix,
                        LogFileNames.OffsetIndexSuffix,
                        LogFileNames.TimeIndexSuffix,
                        LogFileNames.TransactionIndexSuffix,
                    ]
            )
            {
                string path = segment.PathOf(suffix);
                Errno error = _disk.Rename(path, path + LogFileNames.DeletedSuffix);
                Check(error == Errno.ENOENT ? Errno.None : error, "cannot rename", path);
            }
        }

        private void RemoveSnapshots()
        {
            List<DiskEntry> entries = [];
            Check(_disk.List(log.Directory, entries), "cannot list", log.Directory);
            foreach (DiskEntry entry in entries)
            {
                bool isSnapshot = LogFileNames.KindOf(entry.Name, out long at) == LogFileKind.Snapshot;
                if (isSnapshot && (isWhole || at > offset))
                {
                    Check(_disk.Delete(log.Directory + "/" + entry.Name), "cannot delete", entry.Name);
                }
            }
        }

        private static void Check(Errno error, string what, string path) => LogLoadException.Check(error, what, path);
    }
}
