using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>What a partition directory holds after <see cref="DirectorySweep"/>.</summary>
internal sealed class DirectoryContent
{
    /// <summary>Base offsets of the segments, ascending.</summary>
    public List<long> Segments { get; } = [];

    /// <summary>Offsets of the producer snapshots, ascending.</summary>
    public List<long> Snapshots { get; } = [];

    public HashSet<long> OffsetIndexes { get; } = [];

    public HashSet<long> TimeIndexes { get; } = [];

    public HashSet<long> TransactionIndexes { get; } = [];

    public bool HasEpochs { get; set; }

    public bool HasMetadata { get; set; }
}

/// <summary>
/// Finishes or takes back what a stop left half done in a partition directory: deletions (<c>.deleted</c>), unfinished
/// compactions (<c>.cleaned</c>), finished ones whose files were being swapped in (<c>.swap</c>), indexes of segments
/// that are gone, temporary files. Kafka's rules. Runs on a helper thread before the log is open.
/// </summary>
internal static class DirectorySweep
{
    public static DirectoryContent Run(Disk disk, string directory)
    {
        List<DiskEntry> entries = List(disk, directory);
        long smallestCleaned = long.MaxValue;
        bool isChanged = false;
        List<(string Name, long Base)> swaps = [];
        foreach (DiskEntry entry in entries)
        {
            LogFileKind kind = LogFileNames.KindOf(entry.Name, out long baseOffset);
            if (kind == LogFileKind.Cleaned)
            {
                smallestCleaned = Math.Min(smallestCleaned, baseOffset);
            }
            if (kind is LogFileKind.Cleaned or LogFileKind.Deleted or LogFileKind.Prepared || IsTemporary(entry.Name))
            {
                Delete(disk, directory, entry.Name);
                isChanged = true;
            }
            else if (kind == LogFileKind.Swap)
            {
                swaps.Add((entry.Name, baseOffset));
                isChanged = true;
            }
        }
        // A swap at or above an unfinished output belongs to the same unfinished work: its sources are all still there.
        foreach ((string name, _) in swaps.FindAll(s => s.Base >= smallestCleaned))
        {
            Delete(disk, directory, name);
        }
        swaps.RemoveAll(s => s.Base >= smallestCleaned);
        if (swaps.Count > 0)
        {
            FinishSwap(disk, directory, entries, swaps);
        }
        // Most directories are as a stop has left them: one look at each is enough.
        return Collect(disk, directory, isChanged ? List(disk, directory) : entries);
    }

    /// <summary>The swapped-in segments replace all plain ones in their range of offsets, then lose their suffix.</summary>
    private static void FinishSwap(
        Disk disk,
        string directory,
        List<DiskEntry> entries,
        List<(string Name, long Base)> swaps
    )
    {
        long from = long.MaxValue;
        long to = -1;
        foreach ((string name, long baseOffset) in swaps)
        {
            if (name.EndsWith(LogFileNames.LogSuffix + LogFileNames.SwapSuffix, StringComparison.Ordinal))
            {
                from = Math.Min(from, baseOffset);
                to = Math.Max(to, EndOfSegment(disk, directory + "/" + name, baseOffset));
            }
        }
        foreach (DiskEntry entry in entries)
        {
            LogFileKind kind = LogFileNames.KindOf(entry.Name, out long baseOffset);
            bool isSegmentFile =
                kind
                is LogFileKind.Log
                    or LogFileKind.OffsetIndex
                    or LogFileKind.TimeIndex
                    or LogFileKind.TransactionIndex;
            if (isSegmentFile && baseOffset >= from && baseOffset < to)
            {
                Delete(disk, directory, entry.Name);
            }
        }
        // A source that comes back beside the segment that replaced it would be records twice.
        LogLoadException.Check(disk.SyncDirectory(directory), "cannot sync", directory);
        foreach ((string name, _) in swaps)
        {
            string source = directory + "/" + name;
            LogLoadException.Check(
                disk.Rename(source, source[..^LogFileNames.SwapSuffix.Length]),
                "cannot rename",
                source
            );
        }
        LogLoadException.Check(disk.SyncDirectory(directory), "cannot sync", directory);
    }

    private static long EndOfSegment(Disk disk, string path, long baseOffset)
    {
        LogLoadException.Check(disk.Open(path, DiskOpen.ReadOnly, out Base.Fd file), "cannot open", path);
        SegmentScanner batches = new(disk, file, 0, Math.Max(0, disk.Length(file)), wholeBatches: false);
        long end = baseOffset;
        while (batches.MoveNext())
        {
            end = batches.Header.NextOffset;
        }
        disk.Close(file);
        return end;
    }

    private static DirectoryContent Collect(Disk disk, string directory, List<DiskEntry> entries)
    {
        DirectoryContent content = new();
        foreach (DiskEntry entry in entries)
        {
            switch (LogFileNames.KindOf(entry.Name, out long baseOffset))
            {
                case LogFileKind.Log:
                    content.Segments.Add(baseOffset);
                    break;
                case LogFileKind.OffsetIndex:
                    content.OffsetIndexes.Add(baseOffset);
                    break;
                case LogFileKind.TimeIndex:
                    content.TimeIndexes.Add(baseOffset);
                    break;
                case LogFileKind.TransactionIndex:
                    content.TransactionIndexes.Add(baseOffset);
                    break;
                case LogFileKind.Snapshot:
                    content.Snapshots.Add(baseOffset);
                    break;
                default:
                    content.HasEpochs |= entry.Name == LogFileNames.LeaderEpochCheckpoint;
                    content.HasMetadata |= entry.Name == LogFileNames.PartitionMetadata;
                    break;
            }
        }
        content.Segments.Sort();
        content.Snapshots.Sort();
        DeleteOrphans(disk, directory, content.OffsetIndexes, content, LogFileNames.OffsetIndexSuffix);
        DeleteOrphans(disk, directory, content.TimeIndexes, content, LogFileNames.TimeIndexSuffix);
        DeleteOrphans(disk, directory, content.TransactionIndexes, content, LogFileNames.TransactionIndexSuffix);
        return content;
    }

    private static void DeleteOrphans(
        Disk disk,
        string directory,
        HashSet<long> indexes,
        DirectoryContent content,
        string suffix
    )
    {
        foreach (long baseOffset in indexes)
        {
            if (content.Segments.BinarySearch(baseOffset) < 0)
            {
                indexes.Remove(baseOffset);
                Delete(disk, directory, LogFileNames.Stem(baseOffset) + suffix);
            }
        }
    }

    private static bool IsTemporary(string name) => name.EndsWith(".tmp", StringComparison.Ordinal);

    private static List<DiskEntry> List(Disk disk, string directory)
    {
        List<DiskEntry> entries = [];
        LogLoadException.Check(disk.List(directory, entries), "cannot list", directory);
        entries.RemoveAll(e => e.IsDirectory);
        return entries;
    }

    private static void Delete(Disk disk, string directory, string name)
    {
        Errno error = disk.Delete(directory + "/" + name);
        LogLoadException.Check(error == Errno.ENOENT ? Errno.None : error, "cannot delete", directory + "/" + name);
    }
}
