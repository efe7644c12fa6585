using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Moves;

namespace Aot.Broker.Storage;

/// <summary>
/// The start of <see cref="LogDirectories"/>: makes, locks and reads each of them, and finds which partition is where.
/// What the disk refuses is left out where the others can do without it.
/// </summary>
internal sealed class DirectoryOpening(Disk disk)
{
    private static readonly Logger s_log = Log.For("storage");

    private LogDirectory? _metadata;

    public List<LogDirectory> All { get; } = [];

    public List<LogDirectory> WithMetadata { get; } = [];

    public List<OfflineDirectory> Offline { get; } = [];

    public Dictionary<TopicPartition, LogDirectory> Partitions { get; } = [];

    /// <summary>Directories of deleted partitions.</summary>
    public List<string> Leftovers { get; } = [];

    public MoveWishes Wishes { get; } = new();

    /// <summary>Opens all of them; the one of the metadata log.</summary>
    public LogDirectory Run(IReadOnlyList<string> paths, string metadataPath)
    {
        foreach (string path in paths)
        {
            TryOpen(path, isNeeded: paths.Count == 1);
        }
        LogDirectory metadata = OpenMetadata(metadataPath);
        foreach (LogDirectory directory in WithMetadata.ToArray())
        {
            Try(directory.Path, directory == metadata, () => FindPartitions(directory));
        }
        DirectoryIdentities.Check(WithMetadata);
        MoveFinish.DropCheckpointsOfOthers(Partitions, WithMetadata);
        foreach ((TopicPartition name, LogDirectory place) in Partitions)
        {
            place.SetRecovered(name, place.HadCleanShutdown);
        }
        return metadata;
    }

    /// <summary>Gives back what was opened.</summary>
    public void Undo()
    {
        foreach (LogDirectory directory in WithMetadata)
        {
            disk.Unlock(directory.LockFile);
        }
    }

    private void TryOpen(string path, bool isNeeded) =>
        Try(path, isNeeded, () => All.Add(OpenOne(path, isApart: false)));

    private LogDirectory OpenMetadata(string path)
    {
        if (Offline.Find(each => each.Path == path) is { } refused)
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.Disk,
                $"the directory of the metadata log cannot be used: {refused.Reason}"
            );
        }
        if (All.Count == 0)
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.Disk,
                $"none of the data directories can be used: {string.Join("; ", Offline.Select(static each => each.Reason))}"
            );
        }
        return _metadata = All.Find(d => d.Path == path) ?? OpenOne(path, isApart: true);
    }

    /// <summary>A part of the opening of a directory, which is left out where the disk refuses it and it is not needed.</summary>
    private void Try(string path, bool isNeeded, Action open)
    {
        try
        {
            open();
        }
        catch (DataDirectoryException error) when (error.Problem == DataDirectoryProblem.Disk && !isNeeded)
        {
            s_log.Error(
                "a data directory is offline: the broker goes on without its partitions",
                ("directory", path),
                ("why", error.Message)
            );
            Offline.Add(new OfflineDirectory(path, error.Message));
            if (WithMetadata.Find(directory => directory.Path == path) is { } opened)
            {
                LeaveOut(opened);
            }
        }
    }

    private void LeaveOut(LogDirectory directory)
    {
        disk.Unlock(directory.LockFile);
        All.Remove(directory);
        WithMetadata.Remove(directory);
        foreach ((TopicPartition name, LogDirectory place) in Partitions.ToArray())
        {
            if (ReferenceEquals(place, directory))
            {
                Partitions.Remove(name);
            }
        }
    }

    private LogDirectory OpenOne(string path, bool isApart)
    {
        Errno error = disk.CreateDirectories(path);
        Check(error, $"cannot make the data directory {path}");
        error = disk.Lock(path + "/" + LogFileNames.Lock, out Fd lockFile);
        if (error == Errno.EAGAIN)
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.NotOurs,
                $"the data directory {path} is in use by another process (its {LogFileNames.Lock} file is locked)"
            );
        }
        Check(error, $"cannot lock the data directory {path}");
        LogDirectory directory = new(disk, path, lockFile) { IsApart = isApart };
        WithMetadata.Add(directory);
        ReadMeta(directory);
        if (!isApart)
        {
            ReadCleanShutdown(directory);
        }
        Check(directory.Load(), $"cannot read the checkpoints of {path}");
        if (!directory.HadCleanShutdown)
        {
            // What a killed process made last may be found now and gone after a power loss, and with it what is synced in it.
            Check(disk.SyncDirectory(path), $"cannot sync {path}");
        }
        return directory;
    }

    private void ReadMeta(LogDirectory directory)
    {
        string path = directory.PathOf(LogFileNames.MetaProperties);
        Errno error = disk.ReadAllBytes(path, out byte[] bytes);
        if (error == Errno.ENOENT)
        {
            return;
        }
        Check(error, $"cannot read {path}");
        directory.Meta = MetaProperties.TryParse(bytes, out string problem);
        if (directory.Meta is null)
        {
            throw new DataDirectoryException(DataDirectoryProblem.Corrupt, $"{path} cannot be used: {problem}");
        }
    }

    private void ReadCleanShutdown(LogDirectory directory)
    {
        string path = directory.PathOf(LogFileNames.CleanShutdown);
        Errno error = disk.ReadAllBytes(path, out byte[] bytes);
        if (error == Errno.ENOENT)
        {
            return;
        }
        Check(error, $"cannot read {path}");
        directory.HadCleanShutdown = true;
        directory.PreviousBrokerEpoch = CleanShutdownText.BrokerEpochOf(bytes);
        Check(disk.Delete(path), $"cannot delete {path}");
        Check(disk.SyncDirectory(directory.Path), $"cannot sync {directory.Path}");
    }

    private void FindPartitions(LogDirectory directory)
    {
        List<DiskEntry> entries = [];
        Check(disk.List(directory.Path, entries), $"cannot list {directory.Path}");
        foreach (DiskEntry entry in entries)
        {
            if (!entry.IsDirectory)
            {
                continue;
            }
            if (LogFileNames.IsMarked(entry.Name, LogFileNames.DeleteDirectorySuffix))
            {
                Leftovers.Add(directory.PathOf(entry.Name));
            }
            else if (LogFileNames.IsMarked(entry.Name, LogFileNames.FutureDirectorySuffix))
            {
                Wishes.AddFuture(directory, entry.Name);
            }
            else if (!LogFileNames.IsMarked(entry.Name, LogFileNames.StrayDirectorySuffix))
            {
                AddPartition(directory, entry.Name);
            }
        }
    }

    private void AddPartition(LogDirectory directory, string entry)
    {
        if (!LogFileNames.TryParsePartitionDirectory(entry, out TopicPartition name))
        {
            s_log.Warn(
                "a directory among the partitions is not one and is passed over",
                ("directory", directory.PathOf(entry))
            );
            return;
        }
        bool belongs = name == TopicPartition.ClusterMetadata ? directory == _metadata : !directory.IsApart;
        if (!belongs)
        {
            s_log.Warn(
                "a partition in the wrong one of log.dirs and metadata.log.dir is passed over",
                ("directory", directory.PathOf(entry))
            );
            return;
        }
        if (!Partitions.TryAdd(name, directory))
        {
            Partitions[name] = MoveFinish.Choose(disk, name, Partitions[name], directory, Leftovers);
        }
    }

    private static void Check(Errno error, string what)
    {
        if (error != Errno.None)
        {
            throw DataDirectoryException.OfDisk(what, error);
        }
    }
}
