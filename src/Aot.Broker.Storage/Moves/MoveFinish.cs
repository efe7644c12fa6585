using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Moves;

/// <summary>A start finds a partition in two log directories: the end of a move that a stop interrupted, or a mistake.</summary>
internal static class MoveFinish
{
    private static readonly Logger s_log = Log.For("storage");

    /// <summary>The directory that counts; the other one is renamed to be deleted.</summary>
    /// <exception cref="DataDirectoryException">No move explains it, or the disk refuses.</exception>
    public static LogDirectory Choose(
        Disk disk,
        TopicPartition name,
        LogDirectory one,
        LogDirectory other,
        List<string> leftovers
    )
    {
        string entry = LogFileNames.PartitionDirectory(name);
        bool isOneMarked = MoveMark.IsIn(disk, one.PathOf(entry));
        bool isOtherMarked = MoveMark.IsIn(disk, other.PathOf(entry));
        long oneBytes = BytesOf(disk, one.PathOf(entry));
        long otherBytes = BytesOf(disk, other.PathOf(entry));
        if (isOneMarked == isOtherMarked || (isOneMarked ? oneBytes < otherBytes : otherBytes < oneBytes))
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.Corrupt,
                $"the partition {name} is in two data directories: {one.Path} and {other.Path}; "
                    + "move the one that is not wanted out of its data directory"
            );
        }
        LogDirectory chosen = isOneMarked ? one : other;
        LogDirectory left = isOneMarked ? other : one;
        string deleted = FreeName(disk, name, left);
        Check(disk.Rename(left.PathOf(entry), deleted), left.PathOf(entry));
        Check(disk.SyncDirectory(left.Path), left.Path);
        Check(MoveMark.Delete(disk, chosen.PathOf(entry)), chosen.PathOf(entry));
        leftovers.Add(deleted);
        s_log.Info("a move of a partition is complete", ("partition", name), ("from", left.Path), ("to", chosen.Path));
        return chosen;
    }

    /// <summary>What a checkpoint still says of a partition that has moved away must not hold when it comes back.</summary>
    public static void DropCheckpointsOfOthers(
        Dictionary<TopicPartition, LogDirectory> homes,
        List<LogDirectory> directories
    )
    {
        foreach (LogDirectory directory in directories.Count > 1 ? directories : [])
        {
            foreach ((TopicPartition name, LogDirectory home) in homes)
            {
                if (!ReferenceEquals(directory, home))
                {
                    directory.Drop(name);
                }
            }
        }
    }

    /// <summary>Nothing was appended to the old directory since; where it has more, it was used without the other one.</summary>
    private static long BytesOf(Disk disk, string directory)
    {
        List<DiskEntry> entries = [];
        Check(disk.List(directory, entries), directory);
        return entries
            .Where(entry => LogFileNames.KindOf(entry.Name, out _) == LogFileKind.Log)
            .Sum(entry => Math.Max(0, disk.LengthOf(directory + "/" + entry.Name)));
    }

    private static string FreeName(Disk disk, TopicPartition name, LogDirectory directory)
    {
        for (long number = 0; ; number++)
        {
            string path = directory.PathOf(
                LogFileNames.MarkedDirectory(name, number.ToString("x32"), LogFileNames.DeleteDirectorySuffix)
            );
            if (!disk.Exists(path))
            {
                return path;
            }
        }
    }

    private static void Check(Errno error, string path)
    {
        if (error != Errno.None)
        {
            throw new DataDirectoryException(DataDirectoryProblem.Disk, $"cannot finish a move, {path}: {error}");
        }
    }
}
