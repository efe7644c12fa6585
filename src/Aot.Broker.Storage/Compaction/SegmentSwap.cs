using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// Replaces segments by a cleaned one with renames that a stop may interrupt anywhere, as Kafka does it:
/// <code>
/// written and synced as .cleaned        a start deletes it
/// 1. .cleaned becomes .swap, synced     with a .cleaned left a start deletes both; else it finishes steps 2 and 3
/// 2. the sources become .deleted, synced
/// 3. .swap loses its suffix, synced
/// 4. the .deleted files are deleted, after file.delete.delay.ms
/// </code>
/// The directory is synced after each step: a file system may put renames on the disk in any order, and a source beside
/// the segment that replaced it would be records twice.
/// </summary>
/// <remarks>On helper threads.</remarks>
internal static class SegmentSwap
{
    public static readonly string[] Suffixes =
    [
        LogFileNames.LogSuffix,
        LogFileNames.OffsetIndexSuffix,
        LogFileNames.TimeIndexSuffix,
        LogFileNames.TransactionIndexSuffix,
    ];

    /// <summary>Step 1. From its end on the cleaned segment is what counts, also after a stop.</summary>
    public static void Commit(Disk disk, string directory, long baseOffset)
    {
        foreach (string suffix in Suffixes)
        {
            string path = LogFileNames.Segment(directory, baseOffset, suffix);
            Rename(disk, path + LogFileNames.CleanedSuffix, path + LogFileNames.SwapSuffix);
        }
        CleaningException.CheckSync(disk.SyncDirectory(directory), directory);
    }

    /// <summary>Steps 2 and 3. The snapshot of the first source stays: it is that of the cleaned segment's base offset.</summary>
    public static void Replace(Disk disk, string directory, IReadOnlyList<CleanSource> sources)
    {
        long baseOffset = sources[0].BaseOffset;
        foreach (CleanSource source in sources)
        {
            foreach (string suffix in Suffixes)
            {
                MarkDeleted(disk, LogFileNames.Segment(directory, source.BaseOffset, suffix));
            }
            if (source.BaseOffset != baseOffset)
            {
                MarkDeleted(disk, LogFileNames.Segment(directory, source.BaseOffset, LogFileNames.SnapshotSuffix));
            }
        }
        CleaningException.CheckSync(disk.SyncDirectory(directory), directory);
        foreach (string suffix in Suffixes)
        {
            string path = LogFileNames.Segment(directory, baseOffset, suffix);
            Rename(disk, path + LogFileNames.SwapSuffix, path);
        }
        CleaningException.CheckSync(disk.SyncDirectory(directory), directory);
    }

    /// <summary>Step 4; what cannot be deleted now is at the next start.</summary>
    public static bool DeleteMarked(Disk disk, string directory, IReadOnlyList<CleanSource> sources)
    {
        foreach (CleanSource source in sources)
        {
            foreach (string suffix in (string[])[.. Suffixes, LogFileNames.SnapshotSuffix])
            {
                string path = LogFileNames.Segment(directory, source.BaseOffset, suffix);
                disk.Delete(path + LogFileNames.DeletedSuffix);
            }
        }
        return true;
    }

    private static void MarkDeleted(Disk disk, string path) => Rename(disk, path, path + LogFileNames.DeletedSuffix);

    /// <summary>Not every segment has every file.</summary>
    private static void Rename(Disk disk, string from, string to)
    {
        Errno error = disk.Rename(from, to);
        CleaningException.Check(error == Errno.ENOENT ? Errno.None : error, "cannot rename", from);
    }
}
