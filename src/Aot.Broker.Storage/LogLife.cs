using Aot.Broker.Protocol;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Recovery;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage;

/// <summary>How a log goes to sleep and how it ends. On the log's core.</summary>
internal sealed class LogLife(
    PartitionLog log,
    LogAppender appender,
    LogFlusher flusher,
    SegmentRoller roller,
    LogTruncation truncation
)
{
    public async ValueTask CloseAsync(bool clean)
    {
        await log.Moves.StopAsync(keepsFuture: true);
        if (log.Status == LogStatus.Closed)
        {
            return;
        }
        if (log.Status == LogStatus.Truncating)
        {
            await truncation.Ended;
        }
        if (log.Status == LogStatus.Open)
        {
            log.WriteQueued();
            if (clean && !log.Waiters.IsEmpty)
            {
                await flusher.FlushAsync();
            }
            log.Publish();
        }
        bool mayWrite = log.Status == LogStatus.Open;
        End(ErrorCode.NotLeaderOrFollower);
        await flusher.StopAsync();
        if (clean && mayWrite)
        {
            log.IsClosedWhole = await LogCloser.RunAsync(log);
        }
        roller.DropPrepared();
        ReleaseHandles();
    }

    /// <summary>The topic is gone: whoever waits hears it, descriptors close with their last use.</summary>
    public async ValueTask AbandonAsync()
    {
        await log.Moves.StopAsync(keepsFuture: false);
        End(ErrorCode.UnknownTopicOrPartition);
        await flusher.StopAsync();
        roller.DropPrepared();
        ReleaseHandles();
    }

    /// <summary>The disk of the log failed: whoever waits hears KAFKA_STORAGE_ERROR, and so does who comes.</summary>
    public void TakeOffline()
    {
        if (log.Status is LogStatus.Open)
        {
            log.Status = LogStatus.Offline;
            log.Queue.UndoSlow(log.Producers);
            log.Queue.Release();
            appender.CloseLine();
            log.NextOffset = log.LogEndOffset;
            log.Epochs.TruncateFromEnd(log.LogEndOffset + 1);
            log.Waiters.Fail(0, ErrorCode.KafkaStorageError);
            log.Core.Purgatory.CheckAndComplete(log.WatchKey);
            log.MarkAtTurnEnd();
        }
    }

    /// <summary>Gives back what an idle log does not need; descriptors are the business of <see cref="OpenSegments"/>.</summary>
    public void ReleaseMemory()
    {
        bool isBusy = log.Queue.Count > 0 || !log.Waiters.IsEmpty || appender.HasLine;
        if (isBusy || log.Cleaning.IsSwapping || log.Moves.IsHeld || log.Status == LogStatus.Truncating)
        {
            return;
        }
        log.Segments.Active.WriteIndexTails(log.Disk, sync: false);
        for (int i = 0; i < log.Segments.Count; i++)
        {
            log.Segments[i].ReleaseMemory();
        }
        log.Tail.ReleaseMemory();
        flusher.ReleaseReserved();
        log.HoldsMemory = false;
    }

    /// <summary>The log takes no more work; whoever waits for it hears why.</summary>
    private void End(ErrorCode error)
    {
        log.Status = LogStatus.Closed;
        appender.CloseLine();
        log.Cleaning.Interrupt();
        log.Queue.UndoSlow(log.Producers);
        log.Queue.Release();
        log.Waiters.Fail(0, error);
        log.Core.Purgatory.CheckAndComplete(log.WatchKey);
        log.MarkAtTurnEnd();
    }

    private void ReleaseHandles()
    {
        for (int i = 0; i < log.Segments.Count; i++)
        {
            log.Segments[i].Handle?.Retire();
        }
        log.Cleaning.Pinned?.Return();
        log.Cleaning.Pinned = null;
    }
}
