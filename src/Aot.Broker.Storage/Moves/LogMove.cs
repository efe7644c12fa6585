using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Producers;

namespace Aot.Broker.Storage.Moves;

/// <summary>
/// Moves one log to another log directory while it is written and read.
/// <code>
/// copied in rounds to topic-partition.id-future      a start copies anew
/// hold: batches wait in the log's queue
///   the rest is copied, marked, all of it synced
/// 1. the copy takes the partition's name, synced     with two directories a start takes the marked one
///   the log continues with the copy's files
/// 2. the old directory becomes -delete, synced
/// 3. the mark goes, synced
/// end of the hold
/// </code>
/// So at each moment one directory has every record that was acknowledged, and the paths that the log opens exist.
/// </summary>
/// <remarks>
/// The core decides and exchanges; what touches the disk runs on helper threads in pieces. Compaction waits for the end of
/// a move. Segments that are deleted meanwhile are deleted from the copy.
/// </remarks>
internal sealed class LogMove(PartitionLog log, LogDirectory target, string future, MoveShare share)
{
    private static readonly Logger s_log = Log.For("storage");

    private const int PieceBytes = 1024 * 1024;

    /// <summary>Copied during the hold at most, at first; it doubles with each round that did not come near enough.</summary>
    private const int HeldBytesMax = 1024 * 1024;
    private const int RoundsMax = 6;

    /// <summary>Between two looks whether the move is still wanted.</summary>
    private const long LookMs = 100;

    private readonly FutureCopy _copy = new(log.Disk, future);
    private readonly MoveState _state = log.Moves;

    private Core Core => log.Core;

    private bool IsWanted => !_state.IsStopping && log.Status == LogStatus.Open;

    /// <summary>The old directory under its new name; null: the log stays where it is.</summary>
    public async ValueTask<string?> RunAsync()
    {
        while (IsWanted && !share.TryBegin())
        {
            await Core.DelayAsync(LookMs);
        }
        if (!IsWanted)
        {
            return null;
        }
        try
        {
            while (IsWanted && log.Cleaning.IsUnderWay)
            {
                await Core.DelayAsync(LookMs);
            }
            await CatchUpAsync();
            return IsWanted ? await SwitchAsync() : null;
        }
        finally
        {
            share.End();
        }
    }

    private async ValueTask CatchUpAsync()
    {
        int round = 0;
        CopyPlan plan = CopyPlan.Of(log);
        while (IsWanted && (round == 0 || _copy.LackOf(plan) > (long)HeldBytesMax << Math.Min(round, RoundsMax)))
        {
            await CopyAsync(plan, isHeld: false);
            await Core.RunInBackgroundAsync(_copy.Sync);
            plan = CopyPlan.Of(log);
            round++;
        }
    }

    /// <summary>False: a segment went away meanwhile, and the plan with it.</summary>
    private async ValueTask<bool> CopyAsync(CopyPlan plan, bool isHeld)
    {
        int next = 0;
        while (next < plan.Files.Count && IsWanted)
        {
            int from = next;
            (Errno error, long bytes, next) = await Core.RunInBackgroundAsync(() =>
            {
                int at = from;
                Errno result = _copy.Step(plan, ref at, PieceBytes, out long copied);
                return (result, copied, at);
            });
            if (error == Errno.ENOENT && plan.Files[next].Segment.IsGone)
            {
                return false;
            }
            if (error != Errno.None)
            {
                throw new MoveException("cannot copy", plan.Source + "/" + plan.Files[next].Name, error);
            }
            _state.CopiedBytes = _copy.Bytes;
            _state.CopiedEndOffset = next < plan.Files.Count ? plan.Files[next].Segment.BaseOffset : plan.EndOffset;
            long wait = share.Charge(bytes, Core.NowNanos);
            while (wait > 0 && IsWanted && !isHeld)
            {
                await Core.DelayAsync(Math.Min(wait, LookMs));
                wait = share.Charge(0, Core.NowNanos);
            }
        }
        return true;
    }

