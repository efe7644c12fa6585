using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>Makes a segment's index files anew while its batches are walked.</summary>
internal sealed class IndexRebuild(Disk disk, Segment segment, int indexIntervalBytes)
{
    /// <summary>Empties the index files, so that a crash in the middle leaves a sparse index and never a wrong one.</summary>
    public void Begin(bool rebuildTransactions)
    {
        segment.OffsetIndex.Clear();
        segment.TimeIndex.Clear();
        Empty(LogFileNames.OffsetIndexSuffix);
        Empty(LogFileNames.TimeIndexSuffix);
        string transactions = segment.PathOf(LogFileNames.TransactionIndexSuffix);
        if (rebuildTransactions)
        {
            Errno error = disk.Delete(transactions);
            LogLoadException.Check(error == Errno.ENOENT ? Errno.None : error, "cannot delete", transactions);
            segment.Transactions.TryOpen(0);
        }
        else
        {
            segment.Transactions.TryOpen(Math.Max(0, disk.LengthOf(transactions)));
        }
    }

    public void Add(in BatchHeader header)
    {
        while (!segment.TryAdd(header.LastOffset, header.MaxTimestamp, header.TotalBytes, indexIntervalBytes))
        {
            WriteTails();
        }
    }

    public void End()
    {
        segment.AddLastTimestamp(disk);
        WriteTails();
    }

    private void WriteTails() =>
        LogLoadException.Check(
            segment.WriteIndexTails(disk, sync: false),
            "cannot write the indexes of",
            segment.PathOf(LogFileNames.LogSuffix)
        );

    private void Empty(string suffix)
    {
        string path = segment.PathOf(suffix);
        LogLoadException.Check(disk.Open(path, DiskOpen.OpenOrCreate, out Fd file), "cannot make", path);
        Errno error = disk.Truncate(file, 0);
        disk.Close(file);
        LogLoadException.Check(error, "cannot cut", path);
    }
}
