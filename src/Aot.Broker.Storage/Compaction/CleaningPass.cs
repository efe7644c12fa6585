using Aot.Broker.Base;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// One cleaning of one log, seen from its core: the dirty part is mapped, then group after group is written and swapped
/// in. What it throws, the <see cref="LogCleaner"/> understands.
/// </summary>
/// <remarks>
/// A group that was swapped in stays when a later one fails: everything that it lost has a newer record in the log. The
/// checkpoint moves when all groups are done.
/// </remarks>
internal sealed class CleaningPass(PartitionLog log, Dirtiness dirt, CleanerShare share)
{
    private static readonly Logger s_log = Log.For("cleaner");

    /// <summary>Of one piece of work on a helper thread: some 10 ms, so that others get their turn.</summary>
    private const int PieceBytes = 2 * 1024 * 1024;

    /// <summary>Between two looks at the rate, which may be changed meanwhile.</summary>
    private const long WaitMsMax = 1_000;

    private readonly CleanerOptions _options = share.Options;
    private long _bytesBefore;
    private long _bytesAfter;
    private long _removedRecords;

    private Core Core => log.Core;

    public async Task RunAsync()
    {
        CleaningPlan plan = CleaningPlan.Make(log, dirt);
        using OffsetMap map = new(_options.MapBytesMax, _options.LoadFactor);
        using DirtyKeys keys = new(Core.Disk, plan, map);
        while (!keys.IsDone)
        {
            await PieceAsync(keys.Step);
        }
        RecordRetention retention = new()
        {
            Map = map,
            Hasher = plan.Hasher,
            MapEndOffset = keys.EndOffset,
            NowMillis = plan.NowMillis,
            DeleteRetentionMs = plan.Config.DeleteRetentionMs,
            LegacyHorizonMillis = LegacyHorizonOf(plan),
            Producers = new ActiveProducers(plan.Producers),
        };
        using LegacyCleaner messages = new(retention);
        using BatchCleaner batches = new(retention, new CleanedTransactions(plan.AbortedTransactions(Core.Disk)));
        foreach (List<CleanSource> sources in plan.Groups(keys.EndOffset))
        {
            long removed = batches.RemovedRecords + messages.RemovedRecords;
            using GroupCleaner group = new(Core.Disk, plan, sources, batches, messages, _options, keys.EndOffset);
            await CleanAsync(group);
            removed = batches.RemovedRecords + messages.RemovedRecords - removed;
            _removedRecords += removed;
            share.Statistics.AddGroup(FreedBy(group), removed);
        }
        log.Cleaning.FirstDirtyOffset = keys.EndOffset;
        share.Statistics.AddPass(Core.WallMillis);
        Report(plan, keys, map);
    }

    private async Task CleanAsync(GroupCleaner group)
    {
        try
        {
            while (!group.IsDone)
            {
                await PieceAsync(group.Step);
            }
            _bytesBefore += group.Sources.Sum(static s => (long)s.Bytes);
            _bytesAfter += group.Output!.Bytes;
            if (!group.IsUnchanged)
            {
                await SwapAsync(group);
            }
        }
        finally
        {
            if (!group.IsCommitted)
            {
                await Core.RunInBackgroundAsync(() => Drop(group));
            }
        }
    }

    /// <summary>From here on a stop of the log waits until the files have their names again.</summary>
    private async Task SwapAsync(GroupCleaner group)
    {
        Disk disk = Core.Disk;
        IReadOnlyList<CleanSource> sources = group.Sources;
        int first = IndexOfSources(sources);
        string directory = log.Directory;
        log.Cleaning.IsSwapping = true;
        try
        {
            await Core.RunInBackgroundAsync(() =>
            {
                SegmentSwap.Commit(disk, directory, sources[0].BaseOffset);
                return true;
            });
        }
        catch (CleaningException)
        {
            log.Cleaning.IsSwapping = false;
            throw;
        }
        group.IsCommitted = true;
        SegmentHandle pinned = PutIn(group, first);
        try
        {
            await Core.RunInBackgroundAsync(() =>
            {
                SegmentSwap.Replace(disk, directory, sources);
                return true;
            });
        }
        catch (CleaningException)
        {
            // The cleaned segment is read through its descriptors, which stay; the next start finishes the renames.
            log.Status = log.Status == LogStatus.Open ? LogStatus.Offline : log.Status;
            log.LogDirectory.HasFailed = true;
            log.Cleaning.Pinned = pinned;
            throw;
        }
        pinned.Return();
        log.Cleaning.IsSwapping = false;
        log.AfterSwap();
        DeleteLater(directory, sources);
    }

