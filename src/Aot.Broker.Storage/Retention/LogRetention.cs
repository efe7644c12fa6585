using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Retention;

/// <summary>
/// Deletes whole segments at the beginning of a log: by age, by size, and below the log start. The files lose their
/// names at once (<c>.deleted</c>) and their bytes after <c>file.delete.delay.ms</c>, both on a helper thread; a fetch
/// that is sending one of them keeps its descriptor until it is done.
/// </summary>
/// <remarks>Owner: the log's core.</remarks>
internal sealed class LogRetention(PartitionLog log, SegmentRoller roller)
{
    private static readonly Logger s_log = Log.For("storage");

    private static readonly string[] s_suffixes =
    [
        LogFileNames.LogSuffix,
        LogFileNames.OffsetIndexSuffix,
        LogFileNames.TimeIndexSuffix,
        LogFileNames.TransactionIndexSuffix,
        LogFileNames.SnapshotSuffix,
    ];

    private int _deletionsWithNames;

    /// <summary>
    /// A file of a deleted segment has its name, or would have it again after a power loss: only the checkpoint of log
    /// starts says that it is deleted.
    /// </summary>
    public bool HasNamesLeft => _deletionsWithNames > 0;

    /// <summary>Done when the segments that were deleted last have lost their names, or could not.</summary>
    public Task NamesTaken { get; private set; } = Task.CompletedTask;

    public ErrorCode DeleteRecordsBefore(long offset)
    {
        if (!log.IsReadable)
        {
            return ErrorCode.NotLeaderOrFollower;
        }
        long start = offset == -1 ? log.HighWatermark : offset;
        if (start < 0 || start > log.HighWatermark)
        {
            return ErrorCode.OffsetOutOfRange;
        }
        if (start > log.LogStartOffset)
        {
            MoveStart(start);
            DeleteBelowStart();
        }
        return ErrorCode.None;
    }

    /// <summary>Whole segments below the log start go, unless names are being changed just now: then afterwards.</summary>
    public void DeleteBelowStart()
    {
        if (!log.Cleaning.IsSwapping && !log.Moves.IsHeld && log.IsReadable)
        {
            DeleteSegments(CountBelowStart(), "records were deleted");
        }
    }

    /// <summary>Bytes of the segments that went away.</summary>
    public long Apply(long nowMillis)
    {
        if (log.Status != LogStatus.Open || log.Cleaning.IsSwapping || log.Moves.IsHeld)
        {
            return 0;
        }
        long size = log.SizeInBytes;
        long left = size;
        int count = 0;
        while (count < log.Segments.Count && IsDeletable(count, left, nowMillis))
        {
            left -= log.Segments[count].Bytes;
            count++;
        }
        if (count == log.Segments.Count)
        {
            log.WriteQueued();
            if (!roller.RollSlow(nowMillis))
            {
                return 0;
            }
        }
        DeleteSegments(count, "retention");
        if (log.Segments.First.BaseOffset > log.LogStartOffset)
        {
            MoveStart(log.Segments.First.BaseOffset);
        }
        return size - left;
    }

    private bool IsDeletable(int index, long sizeLeft, long nowMillis)
    {
        Segment segment = log.Segments[index];
        LogConfig config = log.Config;
        bool isActive = index == log.Segments.Count - 1;
        long end = log.Segments.EndOf(index, log.LogEndOffset);
        if (end > log.HighWatermark || (isActive && (segment.Bytes == 0 || log.Queue.Count > 0)))
        {
            return false;
        }
        if (!isActive && end <= log.LogStartOffset)
        {
            return true;
        }
        return config.IsDeleting
            && (
                (config.RetentionMs >= 0 && nowMillis - segment.RetentionTimestamp > config.RetentionMs)
                || (config.RetentionBytes >= 0 && sizeLeft - segment.Bytes >= config.RetentionBytes)
            );
    }

    private int CountBelowStart()
    {
        int count = 0;
        while (count + 1 < log.Segments.Count && log.Segments[count + 1].BaseOffset <= log.LogStartOffset)
        {
            count++;
        }
        return count;
    }

    private void MoveStart(long offset)
    {
        log.LogStartOffset = offset;
        log.Epochs.TruncateFromStart(offset);
        log.Producers.TruncateFromStart(offset);
        log.MarkAtTurnEnd();
    }

    private void DeleteSegments(int count, string reason)
    {
        if (count == 0)
        {
            return;
        }
        string[] stems = new string[count];
        for (int i = 0; i < count; i++)
        {
            Segment segment = log.Segments[i];
            segment.IsGone = true;
            segment.Handle?.Retire();
            segment.Handle = null;
            stems[i] = segment.PathOf("");
        }
        s_log.Info(
            "segments are deleted",
            ("partition", log.Name),
            ("reason", reason),
            ("segments", count),
            ("firstOffset", log.Segments.First.BaseOffset),
            ("endOffset", log.Segments.EndOf(count - 1, log.LogEndOffset))
        );
        log.Segments.RemoveFirst(count);
        Disk disk = log.Disk;
        long delay = log.Config.FileDeleteDelayMs;
        string directory = log.Directory;
        _deletionsWithNames++;
        TaskCompletionSource taken = new(TaskCreationOptions.RunContinuationsAsynchronously);
        NamesTaken = taken.Task;
        log.Jobs.Begin();
        log.Core.Spawn(async core =>
        {
            bool isDone = await core.RunInBackgroundAsync(() =>
                TakeNames(disk, stems) && disk.SyncDirectory(directory) == Errno.None
            );
            _deletionsWithNames -= isDone ? 1 : 0;
            log.Jobs.End();
            taken.SetResult();
            await core.DelayAsync(delay);
            await core.RunInBackgroundAsync(() => Delete(disk, stems));
        });
    }

    /// <summary>The oldest first, so that what a crash leaves is the end of the log. False: a file has kept its name.</summary>
    private static bool TakeNames(Disk disk, string[] stems)
    {
        bool isDone = true;
        foreach (string stem in stems)
        {
            foreach (string suffix in s_suffixes)
            {
                Errno error = disk.Rename(stem + suffix, stem + suffix + LogFileNames.DeletedSuffix);
                isDone &= error is Errno.None or Errno.ENOENT;
            }
        }
        return isDone;
    }

    private static bool Delete(Disk disk, string[] stems)
    {
        foreach (string stem in stems)
        {
            foreach (string suffix in s_suffixes)
            {
                Errno error = disk.Delete(stem + suffix + LogFileNames.DeletedSuffix);
                if (error is not (Errno.None or Errno.ENOENT))
                {
                    s_log.Warn("a deleted segment's file stays", ("file", stem + suffix), ("error", error));
                }
            }
        }
        return true;
    }
}
