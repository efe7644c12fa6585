using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Appending;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// The producers of a log that is being loaded: from the newest usable snapshot and the batches after it. Part of
/// <see cref="LogLoader"/>, on its thread.
/// </summary>
internal sealed class ProducerRecovery(Disk disk, LoadRequest request, LoadedLog log, DirectoryContent content)
{
    private static readonly Logger s_log = Log.For("storage");

    /// <summary>
    /// The newest snapshot at or before the offset, then the batches between the two. After a clean stop without any
    /// snapshot (a log of an older broker) nothing is read: that would be the whole log.
    /// </summary>
    public void Load(long upTo)
    {
        long from = -1;
        for (int i = content.Snapshots.Count - 1; i >= 0 && from < 0; i--)
        {
            long offset = content.Snapshots[i];
            if (offset > upTo)
            {
                continue;
            }
            string path = LogFileNames.Segment(request.Directory, offset, LogFileNames.SnapshotSuffix);
            if (
                disk.ReadAllBytes(path, out byte[] bytes) == Errno.None
                && ProducerSnapshot.TryRead(bytes, log.Producers)
            )
            {
                from = offset;
            }
            else
            {
                s_log.Warn("a producer snapshot is damaged and was removed", ("file", path));
                disk.Delete(path);
                content.Snapshots.RemoveAt(i);
            }
        }
        log.SnapshotOffset = from;
        ProducerWindows.Refill(disk, log, from);
        if (from >= 0 || !request.IsClean || request.IsTruncated)
        {
            Replay(log.Producers, null, Math.Max(from, 0), upTo);
        }
        DropStraySnapshots();
    }

    /// <summary>The aborted transactions of a segment that is not scanned otherwise, from its markers.</summary>
    public void RebuildTransactions(Segment segment)
    {
        ProducerState producers = new();
        long from = 0;
        for (int i = content.Snapshots.Count - 1; i >= 0 && from == 0; i--)
        {
            string path = LogFileNames.Segment(request.Directory, content.Snapshots[i], LogFileNames.SnapshotSuffix);
            bool isEarlier = content.Snapshots[i] <= segment.BaseOffset;
            if (
                isEarlier
                && disk.ReadAllBytes(path, out byte[] bytes) == Errno.None
                && ProducerSnapshot.TryRead(bytes, producers)
            )
            {
                from = content.Snapshots[i];
            }
        }
        string transactions = segment.PathOf(LogFileNames.TransactionIndexSuffix);
        Errno error = disk.Delete(transactions);
        LogLoadException.Check(error == Errno.ENOENT ? Errno.None : error, "cannot delete", transactions);
        segment.Transactions.TryOpen(0);
        int number = log.Segments.IndexOf(segment.BaseOffset);
        Replay(producers, segment, from, log.Segments.EndOf(number, long.MaxValue));
    }

    /// <param name="producers">Take part in what the batches say.</param>
    /// <param name="indexed">The segment whose transaction index is rebuilt on the way, if any.</param>
    /// <param name="from">The first offset.</param>
    /// <param name="upTo">The offset after the last.</param>
    private void Replay(ProducerState producers, Segment? indexed, long from, long upTo)
    {
        for (int i = Math.Max(0, log.Segments.IndexOf(from)); i < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            if (segment.BaseOffset >= upTo || segment.Bytes == 0 || log.Segments.EndOf(i, upTo) <= from)
            {
                continue;
            }
            string path = segment.PathOf(LogFileNames.LogSuffix);
            LogLoadException.Check(disk.Open(path, DiskOpen.ReadOnly, out Fd file), "cannot open", path);
            SegmentScanner batches = new(disk, file, 0, segment.Bytes, wholeBatches: false);
            while (batches.MoveNext() && batches.Header.BaseOffset < upTo)
            {
                if (batches.Header.BaseOffset >= from)
                {
                    Segment? index = ReferenceEquals(segment, indexed) ? segment : null;
                    Apply(producers, index, batches.Header, batches);
                }
            }
            disk.Close(file);
            LogLoadException.Check((Errno)(-batches.Error), "cannot read", path);
        }
    }

    /// <param name="segment">Whose transaction index is rebuilt; null when it is there.</param>
    /// <param name="header">Of the batch.</param>
    /// <param name="batches">Stands at the batch.</param>
    public void Apply(Segment? segment, in BatchHeader header, SegmentScanner batches) =>
        Apply(log.Producers, segment, header, batches);

    private void Apply(ProducerState producers, Segment? segment, in BatchHeader header, SegmentScanner batches)
    {
        if (!header.HasProducer)
        {
            return;
        }
        ProducerUndo undo = default;
        if (!header.IsControl)
        {
            producers.Apply(header, ref undo);
        }
        else if (TransactionMarker.TryRead(batches.Batch(), out TransactionMarker marker))
        {
            bool ended = producers.ApplyMarker(header, marker.CoordinatorEpoch, ref undo, out AbortedEntry entry);
            if (ended && marker.IsAbort && segment is not null)
            {
                LogLoadException.Check(
                    segment.Transactions.Append(entry, disk),
                    "cannot write",
                    segment.PathOf(".txnindex")
                );
            }
        }
    }

    /// <summary>The log was cut: what is known of its later part is not true any more.</summary>
    public void DropSnapshotsAbove(long offset)
    {
        foreach (long snapshot in content.Snapshots.FindAll(s => s > offset))
        {
            DeleteSnapshot(snapshot);
        }
    }

    /// <summary>Those of segment bases and the newest stay.</summary>
    private void DropStraySnapshots()
    {
        for (int i = content.Snapshots.Count - 2; i >= 0; i--)
        {
            long offset = content.Snapshots[i];
            int segment = log.Segments.IndexOf(offset);
            if (segment < 0 || log.Segments[segment].BaseOffset != offset)
            {
                DeleteSnapshot(offset);
            }
        }
    }

    private void DeleteSnapshot(long offset)
    {
        content.Snapshots.Remove(offset);
        disk.Delete(LogFileNames.Segment(request.Directory, offset, LogFileNames.SnapshotSuffix));
    }
}
