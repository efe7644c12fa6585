using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Inspection;

namespace Aot.Broker.Cluster;

/// <summary>
/// The image that a metadata log holds, for tools: read by the same replay as at a start, and nothing is changed. What a
/// running node has appended since, or a torn tail, is left out.
/// </summary>
public static class MetadataOnDisk
{
    /// <summary>
    /// Null when there is no metadata log, or with a <paramref name="problem"/> when it cannot be understood. A directory
    /// that was only formatted has the features that its cluster would begin with.
    /// </summary>
    public static MetadataImage? TryRead(Disk disk, string metadataLogDir, out string problem)
    {
        problem = "";
        string directory = Path.Combine(metadataLogDir, Formatter.MetadataLogName);
        MetadataReplay replay = new(MetadataImage.Empty);
        try
        {
            long from = ReplaySnapshot(disk, directory, metadataLogDir, replay, out bool hasSnapshot);
            bool hasLog = ReplayLog(disk, directory, replay, from);
            return hasSnapshot || hasLog ? replay.Finish() : null;
        }
        catch (MetadataLogException error)
        {
            problem = error.Message;
            return null;
        }
    }

    private static long ReplaySnapshot(
        Disk disk,
        string directory,
        string metadataLogDir,
        MetadataReplay replay,
        out bool hasSnapshot
    )
    {
        List<SnapshotId> ids = SnapshotFile.List(disk, directory);
        ids.Reverse();
        foreach (SnapshotId id in ids)
        {
            string path = Path.Combine(directory, id.FileName);
            if (disk.ReadAllBytes(path, out byte[] bytes) == Errno.None && replay.TryReplaySnapshot(bytes, id, path))
            {
                hasSnapshot = true;
                return id.EndOffset;
            }
        }
        string legacy = Path.Combine(metadataLogDir, SnapshotFile.LegacyBootstrapName);
        hasSnapshot =
            disk.ReadAllBytes(legacy, out byte[] bootstrap) == Errno.None
            && replay.TryReplaySnapshot(bootstrap, SnapshotFile.Bootstrap, legacy);
        return 0;
    }

    private static bool ReplayLog(Disk disk, string directory, MetadataReplay replay, long from)
    {
        List<DiskEntry> entries = [];
        disk.List(directory, entries);
        bool any = false;
        entries.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        foreach (DiskEntry entry in entries)
        {
            if (
                LogFileNames.KindOf(entry.Name, out _) != LogFileKind.Log
                || BatchReader.TryOpen(disk, Path.Combine(directory, entry.Name), true, out BatchReader? opened)
                    != Errno.None
            )
            {
                continue;
            }
            using BatchReader batches = opened!;
            while (batches.MoveNext())
            {
                any = true;
                if (batches.NextOffset > from)
                {
                    replay.Replay(batches.Bytes(), directory, from);
                }
            }
        }
        return any;
    }
}
