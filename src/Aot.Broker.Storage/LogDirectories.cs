using System.Diagnostics.CodeAnalysis;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Moves;

namespace Aot.Broker.Storage;

/// <summary>
/// The data directories of this process: locks, identity, the mark of a clean stop, checkpoints, and which partition is
/// where. One instance per process, shared by the <see cref="LogSet"/>s of all cores.
/// </summary>
/// <remarks>
/// Opened before the cores start, closed after their logs are. All members may be called from any thread; those that
/// touch the disk block.
/// </remarks>
public sealed class LogDirectories : IDisposable
{
    private static readonly Logger s_log = Log.For("storage");

    private readonly object _gate = new();
    private readonly Disk _disk;
    private readonly List<LogDirectory> _all;
    private readonly List<LogDirectory> _withMetadata;
    private readonly Dictionary<TopicPartition, LogDirectory> _partitions;
    private readonly Dictionary<TopicPartition, TaskCompletionSource> _held = [];
    private readonly List<string> _leftovers;
    private readonly Action<string, Errno> _onSyncFailure;
    private Action<LogDirectory>? _onFailure;
    private bool _isClosed;

    private LogDirectories(
        Disk disk,
        DirectoryOpening opened,
        LogDirectory metadata,
        Action<string, Errno>? onSyncFailure
    )
    {
        _disk = disk;
        _all = opened.All;
        _withMetadata = opened.WithMetadata;
        _partitions = opened.Partitions;
        _leftovers = opened.Leftovers;
        Offline = opened.Offline;
        Wishes = opened.Wishes;
        Metadata = metadata;
        _onSyncFailure = onSyncFailure ?? StopProcess;
    }

    /// <summary>
    /// Those of <c>log.dirs</c> that could be opened, also when one failed since: where partitions are placed, and what the
    /// broker tells others of.
    /// </summary>
    public IReadOnlyList<LogDirectory> All => _all;

    /// <summary>What the compaction of all cores shares.</summary>
    public Compaction.CleanerShare Cleaners { get; } = new();

    /// <summary>What the moves between directories of all cores share.</summary>
    public MoveShare Moves { get; } = new();

    /// <summary>Where partitions are wanted.</summary>
    public MoveWishes Wishes { get; }

    /// <summary>All of them, and the one of the metadata log where that is apart.</summary>
    public IReadOnlyList<LogDirectory> WithMetadata => _withMetadata;

    /// <summary>Where the metadata log is.</summary>
    public LogDirectory Metadata { get; }

    /// <summary>Those that the disk refused when they were to be opened.</summary>
    public IReadOnlyList<OfflineDirectory> Offline { get; }

    /// <summary>Partitions on the disk: at the start, plus what was made since, minus what was deleted.</summary>
    public int PartitionCount
    {
        get
        {
            lock (_gate)
            {
                return _partitions.Count;
            }
        }
    }

    /// <summary>How far the opening of logs is; for the progress line and the metric.</summary>
    public RecoveryProgress Progress { get; } = new();

    /// <summary>
    /// Makes directories that are missing, locks each, reads what is in it, and takes the mark of a clean stop away.
    /// </summary>
    /// <param name="disk">Where they are.</param>
    /// <param name="paths"><c>log.dirs</c>.</param>
    /// <param name="onSyncFailure">
    /// Called when an fsync failed: the kernel may have dropped what was to be written, so going on would be a lie. The
    /// default prints why and ends the process with exit code 6.
    /// </param>
    /// <param name="metadataPath"><c>metadata.log.dir</c>, which need not be one of the others; null: the first of them.</param>
    /// <remarks>
    /// With several directories, one that the disk refuses is left out (see <see cref="Offline"/>) as long as another one
    /// can be opened. Without that of the metadata log there is no start.
    /// </remarks>
    /// <exception cref="DataDirectoryException">A directory is locked or damaged, or refused by the disk and needed.</exception>
    public static LogDirectories Open(
        Disk disk,
        IReadOnlyList<string> paths,
        Action<string, Errno>? onSyncFailure = null,
        string? metadataPath = null
    )
    {
        DirectoryOpening opening = new(disk);
        try
        {
            LogDirectory metadata = opening.Run(paths, metadataPath ?? paths[0]);
            return new LogDirectories(disk, opening, metadata, onSyncFailure);
        }
        catch
        {
            opening.Undo();
            throw;
        }
    }

