using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// Completes what a producer snapshot says. Kafka's snapshot has the newest batch of each producer, but up to five may
/// have been without an answer when the process ended, and all of those are sent again: without the others, their
/// repetition would be out of order. The batches right before the snapshot say what they were.
/// </summary>
internal static class ProducerWindows
{
    /// <summary>How far back is looked: five batches of 16 KiB of a few busy producers; what is older is Kafka's case.</summary>
    private const int BytesMax = 256 * 1024;

    public static void Refill(Disk disk, LoadedLog log, long snapshotOffset)
    {
        int last = snapshotOffset > 0 && log.Producers.Count > 0 ? log.Segments.IndexOf(snapshotOffset - 1) : -1;
        if (last < 0)
        {
            return;
        }
        int first = last;
        for (long bytes = log.Segments[last].Bytes; first > 0 && bytes < BytesMax; )
        {
            bytes += log.Segments[--first].Bytes;
        }
        ProducerState recent = new();
        for (int i = first; i <= last; i++)
        {
            ApplySegment(disk, log.Segments[i], snapshotOffset, recent);
        }
        log.Producers.TakeWindows(recent);
    }

    private static void ApplySegment(Disk disk, Segment segment, long snapshotOffset, ProducerState recent)
    {
        if (segment.Bytes == 0)
        {
            return;
        }
        string path = segment.PathOf(LogFileNames.LogSuffix);
        LogLoadException.Check(disk.Open(path, DiskOpen.ReadOnly, out Fd file), "cannot open", path);
        ProducerUndo undo = default;
        SegmentScanner batches = new(disk, file, BeginOf(disk, segment), segment.Bytes, wholeBatches: false);
        while (batches.MoveNext() && batches.Header.BaseOffset < snapshotOffset)
        {
            if (batches.Header.HasProducer && !batches.Header.IsControl)
            {
                recent.Apply(batches.Header, ref undo);
            }
        }
        disk.Close(file);
    }

    /// <summary>A batch about <see cref="BytesMax"/> before the end of the segment, as its index knows it; else the first.</summary>
    private static int BeginOf(Disk disk, Segment segment)
    {
        if (
            segment.Bytes <= BytesMax
            || segment.OffsetIndex.Count == 0
            || disk.Open(segment.PathOf(LogFileNames.OffsetIndexSuffix), DiskOpen.ReadOnly, out Fd file) != Errno.None
        )
        {
            return 0;
        }
        long offset = segment.OffsetIndex.FirstOffsetFrom(segment.Bytes - BytesMax, disk, file);
        int position = offset < 0 ? segment.OffsetIndex.LastPosition : segment.OffsetIndex.Lookup(offset, disk, file);
        disk.Close(file);
        return position;
    }
}
