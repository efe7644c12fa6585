using Aot.Broker.Linux;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Inspection;

/// <summary>
/// Whether <c>.txnindex</c> and the markers in the segment's log file agree: each entry has its abort marker, and each
/// abort marker behind data of its transaction in the same segment has its entry. Data that compaction removed needs
/// none. Memory: the transactions that are open at one time, and the aborted ones of the segment.
/// </summary>
public static class AbortedCheck
{
    public static void Check(Disk disk, string log, string index, List<Finding> findings)
    {
        if (BatchReader.TryOpen(disk, log, wholeBatches: false, out BatchReader? batches) != Errno.None)
        {
            return;
        }
        HashSet<(long Producer, long Marker)> markers = [];
        Dictionary<(long Producer, long Marker), long> firstOffsets = [];
        using (batches)
        {
            CollectMarkers(batches!, markers, firstOffsets);
        }
        Errno error = IndexEntries.TryOpenAborted(disk, index, out IndexEntries? entries);
        if (error == Errno.None)
        {
            using (entries)
            {
                CheckEntries(entries!, index, markers, firstOffsets, findings);
            }
        }
        foreach (((long producer, long marker), long first) in firstOffsets)
        {
            findings.Add(
                new Finding(
                    index,
                    -1,
                    $"no entry for the transaction of producer {producer} from offset {first}, aborted at {marker}"
                )
            );
        }
    }

    private static void CollectMarkers(
        BatchReader batches,
        HashSet<(long Producer, long Marker)> markers,
        Dictionary<(long Producer, long Marker), long> firstOffsets
    )
    {
        Dictionary<long, long> open = [];
        while (batches.MoveNext())
        {
            BatchHeader header = batches.Header;
            if (!header.IsTransactional)
            {
                continue;
            }
            if (!header.IsControl)
            {
                open.TryAdd(header.ProducerId, header.BaseOffset);
                continue;
            }
            bool hadData = open.Remove(header.ProducerId, out long first);
            if (IsAbort(batches.Bytes()))
            {
                markers.Add((header.ProducerId, header.LastOffset));
                if (hadData)
                {
                    firstOffsets[(header.ProducerId, header.LastOffset)] = first;
                }
            }
        }
    }

    /// <summary>Takes those out of <paramref name="firstOffsets"/> that have an entry.</summary>
    private static void CheckEntries(
        IndexEntries entries,
        string index,
        HashSet<(long Producer, long Marker)> markers,
        Dictionary<(long Producer, long Marker), long> firstOffsets,
        List<Finding> findings
    )
    {
        long lastMarker = -1;
        while (entries.MoveNext())
        {
            (short version, long producer, long first, long last, long stable) = entries.AsAborted();
            bool hasData = firstOffsets.Remove((producer, last), out long firstSeen);
            string? problem =
                version != 0 ? $"has version {version}"
                : first > last ? $"begins at {first}, after its end"
                : last < lastMarker ? $"comes after the one of marker {lastMarker}"
                : stable > last + 1 ? $"has the last stable offset {stable}, after its marker"
                : !markers.Contains((producer, last)) ? "has no abort marker in the log file"
                : hasData && first > firstSeen ? $"begins at {first}, but its first batch is at {firstSeen}"
                : null;
            if (problem is not null)
            {
                long at = (long)entries.Number * entries.Current.Length;
                findings.Add(
                    new Finding(index, at, $"entry {entries.Number} (producer {producer}, marker {last}) {problem}")
                );
            }
            lastMarker = Math.Max(lastMarker, last);
        }
        IndexCheck.CheckLength(entries, index, findings);
    }

    private static bool IsAbort(ReadOnlySpan<byte> bytes)
    {
        if (!RecordBatchView.TryRead(bytes, out RecordBatchView batch) || batch.IsCompressed)
        {
            return false;
        }
        RecordEnumerator records = batch.Records();
        return records.MoveNext()
            && ControlRecord.TryReadType(records.Current.Key, out ControlRecordType type)
            && type == ControlRecordType.Abort;
    }
}