    private async ValueTask<string?> SwitchAsync()
    {
        log.WriteQueued();
        if (!IsWanted || log.Queue.Count > 0)
        {
            return null;
        }
        byte[] producers = ProducerSnapshot.Write(log.Producers);
        byte[] epochs = log.Epochs.ToCheckpoint().Bytes;
        _state.IsHeld = true;
        try
        {
            await log.Jobs.WhenIdleAsync();
            CopyPlan plan = CopyPlan.Of(log);
            bool isWhole = await CopyAsync(plan, isHeld: true);
            Invariant.That(isWhole);
            if (!IsWanted)
            {
                return null;
            }
            await Core.RunInBackgroundAsync(() => Complete(plan, producers, epochs));
            return IsWanted ? await ExchangeAsync() : null;
        }
        finally
        {
            _state.IsHeld = false;
            log.AfterSwap();
            log.MarkAtTurnEnd();
        }
    }

    private bool Complete(CopyPlan plan, byte[] producers, byte[] epochs)
    {
        _copy.DropOthers(plan);
        _copy.Write(LogFileNames.Stem(plan.EndOffset) + LogFileNames.SnapshotSuffix, producers);
        _copy.Write(LogFileNames.LeaderEpochCheckpoint, epochs);
        _copy.Write(MoveMark.Name, default);
        _copy.Verify(plan);
        return _copy.Sync();
    }

    private async ValueTask<string?> ExchangeAsync()
    {
        LogDirectory source = log.LogDirectory;
        string name = LogFileNames.PartitionDirectory(log.Name);
        string old = source.PathOf(name);
        string moved = target.PathOf(name);
        string deleted = source.PathOf(
            LogFileNames.MarkedDirectory(log.Name, NewId(Core), LogFileNames.DeleteDirectorySuffix)
        );
        CheckpointOffsets offsets = new(
            log.LogEndOffset,
            log.HighWatermark,
            log.LogStartOffset > log.Segments.First.BaseOffset ? log.LogStartOffset : 0,
            log.Cleaning.FirstDirtyOffset
        );
        target.Keep(log.Name, offsets);
        try
        {
            await Core.RunInBackgroundAsync(() => TakeName(moved));
        }
        catch (MoveException refused)
        {
            target.Drop(log.Name);
            if (refused.IsUndecided)
            {
                // A start may find the copy under the partition's name: nothing more may be written here.
                log.TakeOffline();
            }
            throw;
        }
        log.Relocate(target, moved);
        target.Adopt(log.Name, Core.Index);
        log.Set.Checkpoints.PublishAll();
        Disk disk = Core.Disk;
        Errno error = await Core.RunInBackgroundAsync(() =>
        {
            Errno result = disk.Rename(old, deleted);
            result = result == Errno.None ? disk.SyncDirectory(source.Path) : result;
            return result == Errno.None ? MoveMark.Delete(disk, moved) : result;
        });
        if (error != Errno.None)
        {
            // Two directories have the partition's name, and only a start may decide between them.
            log.TakeOffline();
            log.Set.Directories.StopOnSyncFailure(old, error);
        }
        return deleted;
    }

    private bool TakeName(string moved)
    {
        MoveException.Check(target.WriteAll(), "cannot write a checkpoint in", target.Path);
        MoveException.Check(Core.Disk.Rename(future, moved), "cannot rename", future);
        Errno error = Core.Disk.SyncDirectory(target.Path);
        if (error != Errno.None)
        {
            log.Set.Directories.StopOnSyncFailure(target.Path, error);
            throw new MoveException("cannot sync", target.Path, error) { IsUndecided = true };
        }
        return true;
    }

    public static string NewId(Core core) => core.NextRandom().ToString("x16") + core.NextRandom().ToString("x16");

    public void Report(MoveException error) =>
        s_log.Error(
            "a partition could not be moved and stays where it is",
            ("partition", log.Name),
            ("from", log.LogDirectory.Path),
            ("to", target.Path),
            ("cause", error.Message),
            ("cure", "see to the disk of the target, and ask again")
        );
}
