using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Files;

/// <summary>What a core's logs say of themselves in the checkpoint files of their directories, and in their own epoch files.</summary>
/// <remarks>
/// Owner: the core. To publish is to hand numbers to the <see cref="LogDirectory"/>s, which allocates nothing once there is
/// room for them; helper threads write.
/// </remarks>
internal sealed class LogCheckpoints(LogSet set)
{
    private readonly CheckpointJob _job = new(set.Directories);
    private CheckpointEntry[] _entries = [];

    public void PublishAll(bool isClosing = false)
    {
        for (CheckpointKind kind = CheckpointKind.RecoveryPoint; kind <= CheckpointKind.Cleaner; kind++)
        {
            Publish(kind, isClosing);
        }
    }

    private void Publish(CheckpointKind kind, bool isClosing)
    {
        IReadOnlyList<PartitionLog> logs = set.All;
        if (_entries.Length < logs.Count)
        {
            _entries = new CheckpointEntry[Math.Max(16, logs.Count * 2)];
        }
        // By index: an enumerator of a list behind its interface would be an object, every few seconds.
        for (int each = 0; each < set.Directories.WithMetadata.Count; each++)
        {
            LogDirectory directory = set.Directories.WithMetadata[each];
            int count = 0;
            for (int i = 0; i < logs.Count; i++)
            {
                PartitionLog log = logs[i];
                if (ReferenceEquals(log.LogDirectory, directory) && TryOffset(log, kind, isClosing, out long offset))
                {
                    _entries[count++] = new CheckpointEntry(log.Name, offset);
                }
            }
            directory.Publish(kind, set.Core.Index, _entries.AsSpan(0, count));
        }
    }

    /// <summary>
    /// The log start is only written where the first file's name does not say it. The first dirty offset stays when a
    /// topic is not compacted any more, as a sign that its log has gaps.
    /// </summary>
    private static bool TryOffset(PartitionLog log, CheckpointKind kind, bool isClosing, out long offset)
    {
        offset = kind switch
        {
            CheckpointKind.RecoveryPoint => isClosing && log.IsClosedWhole ? log.LogEndOffset : log.RecoveryPoint,
            CheckpointKind.HighWatermark => log.HighWatermark,
            CheckpointKind.Cleaner => log.Cleaning.FirstDirtyOffset,
            _ => log.LogStartOffset,
        };
        return kind switch
        {
            CheckpointKind.LogStart => offset > log.Segments.First.BaseOffset || log.HasNamesLeft,
            CheckpointKind.Cleaner => offset >= 0,
            _ => true,
        };
    }

    /// <summary>Has the files of all directories written, unless that is under way. One core does it for all.</summary>
    public void WriteInBackground()
    {
        if (!_job.IsRunning)
        {
            _job.IsRunning = true;
            set.Core.Background.Run(set.Core, _job);
        }
    }

    /// <summary>Puts the offsets of a directory's logs on the disk now. Logs of other cores: as they last said.</summary>
    public async ValueTask<Errno> WriteAsync(LogDirectory directory)
    {
        PublishAll();
        return await set.Core.RunInBackgroundAsync(directory.WriteAll);
    }

    /// <summary>As <see cref="WriteAsync"/>, of the logs' starts only.</summary>
    public async ValueTask<Errno> WriteLogStartsAsync(LogDirectory directory)
    {
        Publish(CheckpointKind.LogStart, isClosing: false);
        return await set.Core.RunInBackgroundAsync(() => directory.Write(CheckpointKind.LogStart));
    }

    /// <summary>Has the epoch files written of those logs whose epochs changed.</summary>
    public void WriteEpochs()
    {
        for (int i = 0; i < set.All.Count; i++)
        {
            PartitionLog log = set.All[i];
            bool mayWrite = log.Status == LogStatus.Open && !log.Moves.IsHeld;
            if (mayWrite && log.Epochs.TakeDirty(log.LogEndOffset) is var (version, bytes))
            {
                log.Jobs.Begin();
                set.Core.Background.Run(set.Core, new EpochJob(log, version, bytes));
            }
        }
    }
}
