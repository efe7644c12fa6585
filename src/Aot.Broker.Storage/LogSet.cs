using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Compaction;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Moves;
using Aot.Broker.Storage.Recovery;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage;

/// <summary>All partition logs of one core, and what is done for them from time to time.</summary>
/// <remarks>
/// Owner: the core; attach it with <c>core.Set(new LogSet(core, directories))</c>. Loading, deleting and closing run on
/// helper threads, several at once. The periodic work allocates nothing once it has its sizes.
/// </remarks>
public sealed class LogSet : ITimerTarget
{
    private static readonly Logger s_log = Log.For("storage");
    private const long ProgressMs = 1_000;

    /// <summary>Nodes at the start: what a few busy connections have in flight at once. They cost 125 KiB a core.</summary>
    private const int WaitersFilled = 1024;
    private const int BatchesFilled = 256;

    private readonly Dictionary<(KafkaUuid TopicId, int Partition), PartitionLog> _byId = [];
    private readonly Dictionary<TopicPartition, PartitionLog> _byName = [];
    private readonly List<PartitionLog> _logs = [];
    private readonly Dictionary<TopicPartition, Task> _opening = [];
    private readonly LogSetOptions _options;
    private readonly LogCleaner _cleaner;
    private readonly NewDirectories _newDirectories;
    private TimerHandle _timer;
    private long _nextRecoveryPoint;
    private long _nextRetention;
    private long _nextExpiration;
    private bool _isClosed;

    public LogSet(Core core, LogDirectories directories, LogSetOptions? options = null)
    {
        Core = core;
        Directories = directories;
        _options = options ?? new LogSetOptions();
        Open = new OpenSegments(core.Disk, _options.OpenSegmentsMax);
        Checks = new ClientBatches(_options.JudgedOnCoreBytesMax);
        Judges = new JudgePool(core);
        Dirty = new DirtyBytes(_options, core.CoreCount);
        _newDirectories = new NewDirectories(core);
        _nextRecoveryPoint = core.NowMillis + _options.RecoveryPointCheckpointMs;
        _nextRetention = core.NowMillis + _options.RetentionCheckMs;
        _nextExpiration = core.NowMillis + _options.ProducerExpirationCheckMs;
        _timer = core.Timers.Schedule(core.NowMillis + ProgressMs, this, 0);
        _cleaner = new LogCleaner(this, directories.Cleaners);
        Checkpoints = new LogCheckpoints(this);
        Moves = new LogMoves(this);
        DeleteLeftovers(directories.TakeLeftovers());
    }

    public Core Core { get; }

    public LogDirectories Directories { get; }

    /// <summary>In no particular order. Do not open or delete a log while walking it.</summary>
    public IReadOnlyList<PartitionLog> All => _logs;

    /// <summary>No log is opened any more.</summary>
    public bool IsClosed => _isClosed;

    public LogMoves Moves { get; }

    internal LogCheckpoints Checkpoints { get; }

    internal OpenSegments Open { get; }

    internal ClientBatches Checks { get; }

    internal JudgePool Judges { get; }

    internal DirtyBytes Dirty { get; }

    internal LogSetOptions Options => _options;

    /// <summary>Who waits for a write, of all logs.</summary>
    internal NodePool<Waiter> Waiters { get; } = new(WaitersFilled);

    /// <summary>Batches that wait for the write at the end of the turn, of all logs.</summary>
    internal NodePool<QueuedBatch> Batches { get; } = new(BatchesFilled);

    [HotPath]
    public PartitionLog? Find(in KafkaUuid topicId, int partition)
    {
        _byId.TryGetValue((topicId, partition), out PartitionLog? log);
        return log;
    }

    [HotPath]
    public PartitionLog? Find(string topic, int partition)
    {
        _byName.TryGetValue(new TopicPartition(topic, partition), out PartitionLog? log);
        return log;
    }

