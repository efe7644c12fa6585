using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Moves;

/// <summary>A copy of a partition that is being made in another log directory.</summary>
/// <param name="Directory">Of <c>log.dirs</c>.</param>
/// <param name="Bytes">Copied so far.</param>
/// <param name="OffsetLag">Records that the copy lacks.</param>
public readonly record struct FutureReplica(LogDirectory Directory, long Bytes, long OffsetLag);

/// <summary>The moves of one core's logs between log directories.</summary>
/// <remarks>Owner: the core.</remarks>
public sealed class LogMoves
{
    private static readonly Logger s_log = Log.For("storage");

    private readonly LogSet _logs;

    internal LogMoves(LogSet logs) => _logs = logs;

    /// <summary>Called when a log is in another directory than before.</summary>
    public Action<PartitionLog>? OnMoved { get; set; }

    /// <summary>
    /// Begins to move a log; where it is there already nothing is done, and a move to elsewhere ends. KAFKA_STORAGE_ERROR: the
    /// target refuses, or the log takes no writes.
    /// </summary>
    public async ValueTask<ErrorCode> StartAsync(PartitionLog log, LogDirectory target)
    {
        while (log.Moves.Target is not null)
        {
            if (ReferenceEquals(log.Moves.Target, target))
            {
                return ErrorCode.None;
            }
            await log.Moves.StopAsync(keepsFuture: false);
        }
        if (log.Status != LogStatus.Open)
        {
            return ErrorCode.KafkaStorageError;
        }
        if (ReferenceEquals(log.LogDirectory, target))
        {
            return ErrorCode.None;
        }
        log.Moves.Begin(target);
        string future = target.PathOf(
            LogFileNames.MarkedDirectory(log.Name, LogMove.NewId(_logs.Core), LogFileNames.FutureDirectorySuffix)
        );
        byte[] metadata = PartitionMetadataText.Write(log.TopicId);
        Disk disk = _logs.Core.Disk;
        Errno error = await _logs.Core.RunInBackgroundAsync(() => Make(disk, target.Path, future, metadata));
        if (error != Errno.None)
        {
            s_log.Error("a partition cannot be moved", ("partition", log.Name), ("to", future), ("error", error));
            await DropAsync(future);
            log.Moves.End();
            return ErrorCode.KafkaStorageError;
        }
        _logs.Core.Spawn(_ => RunAsync(log, target, future));
        return ErrorCode.None;
    }

    /// <summary>Null: the log does not move.</summary>
    public static FutureReplica? FutureOf(PartitionLog log) =>
        log.Moves.Target is { } target
            ? new FutureReplica(
                target,
                log.Moves.CopiedBytes,
                Math.Max(0, log.LogEndOffset - log.Moves.CopiedEndOffset)
            )
            : null;

    /// <summary>A log was opened: a move that the last process did not finish begins anew.</summary>
    internal async ValueTask ContinueAsync(PartitionLog log)
    {
        foreach ((LogDirectory directory, string path) in _logs.Directories.Wishes.TakeFutures(log.Name))
        {
            await DropAsync(path);
            if (!ReferenceEquals(directory, log.LogDirectory) && log.Moves.Target is null)
            {
                s_log.Info("a move of a partition goes on", ("partition", log.Name), ("to", directory.Path));
                await StartAsync(log, directory);
            }
        }
    }

    private async ValueTask RunAsync(PartitionLog log, LogDirectory target, string future)
    {
        LogMove move = new(log, target, future, _logs.Directories.Moves);
        LogDirectory source = log.LogDirectory;
        string? old = null;
        try
        {
            old = await move.RunAsync();
        }
        catch (MoveException error)
        {
            move.Report(error);
        }
        if (old is null && !log.Moves.KeepsFuture)
        {
            await DropAsync(future);
        }
        log.Moves.End();
        if (old is not null)
        {
            s_log.Info(
                "a partition was moved",
                ("partition", log.Name),
                ("from", source.Path),
                ("to", target.Path),
                ("endOffset", log.LogEndOffset)
            );
            OnMoved?.Invoke(log);
            await _logs.Core.DelayAsync(log.Config.FileDeleteDelayMs);
            await DropAsync(old);
        }
    }

    private async ValueTask DropAsync(string path)
    {
        Disk disk = _logs.Core.Disk;
        await _logs.Core.RunInBackgroundAsync(() =>
        {
            LogDirectories.DeleteTree(disk, path);
            return true;
        });
    }

    private static Errno Make(Disk disk, string parent, string future, byte[] metadata)
    {
        Errno error = disk.CreateDirectory(future);
        if (error == Errno.None)
        {
            error = disk.WriteAllBytesAtomically(future + "/" + LogFileNames.PartitionMetadata, metadata);
        }
        return error == Errno.None ? disk.SyncDirectory(parent) : error;
    }
}