    /// <summary>Where the sources are in the log; they may have been deleted by retention meanwhile.</summary>
    private int IndexOfSources(IReadOnlyList<CleanSource> sources)
    {
        int first = log.Segments.IndexOf(sources[0].BaseOffset);
        for (int i = 0; i < sources.Count; i++)
        {
            if (first < 0 || first + i + 1 >= log.Segments.Count || log.Segments[first + i] != sources[i].Segment)
            {
                throw new CleaningException(CleaningEnd.Interrupted, "segments went away");
            }
        }
        return log.Status == LogStatus.Open
            ? first
            : throw new CleaningException(CleaningEnd.Interrupted, "the log is closed");
    }

    /// <summary>
    /// The cleaned segment takes the sources' place in memory. Its names are not yet there, so it is held open. Fetches that
    /// send from a source finish with its descriptors.
    /// </summary>
    private SegmentHandle PutIn(GroupCleaner group, int first)
    {
        IReadOnlyList<CleanSource> sources = group.Sources;
        (Segment segment, Fd file, Fd offsetIndex, Fd timeIndex) = group.Output!.ToSegment(
            sources[^1].EndOffset,
            sources[^1].ModifiedMillis
        );
        for (int i = 0; i < sources.Count; i++)
        {
            Segment source = log.Segments[first + i];
            source.IsGone = true;
            source.Handle?.Retire();
            source.Handle = null;
        }
        log.Segments.Replace(first, sources.Count, segment);
        SegmentHandle handle = log.Set.Open.Adopt(segment, file);
        handle.OffsetIndex = offsetIndex;
        handle.TimeIndex = timeIndex;
        handle.Borrow();
        return handle;
    }

    private void DeleteLater(string directory, IReadOnlyList<CleanSource> sources)
    {
        Disk disk = Core.Disk;
        long delay = log.Config.FileDeleteDelayMs;
        Core.Spawn(async core =>
        {
            await core.DelayAsync(delay);
            await core.RunInBackgroundAsync(() => SegmentSwap.DeleteMarked(disk, directory, sources));
        });
    }

    /// <summary>One piece on a helper thread; afterwards waits as long as the rate asks.</summary>
    private async Task PieceAsync(Func<long, long> step)
    {
        long bytes = await Core.RunInBackgroundAsync(() => step(PieceBytes));
        share.Statistics.AddIo(bytes);
        share.Charge(bytes, Core.NowNanos);
        long wait = share.WaitMillis(Core.NowNanos);
        while (wait > 0 && log.Status == LogStatus.Open)
        {
            await log.Cleaning.WaitAsync(Core, Math.Min(wait, WaitMsMax));
            wait = share.WaitMillis(Core.NowNanos);
        }
        if (log.Status != LogStatus.Open || !log.Config.IsCompacted)
        {
            throw new CleaningException(CleaningEnd.Interrupted, "the log is closed, or not compacted any more");
        }
    }

    private static bool Drop(GroupCleaner group)
    {
        group.Drop();
        return true;
    }

    private static long FreedBy(GroupCleaner group) =>
        group.Sources.Sum(static s => (long)s.Bytes) - group.Output!.Bytes;

    /// <summary>Tombstones of magic 0 and 1 in segments that are older go: as old as the end of the clean part, less their time.</summary>
    private static long LegacyHorizonOf(CleaningPlan plan)
    {
        CleanSource? lastClean = plan.Sources.LastOrDefault(s => s.BaseOffset < plan.FirstDirtyOffset);
        long retention = plan.Config.DeleteRetentionMs;
        return lastClean is null || retention > lastClean.RetentionTimestamp
            ? long.MinValue
            : lastClean.RetentionTimestamp - retention;
    }

    private void Report(CleaningPlan plan, DirtyKeys keys, OffsetMap map) =>
        s_log.Info(
            "a log was compacted",
            ("partition", log.Name),
            ("fromOffset", plan.FirstDirtyOffset),
            ("toOffset", keys.EndOffset),
            ("keys", map.Count),
            ("bytesBefore", _bytesBefore),
            ("bytesAfter", _bytesAfter),
            ("removedRecords", _removedRecords)
        );
}