    /// <summary>
    /// Opens the partition's log, recovering it if need be, or makes it. <paramref name="logDirectory"/> is where a new
    /// one goes; null = where the fewest are. INCONSISTENT_TOPIC_ID: the directory is another topic's of the same name
    /// (see <see cref="MarkStrayAsync"/>); KAFKA_STORAGE_ERROR: the disk refused, and the log has the reason.
    /// </summary>
    public async ValueTask<(ErrorCode Error, PartitionLog? Log)> OpenAsync(
        TopicPartition name,
        KafkaUuid topicId,
        LogConfig config,
        string? logDirectory = null
    )
    {
        while (_opening.TryGetValue(name, out Task? other))
        {
            await other;
        }
        if (_byName.TryGetValue(name, out PartitionLog? present))
        {
            return present.TopicId == topicId ? (ErrorCode.None, present) : (ErrorCode.InconsistentTopicId, null);
        }
        TaskCompletionSource opened = new(TaskCreationOptions.RunContinuationsAsynchronously);
        _opening.Add(name, opened.Task);
        while (!Directories.TryHold(name, out Task? released))
        {
            await released;
        }
        (ErrorCode Error, PartitionLog? Log) result = await LoadAsync(name, topicId, config, logDirectory);
        if (result.Log is null)
        {
            Directories.Release(name);
        }
        _opening.Remove(name);
        opened.SetResult();
        return result;
    }

    private async ValueTask<(ErrorCode Error, PartitionLog? Log)> LoadAsync(
        TopicPartition name,
        KafkaUuid topicId,
        LogConfig config,
        string? logDirectory
    )
    {
        LogDirectory directory = Directories.Place(name, logDirectory);
        CheckpointOffsets offsets = directory.OffsetsOf(name);
        LoadRequest request = new()
        {
            Name = name,
            TopicId = topicId,
            Config = config,
            LogDirectory = directory,
            Directory = directory.PathOf(LogFileNames.PartitionDirectory(name)),
            RecoveryPoint = offsets.RecoveryPoint,
            LogStartOffset = offsets.LogStart,
            HighWatermark = offsets.HighWatermark,
            WasCompacted = offsets.FirstDirty >= 0,
            IsClean = directory.HadCleanShutdown,
            NowMillis = Core.WallMillis,
            Progress = Directories.Progress,
        };
        Directories.Progress.Begin(Core.NowMillis);
        Disk disk = Core.Disk;
        (ErrorCode error, LoadedLog? loaded) = await Core.RunInBackgroundAsync(() => TryLoad(disk, request));
        if (loaded is { IsNew: true } && await _newDirectories.SyncAsync(loaded) is var failure and not Errno.None)
        {
            s_log.Error("a partition's directory is not on the disk", ("partition", name), ("error", failure));
            (error, loaded) = (ErrorCode.KafkaStorageError, null);
        }
        Directories.Progress.End(loaded, Core.NowMillis);
        // A log that comes up behind the close of the others is not closed any more.
        directory.SetRecovered(name, loaded is not null && !_isClosed);
        if (loaded is null)
        {
            return (error, null);
        }
        Invariant.That(!_byName.ContainsKey(name));
        PartitionLog log = new(Core, this, loaded);
        log.Cleaning.FirstDirtyOffset = loaded.IsNew ? -1 : offsets.FirstDirty;
        _byName.Add(name, log);
        _byId.Add((log.TopicId, name.Partition), log);
        _logs.Add(log);
        directory.Adopt(name, Core.Index);
        if (Directories.Wishes.HasFutures)
        {
            Core.Spawn(_ => Moves.ContinueAsync(log));
        }
        return (ErrorCode.None, log);
    }