    public LogDirectory? Find(string path) => _withMetadata.Find(d => d.Path == path);

    /// <summary>The partitions that were found or made.</summary>
    public IReadOnlyList<TopicPartition> ListNames()
    {
        lock (_gate)
        {
            return [.. _partitions.Keys];
        }
    }

    /// <summary>The partitions that were found, with their topic ids (zero where there is none). Reads a file per partition.</summary>
    public IReadOnlyList<PartitionOnDisk> ListPartitions()
    {
        List<PartitionOnDisk> list = [];
        KeyValuePair<TopicPartition, LogDirectory>[] known;
        lock (_gate)
        {
            known = [.. _partitions];
        }
        foreach ((TopicPartition name, LogDirectory directory) in known)
        {
            string path =
                directory.PathOf(LogFileNames.PartitionDirectory(name)) + "/" + LogFileNames.PartitionMetadata;
            KafkaUuid topicId = default;
            if (_disk.ReadAllBytes(path, out byte[] bytes) == Errno.None)
            {
                PartitionMetadataText.TryRead(bytes, out topicId);
            }
            list.Add(new PartitionOnDisk(name, topicId, directory));
        }
        return list;
    }

    /// <summary>Writes <c>meta.properties</c>: formats the directory, whose own entry is on the disk first, or gives it its id.</summary>
    public void SaveMeta(LogDirectory directory, MetaProperties meta, long wallMillis)
    {
        for (string? above = Path.GetDirectoryName(directory.Path); !string.IsNullOrEmpty(above); )
        {
            Errno unsynced = _disk.SyncDirectory(above);
            // Not every directory above is ours to open; those were there before us.
            if (unsynced is not (Errno.None or Errno.EACCES or Errno.EPERM or Errno.EROFS or Errno.EINVAL))
            {
                throw DataDirectoryException.OfDisk($"cannot sync {above}", unsynced);
            }
            above = Path.GetDirectoryName(above);
        }
        Errno error = _disk.WriteAllBytesAtomically(
            directory.PathOf(LogFileNames.MetaProperties),
            meta.ToBytes(wallMillis)
        );
        if (error != Errno.None)
        {
            throw DataDirectoryException.OfDisk($"cannot write {directory.PathOf(LogFileNames.MetaProperties)}", error);
        }
        directory.Meta = meta;
    }

    /// <summary>
    /// The end of a clean stop, after each core has closed its logs: the checkpoints, then, last, the mark of it, unless a
    /// log is left that needs a recovery.
    /// </summary>
    public void SaveCleanShutdown(long brokerEpoch)
    {
        foreach (LogDirectory directory in _withMetadata.FindAll(static each => !each.IsOffline))
        {
            Errno error = directory.WriteAll();
            if (error == Errno.None && !directory.HasFailed && directory.IsRecovered && !directory.IsApart)
            {
                error = _disk.WriteAllBytesAtomically(
                    directory.PathOf(LogFileNames.CleanShutdown),
                    CleanShutdownText.Write(brokerEpoch)
                );
            }
            if (error != Errno.None)
            {
                s_log.Error(
                    "the mark of a clean stop could not be written: the next start recovers",
                    ("directory", directory.Path),
                    ("error", error)
                );
            }
        }
    }

    /// <summary>Who is told, on any thread and once per directory, that one of several failed.</summary>
    public void WhenDirectoryFails(Action<LogDirectory> onFailure) => _onFailure = onFailure;

    /// <summary>
    /// Writing to a directory failed in a way that does not heal. With another one left, its owner takes it offline; the
    /// only one stays, with the one log that could not be written.
    /// </summary>
    internal void OnWriteFailure(LogDirectory directory, Errno error)
    {
        lock (_gate)
        {
            directory.HasFailed = true;
            bool hasOther = _all.Exists(each => !ReferenceEquals(each, directory) && !each.IsOffline);
            if (directory.IsOffline || !hasOther || _onFailure is null)
            {
                return;
            }
            directory.IsOffline = true;
        }
        s_log.Error(
            "a data directory failed: its partitions go offline",
            ("directory", directory.Path),
            ("error", error)
        );
        _onFailure(directory);
    }

