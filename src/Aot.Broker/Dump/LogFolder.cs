using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Dump;

/// <summary>What is in a directory: a partition's files in order of their offsets, or the partitions of a data directory.</summary>
internal sealed class LogFolder
{
    /// <summary>A log file with the indexes and the producer snapshot of the same offset.</summary>
    internal sealed record Segment(long BaseOffset, string Log, IReadOnlyList<string> Indexes);

    private LogFolder(string path)
    {
        Path = path;
    }

    public string Path { get; }

    public List<Segment> Segments { get; } = [];

    /// <summary>Snapshots of the metadata log, oldest first.</summary>
    public List<string> MetadataSnapshots { get; } = [];

    /// <summary>Checkpoints, properties, and files of an offset that has no segment.</summary>
    public List<string> Others { get; } = [];

    /// <summary>Files that wait for their deletion, or for being swapped or renamed in.</summary>
    public List<string> Passing { get; } = [];

    /// <summary>Directories of partitions, those to be deleted, moved or strayed included.</summary>
    public List<string> Partitions { get; } = [];

    public bool HasLogFiles { get; private set; }

    /// <exception cref="UnreadableException"/>
    public static LogFolder List(Disk disk, string path)
    {
        List<DiskEntry> entries = [];
        Errno error = disk.List(path, entries);
        if (error != Errno.None)
        {
            throw LogDump.Unreadable(path, error);
        }
        LogFolder folder = new(path);
        SortedDictionary<long, (string? Log, List<string> Indexes)> byOffset = [];
        entries.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        foreach (DiskEntry entry in entries)
        {
            string file = System.IO.Path.Combine(path, entry.Name);
            if (entry.IsDirectory)
            {
                if (IsPartition(entry.Name))
                {
                    folder.Partitions.Add(file);
                }
                continue;
            }
            folder.Add(file, byOffset);
        }
        foreach ((long baseOffset, (string? log, List<string> indexes)) in byOffset)
        {
            if (log is null)
            {
                folder.Others.AddRange(indexes);
            }
            else
            {
                folder.Segments.Add(new Segment(baseOffset, log, indexes));
            }
        }
        return folder;
    }

    private void Add(string file, SortedDictionary<long, (string? Log, List<string> Indexes)> byOffset)
    {
        DumpKind kind = FileNames.KindOf(file, out long baseOffset);
        // What waits for its deletion, or for being swapped in, is not part of the log.
        bool isPassing =
            LogFileNames.KindOf(System.IO.Path.GetFileName(file), out _)
            is LogFileKind.Deleted
                or LogFileKind.Cleaned
                or LogFileKind.Swap;
        if (isPassing || file.EndsWith(".tmp", StringComparison.Ordinal))
        {
            Passing.Add(file);
            return;
        }
        if (kind == DumpKind.Unknown)
        {
            return;
        }
        HasLogFiles |= baseOffset >= 0 || kind is DumpKind.EpochCheckpoint or DumpKind.Batches;
        if (kind == DumpKind.Batches && baseOffset < 0)
        {
            MetadataSnapshots.Add(file);
        }
        else if (baseOffset < 0)
        {
            Others.Add(file);
        }
        else
        {
            (string? log, List<string> indexes) = byOffset.GetValueOrDefault(baseOffset, (null, []));
            if (kind == DumpKind.Batches)
            {
                log = file;
            }
            else
            {
                indexes.Add(file);
            }
            byOffset[baseOffset] = (log, indexes);
        }
    }

    private static bool IsPartition(string name) =>
        LogFileNames.TryParsePartitionDirectory(name, out _)
        || LogFileNames.IsMarked(name, LogFileNames.DeleteDirectorySuffix)
        || LogFileNames.IsMarked(name, LogFileNames.FutureDirectorySuffix)
        || LogFileNames.IsMarked(name, LogFileNames.StrayDirectorySuffix);
}

/// <summary>One line about a partition directory of a data directory.</summary>
internal static class PartitionSummary
{
    public static void Write(DumpWriter writer, Disk disk, LogFolder folder)
    {
        long bytes = folder.Segments.Sum(segment => Math.Max(0, disk.LengthOf(segment.Log)));
        Base.KafkaUuid topicId = default;
        string metadata = Path.Combine(folder.Path, LogFileNames.PartitionMetadata);
        if (disk.ReadAllBytes(metadata, out byte[] text) == Errno.None)
        {
            PartitionMetadataText.TryRead(text, out topicId);
        }
        writer.Begin("partition", "");
        writer.Field("partition", Path.GetFileName(folder.Path));
        writer.Field("topicId", topicId.IsZero ? null : topicId.ToString());
        writer.Field("segments", folder.Segments.Count);
        writer.Field("bytes", bytes);
        writer.Field("firstOffset", folder.Segments.Count == 0 ? -1 : folder.Segments[0].BaseOffset);
        writer.Field("endOffset", EndOffset(disk, folder));
        writer.End();
    }

    /// <summary>One after the last offset of the last segment that holds a batch; -1 without segments.</summary>
    public static long EndOffset(Disk disk, LogFolder folder)
    {
        if (folder.Segments.Count == 0)
        {
            return -1;
        }
        LogFolder.Segment last = folder.Segments[^1];
        long end = last.BaseOffset;
        if (Storage.Inspection.BatchReader.TryOpen(disk, last.Log, wholeBatches: false, out var batches) == Errno.None)
        {
            using (batches)
            {
                while (batches!.MoveNext())
                {
                    end = batches.NextOffset;
                }
            }
        }
        return end;
    }
}
