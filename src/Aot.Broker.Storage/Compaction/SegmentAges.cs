using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// When the sealed segments of an earlier process begin, from which <c>max.compaction.lag.ms</c> counts. A start after a
/// clean stop does not look into them, and few topics have the setting: they are read when it is first asked for.
/// </summary>
internal static class SegmentAges
{
    /// <summary>On the log's core; the files are read by a helper thread.</summary>
    public static async ValueTask ReadAsync(PartitionLog log)
    {
        List<Segment> unread = [];
        for (int i = 0; i < log.Segments.Count; i++)
        {
            if (log.Segments[i].FirstTimestamp == Segment.NotRead)
            {
                unread.Add(log.Segments[i]);
            }
        }
        long[] found = new long[unread.Count];
        Disk disk = log.Disk;
        log.Jobs.Begin();
        await log.Core.RunInBackgroundAsync(() => Read(disk, unread, found));
        log.Jobs.End();
        for (int i = 0; i < found.Length; i++)
        {
            // Cutting the log may have emptied it, and an append have begun it anew.
            if (unread[i].FirstTimestamp == Segment.NotRead)
            {
                unread[i].FirstTimestamp = found[i];
            }
        }
        log.Cleaning.IsReadingAges = false;
    }

    private static bool Read(Disk disk, List<Segment> segments, long[] found)
    {
        for (int i = 0; i < found.Length; i++)
        {
            found[i] = FirstTimestampOf(disk, segments[i].PathOf(LogFileNames.LogSuffix));
        }
        return true;
    }

    /// <summary>-1 for a file without batches, or that cannot be read: then only the ratio decides.</summary>
    private static long FirstTimestampOf(Disk disk, string path)
    {
        if (disk.Open(path, DiskOpen.ReadOnly, out Fd file) != Errno.None)
        {
            return -1;
        }
        SegmentScanner batches = new(disk, file, 0, disk.Length(file), wholeBatches: false);
        long first = batches.MoveNext() ? Math.Max(-1, batches.Header.MaxTimestamp) : -1;
        disk.Close(file);
        return first;
    }
}
