using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// Takes a segment's index files over, when they can be its own: Apache Kafka's checks, by lengths and last entries, and
/// all entries of a transaction index, which are few.
/// </summary>
internal static class IndexCheck
{
    /// <summary>False: one of the two is missing or wrong, and both are to be rebuilt.</summary>
    public static bool TryOpen(Disk disk, Segment segment, DirectoryContent content) =>
        content.OffsetIndexes.Contains(segment.BaseOffset)
        && content.TimeIndexes.Contains(segment.BaseOffset)
        && TryOpen(
            disk,
            segment.PathOf(LogFileNames.OffsetIndexSuffix),
            (file, length) => segment.OffsetIndex.TryOpen(length, segment.Bytes, disk, file)
        )
        && TryOpen(
            disk,
            segment.PathOf(LogFileNames.TimeIndexSuffix),
            (file, length) => segment.TimeIndex.TryOpen(length, disk, file)
        );

    /// <param name="disk">Where the files are.</param>
    /// <param name="segment">Whose index.</param>
    /// <param name="content">The files of the directory.</param>
    /// <param name="endOffset">No marker of the segment is at or after it.</param>
    public static bool TryOpenTransactions(Disk disk, Segment segment, DirectoryContent content, long endOffset)
    {
        long length = content.TransactionIndexes.Contains(segment.BaseOffset)
            ? disk.LengthOf(segment.PathOf(LogFileNames.TransactionIndexSuffix))
            : 0;
        return segment.Transactions.TryOpen(length) && segment.Transactions.IsSound(endOffset, disk);
    }

    /// <summary>Nothing was ever written to the segment, and its files say so: there is nothing to recover.</summary>
    public static bool IsEmpty(Disk disk, Segment segment, DirectoryContent content) =>
        segment.Bytes == 0
        && content.OffsetIndexes.Contains(segment.BaseOffset)
        && content.TimeIndexes.Contains(segment.BaseOffset)
        && !content.TransactionIndexes.Contains(segment.BaseOffset)
        && disk.LengthOf(segment.PathOf(LogFileNames.OffsetIndexSuffix)) == 0
        && disk.LengthOf(segment.PathOf(LogFileNames.TimeIndexSuffix)) == 0;

    /// <summary>An empty index, as most partitions have, is known by its length alone.</summary>
    private static bool TryOpen(Disk disk, string path, Func<Fd, long, bool> take)
    {
        long length = disk.LengthOf(path);
        if (length == 0)
        {
            return take(Fd.None, 0);
        }
        if (length < 0 || disk.Open(path, DiskOpen.ReadOnly, out Fd file) != Errno.None)
        {
            return false;
        }
        bool taken = take(file, length);
        disk.Close(file);
        return taken;
    }
}