    /// <summary>An fsync failed: ends the process, or does what the owner of this instance asked for.</summary>
    public void StopOnSyncFailure(string path, Errno error)
    {
        // Of a directory that is offline nothing more is promised.
        if (!_all.Exists(each => each.IsOffline && path.StartsWith(each.Path + "/", StringComparison.Ordinal)))
        {
            _onSyncFailure(path, error);
        }
    }

    public void Dispose()
    {
        if (!_isClosed)
        {
            _isClosed = true;
            foreach (LogDirectory directory in _withMetadata)
            {
                _disk.Unlock(directory.LockFile);
            }
        }
    }

    // For the log sets ------------------------------------------------------------------------------------------------

    /// <summary>Where a partition is; else the directory asked for; else the one with the fewest partitions.</summary>
    internal LogDirectory Place(TopicPartition name, string? path)
    {
        lock (_gate)
        {
            if (_partitions.TryGetValue(name, out LogDirectory? present))
            {
                return present;
            }
            LogDirectory chosen = Wishes.TakePreferred(name) ?? (path is null ? null : Find(path)) ?? LeastUsed();
            _partitions.Add(name, chosen);
            return chosen;
        }
    }

    private LogDirectory LeastUsed()
    {
        if (_all.Count == 1)
        {
            return _all[0];
        }
        List<LogDirectory> online = _all.FindAll(static directory => !directory.IsOffline);
        Dictionary<LogDirectory, int> counts = [];
        foreach (LogDirectory directory in _partitions.Values)
        {
            counts[directory] = counts.GetValueOrDefault(directory) + 1;
        }
        return (online.Count > 0 ? online : _all).MinBy(d => counts.GetValueOrDefault(d))!;
    }

    /// <summary>Whether a directory of the partition was found or made.</summary>
    public bool Has(TopicPartition name)
    {
        lock (_gate)
        {
            return _partitions.ContainsKey(name);
        }
    }

    internal void Forget(TopicPartition name)
    {
        lock (_gate)
        {
            if (_partitions.Remove(name, out LogDirectory? place))
            {
                place.SetRecovered(name, true);
            }
        }
    }

    /// <summary>The log continues in another directory.</summary>
    internal void Relocate(TopicPartition name, LogDirectory target)
    {
        lock (_gate)
        {
            _partitions[name] = target;
        }
    }

    /// <summary>
    /// Takes a partition's directory for one log, from before it is opened until it is renamed away. A topic that is made
    /// again under the name of a deleted one may have its partitions on other cores, and each core hears of both at its
    /// own pace: false = another core still has the directory, and <paramref name="released"/> says when no longer.
    /// </summary>
    internal bool TryHold(TopicPartition name, [NotNullWhen(false)] out Task? released)
    {
        lock (_gate)
        {
            released = _held.TryGetValue(name, out TaskCompletionSource? holder) ? holder.Task : null;
            if (released is null)
            {
                _held.Add(name, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
            return released is null;
        }
    }

    /// <summary>The end of what <see cref="TryHold"/> began.</summary>
    internal void Release(TopicPartition name)
    {
        TaskCompletionSource? holder;
        lock (_gate)
        {
            bool held = _held.Remove(name, out holder);
            Invariant.That(held);
        }
        holder!.SetResult();
    }

    /// <summary>Directories of deleted partitions that an earlier process left behind; each is given out once.</summary>
    internal List<string> TakeLeftovers()
    {
        lock (_gate)
        {
            List<string> taken = [.. _leftovers];
            _leftovers.Clear();
            return taken;
        }
    }

    /// <summary>Deletes a directory with the files in it; it has no sub-directories.</summary>
    internal static void DeleteTree(Disk disk, string path)
    {
        List<DiskEntry> entries = [];
        Errno error = disk.List(path, entries);
        foreach (DiskEntry entry in entries)
        {
            disk.Delete(path + "/" + entry.Name);
        }
        error = error == Errno.None ? disk.DeleteDirectory(path) : error;
        if (error is not (Errno.None or Errno.ENOENT))
        {
            s_log.Warn("a deleted partition's directory stays", ("directory", path), ("error", error));
        }
    }

    private static void StopProcess(string path, Errno error)
    {
        // Not through the log: its writer may be behind, and this is the last that the process says.
        Console.Error.WriteLine(
            $"fatal: the disk did not accept written data ({error} from fsync of {path}); stopping, since what was acknowledged may be lost"
        );
        Environment.Exit((int)DataDirectoryProblem.Disk);
    }
}
