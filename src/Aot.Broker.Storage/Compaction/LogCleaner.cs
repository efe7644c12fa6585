using Aot.Broker.Base;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// Compacts the logs of one core whose <c>cleanup.policy</c> says so: looks at them every <c>log.cleaner.backoff.ms</c>,
/// and cleans the dirtiest first until none is due.
/// </summary>
/// <remarks>
/// Owner: the core, which only decides, and puts the cleaned segment into the log's list. Reading, mapping, writing,
/// renaming are pieces of work on helper threads; a log that is closed waits for one piece at most. A log that cannot be
/// cleaned is named once, with cause and cure, and is passed over until the next start.
/// </remarks>
internal sealed class LogCleaner : ITimerTarget
{
    private const long RetryAfterMs = 60_000;
    private static readonly Logger s_log = Log.For("cleaner");

    private readonly LogSet _logs;
    private readonly CleanerShare _share;
    private TimerHandle _timer;
    private int _workers;
    private bool _hasStopped;

    public LogCleaner(LogSet logs, CleanerShare share)
    {
        _logs = logs;
        _share = share;
        _timer = Schedule();
    }

    private Core Core => _logs.Core;

    public void Stop()
    {
        _hasStopped = true;
        Core.Timers.Cancel(_timer);
    }

    public void OnTimer(long token)
    {
        _timer = Schedule();
        CleanerOptions options = _share.Options;
        bool isDue = FindDirtiest(out _) is not null;
        if (isDue && options.IsEnabled && _workers < options.Threads)
        {
            _workers++;
            Core.Spawn(WorkAsync);
        }
    }

    private TimerHandle Schedule() =>
        Core.Timers.Schedule(Core.NowMillis + Math.Max(1, _share.Options.BackoffMs), this, 0);

    /// <summary>The log that is due and has the largest part to clean; null when none is due.</summary>
    private PartitionLog? FindDirtiest(out Dirtiness dirt)
    {
        PartitionLog? dirtiest = null;
        dirt = default;
        double maxRatio = 0;
        int uncleanable = 0;
        for (int i = 0; i < _logs.All.Count; i++)
        {
            PartitionLog log = _logs.All[i];
            CleaningState state = log.Cleaning;
            uncleanable += state.IsUncleanable ? 1 : 0;
            if (!log.Config.IsCompacted || state.IsUncleanable || log.Status != LogStatus.Open)
            {
                continue;
            }
            Dirtiness found = Dirtiness.Of(log, Core.WallMillis);
            maxRatio = Math.Max(maxRatio, found.Ratio);
            if (found.HasUnreadAges && !state.IsReadingAges)
            {
                state.IsReadingAges = true;
                Core.Spawn(_ => SegmentAges.ReadAsync(log));
            }
            bool isFree = !state.IsUnderWay && log.Moves.Target is null;
            bool mayRun = isFree && state.NotBeforeMillis <= Core.NowMillis && found.IsDue(log.Config);
            if (mayRun && (dirtiest is null || found.Ratio > dirt.Ratio))
            {
                dirtiest = log;
                dirt = found;
            }
        }
        _share.Statistics.Look(Core.Index.Value, maxRatio, uncleanable);
        return dirtiest;
    }

    /// <summary>Cleans until nothing is due.</summary>
    private async ValueTask WorkAsync(Core core)
    {
        bool goesOn = true;
        while (goesOn && !_hasStopped)
        {
            await _share.BeginPassAsync();
            try
            {
                PartitionLog? log = _hasStopped ? null : FindDirtiest(out Dirtiness dirt);
                goesOn = log is not null;
                if (log is not null)
                {
                    await CleanAsync(log, Dirtiness.Of(log, core.WallMillis));
                }
            }
            finally
            {
                _share.EndPass();
            }
        }
        _workers--;
    }

    private async Task CleanAsync(PartitionLog log, Dirtiness dirt)
    {
        log.Cleaning.IsUnderWay = true;
        log.Jobs.Begin();
        try
        {
            await new CleaningPass(log, dirt, _share).RunAsync();
        }
        catch (CleaningException error)
        {
            Fail(log, error);
        }
        finally
        {
            log.Cleaning.IsUnderWay = false;
            log.Jobs.End();
        }
    }

    private void Fail(PartitionLog log, CleaningException error)
    {
        switch (error.End)
        {
            case CleaningEnd.NotSynced:
                _logs.Directories.StopOnSyncFailure(error.Message, error.Error);
                log.Cleaning.IsUncleanable = true;
                break;
            case CleaningEnd.Later:
                log.Cleaning.NotBeforeMillis = Core.NowMillis + RetryAfterMs;
                s_log.Warn(
                    "a log could not be compacted; it is tried again",
                    ("partition", log.Name),
                    ("cause", error.Message),
                    ("cure", error.Cure)
                );
                break;
            case CleaningEnd.Uncleanable:
                log.Cleaning.IsUncleanable = true;
                s_log.Error(
                    "a log cannot be compacted and is left as it is until the next start; its records are served",
                    ("partition", log.Name),
                    ("cause", error.Message),
                    ("cure", error.Cure)
                );
                break;
            default:
                break;
        }
    }
}