    /// <summary>
    /// The topic was deleted: waiting requests hear UNKNOWN_TOPIC_OR_PARTITION, the directory is renamed before this
    /// returns, and its bytes are freed after <c>file.delete.delay.ms</c>.
    /// </summary>
    public async ValueTask<ErrorCode> DeleteAsync(PartitionLog log)
    {
        Remove(log);
        await log.AbandonAsync();
        long delay = log.Config.FileDeleteDelayMs;
        (ErrorCode error, string? marked) = await MarkAsync(
            log.LogDirectory,
            log.Name,
            LogFileNames.DeleteDirectorySuffix
        );
        Directories.Release(log.Name);
        if (marked is not null)
        {
            Disk disk = Core.Disk;
            Core.Spawn(async core =>
            {
                await core.DelayAsync(delay);
                await core.RunInBackgroundAsync(() => DeleteTree(disk, marked));
            });
        }
        return error;
    }

    /// <summary>
    /// Puts a partition directory aside that the metadata does not know (<c>-stray</c>); it is kept for a person. No log
    /// of it may be open.
    /// </summary>
    public async ValueTask<ErrorCode> MarkStrayAsync(TopicPartition name)
    {
        Invariant.That(!_byName.ContainsKey(name));
        LogDirectory directory = Directories.Place(name, null);
        (ErrorCode error, _) = await MarkAsync(directory, name, LogFileNames.StrayDirectorySuffix);
        return error;
    }

    /// <summary>See <see cref="PartitionLog.DeleteRecordsAsync"/>.</summary>
    internal async ValueTask<ErrorCode> DeleteRecordsAsync(PartitionLog log, long offset)
    {
        ErrorCode error = log.DeleteRecordsBefore(offset);
        if (error != ErrorCode.None)
        {
            return error;
        }
        await log.NamesTaken;
        if (log.Status == LogStatus.Closed)
        {
            return ErrorCode.NotLeaderOrFollower;
        }
        Errno written = await Checkpoints.WriteLogStartsAsync(log.LogDirectory);
        return written == Errno.None ? ErrorCode.None : ErrorCode.KafkaStorageError;
    }

    /// <summary>
    /// Closes all logs of this core; clean = as Kafka leaves them. When every core has done so, the owner of the process
    /// calls <see cref="LogDirectories.SaveCleanShutdown"/>.
    /// </summary>
    public async ValueTask CloseAsync(bool clean)
    {
        if (_isClosed)
        {
            return;
        }
        _isClosed = true;
        Core.Timers.Cancel(_timer);
        _cleaner.Stop();
        Task[] closing = new Task[_logs.Count];
        for (int i = 0; i < closing.Length; i++)
        {
            closing[i] = _logs[i].CloseAsync(clean).AsTask();
        }
        await CoreTasks.AllAsync(closing);
        _logs.ForEach(log => Directories.Release(log.Name));
        Checks.Dispose();
        Judges.Dispose();
        Checkpoints.PublishAll(isClosing: clean);
    }

    /// <summary>A topic's retention was changed: the next look at the logs applies it.</summary>
    internal void CheckRetentionSoon() => _nextRetention = Math.Min(_nextRetention, Core.NowMillis);

    /// <summary>A directory failed: its logs of this core take and give nothing any more.</summary>
    public void TakeOffline(LogDirectory directory)
    {
        foreach (PartitionLog log in _logs)
        {
            if (ReferenceEquals(log.LogDirectory, directory))
            {
                log.TakeOffline();
            }
        }
    }

    // From time to time ------------------------------------------------------------------------------------------------

    public void OnTimer(long token)
    {
        long now = Core.NowMillis;
        Open.NowMillis = now;
        bool isOpening = Directories.Progress.IsUnderWay;
        if (isOpening && Core.Index.Value == 0)
        {
            LogProgress();
        }
        _timer = Core.Timers.Schedule(now + (isOpening ? ProgressMs : _options.HighWatermarkCheckpointMs), this, 0);
        if (now >= _nextRetention)
        {
            _nextRetention = now + _options.RetentionCheckMs;
            for (int i = 0; i < _logs.Count; i++)
            {
                _logs[i].ApplyRetention(Core.WallMillis);
            }
        }
        if (now >= _nextExpiration)
        {
            _nextExpiration = now + _options.ProducerExpirationCheckMs;
            for (int i = 0; i < _logs.Count; i++)
            {
                _logs[i].ExpireProducers(Core.WallMillis);
            }
        }
        ReleaseIdle(now);
        Checkpoint(now);
    }

    /// <summary>Logs that were not used for a while keep nothing but their numbers.</summary>
    private void ReleaseIdle(long now)
    {
        long before = now - _options.IdleAfterMs;
        for (int i = 0; i < _logs.Count; i++)
        {
            if (_logs[i].HoldsMemory && _logs[i].LastUsedMillis <= before)
            {
                _logs[i].ReleaseMemory();
            }
        }
        Open.CloseIdle(before);
        Checks.Trim();
    }

    private void Checkpoint(long now)
    {
        bool isDue = now >= _nextRecoveryPoint;
        _nextRecoveryPoint = isDue ? now + _options.RecoveryPointCheckpointMs : _nextRecoveryPoint;
        for (int i = 0; i < _logs.Count; i++)
        {
            _logs[i].SyncBeyond(isDue ? _options.UnsyncedBytesMax : _options.UnsyncedBytesOfBusyMax);
        }
        Checkpoints.PublishAll();
        Checkpoints.WriteEpochs();
        if (Core.Index.Value == 0)
        {
            Checkpoints.WriteInBackground();
        }
    }

    private void LogProgress() =>
        s_log.Info(
            "opening logs",
            ("opened", Directories.Progress.Opened),
            ("of", Directories.PartitionCount),
            ("scannedBytes", Directories.Progress.ScannedBytes),
            ("secondsLeft", Directories.Progress.SecondsLeft(Directories.PartitionCount, Core.NowMillis))
        );

    // Off the core -----------------------------------------------------------------------------------------------------

    private static (ErrorCode, LoadedLog?) TryLoad(Disk disk, LoadRequest request)
    {
        try
        {
            return (ErrorCode.None, LogLoader.Load(disk, request));
        }
        catch (InconsistentTopicIdException error)
        {
            s_log.Error(
                "a partition's directory belongs to another topic of this name",
                ("partition", request.Name),
                ("topicId", request.TopicId),
                ("found", error.Found)
            );
            return (ErrorCode.InconsistentTopicId, null);
        }
        catch (LogLoadException error)
        {
            s_log.Error("a log cannot be opened", ("partition", request.Name), ("error", error.Message));
            return (ErrorCode.KafkaStorageError, null);
        }
    }

    private async ValueTask<(ErrorCode, string?)> MarkAsync(LogDirectory directory, TopicPartition name, string suffix)
    {
        string id = Core.NextRandom().ToString("x16") + Core.NextRandom().ToString("x16");
        string source = directory.PathOf(LogFileNames.PartitionDirectory(name));
        string target = directory.PathOf(LogFileNames.MarkedDirectory(name, id, suffix));
        Disk disk = Core.Disk;
        Errno error = await Core.RunInBackgroundAsync(() =>
        {
            Errno renamed = disk.Rename(source, target);
            return renamed == Errno.None ? disk.SyncDirectory(directory.Path) : renamed;
        });
        if (error != Errno.None)
        {
            s_log.Error("a partition's directory could not be renamed", ("directory", source), ("error", error));
            return (ErrorCode.KafkaStorageError, null);
        }
        directory.Drop(name);
        Directories.Forget(name);
        return (ErrorCode.None, target);
    }

    private void Remove(PartitionLog log)
    {
        bool found = _byName.Remove(log.Name) && _byId.Remove((log.TopicId, log.Name.Partition));
        Invariant.That(found);
        _logs.Remove(log);
    }

    private void DeleteLeftovers(List<string> leftovers)
    {
        if (leftovers.Count == 0)
        {
            return;
        }
        Disk disk = Core.Disk;
        Core.Spawn(async core =>
        {
            foreach (string path in leftovers)
            {
                await core.RunInBackgroundAsync(() => DeleteTree(disk, path));
            }
        });
    }

    private static bool DeleteTree(Disk disk, string path)
    {
        LogDirectories.DeleteTree(disk, path);
        return true;
    }
}
