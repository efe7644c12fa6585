using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Inspection;

/// <summary>
/// Whether the indexes of a segment say the truth about its log file. Each walks headers only. An index that is not
/// there is rebuilt by a broker and is no finding; neither are entries for what was appended while this looked.
/// </summary>
public static class IndexCheck
{
    /// <summary><c>.index</c>: ascending, and a batch with that last offset begins at each entry's position.</summary>
    public static void CheckOffsets(Disk disk, string log, string index, long baseOffset, List<Finding> findings)
    {
        if (IndexEntries.TryOpenOffsets(disk, index, out IndexEntries? opened) != Errno.None || opened is null)
        {
            return;
        }
        using IndexEntries entries = opened;
        if (disk.Open(log, DiskOpen.ReadOnly, out Fd file) != Errno.None)
        {
            findings.Add(new Finding(index, -1, "an index without a log file"));
            return;
        }
        long length = disk.Length(file);
        Span<byte> head = stackalloc byte[BatchHeader.Bytes];
        (long Offset, long Position) last = (-1, -1);
        while (entries.MoveNext())
        {
            (long relative, long position) = entries.AsOffset();
            long at = (long)entries.Number * entries.Current.Length;
            if (relative <= last.Offset || position <= last.Position)
            {
                findings.Add(
                    new Finding(
                        index,
                        at,
                        $"entry {entries.Number} (offset {baseOffset + relative}, position {position}) does not come after "
                            + $"the one before (offset {baseOffset + last.Offset}, position {last.Position})"
                    )
                );
            }
            last = (relative, position);
            string? problem =
                position < 0 || position >= length ? $"the log file has {length} bytes"
                : disk.Read(file, head, position) < BatchHeader.MagicEnd
                || !BatchHeader.TryRead(head, out BatchHeader b)
                    ? "no batch begins there"
                : b.LastOffset != baseOffset + relative ? $"the batch there ends at offset {b.LastOffset}"
                : null;
            if (problem is not null)
            {
                findings.Add(
                    new Finding(
                        index,
                        at,
                        $"entry {entries.Number} points offset {baseOffset + relative} at position {position}: {problem}"
                    )
                );
            }
        }
        disk.Close(file);
        CheckLength(entries, index, findings);
    }

    /// <summary>
    /// <c>.timeindex</c>: ascending, and the batch at each entry's offset has its timestamp, and none before is newer.
    /// </summary>
    public static void CheckTimes(Disk disk, string log, string index, long baseOffset, List<Finding> findings)
    {
        if (IndexEntries.TryOpenTimes(disk, index, out IndexEntries? opened) != Errno.None || opened is null)
        {
            return;
        }
        using IndexEntries entries = opened;
        if (BatchReader.TryOpen(disk, log, wholeBatches: false, out BatchReader? batches) != Errno.None)
        {
            findings.Add(new Finding(index, -1, "an index without a log file"));
            return;
        }
        using (batches)
        {
            (long Timestamp, long Offset) last = (-1, -1);
            long newest = -1;
            BatchHeader batch = default;
            bool hasBatch = batches!.MoveNext();
            while (entries.MoveNext())
            {
                (long timestamp, long relative) = entries.AsTime();
                long at = (long)entries.Number * entries.Current.Length;
                if (timestamp <= last.Timestamp || relative < last.Offset)
                {
                    findings.Add(
                        new Finding(
                            index,
                            at,
                            $"entry {entries.Number} (timestamp {timestamp}, offset {baseOffset + relative}) does not come "
                                + $"after the one before (timestamp {last.Timestamp}, offset {baseOffset + last.Offset})"
                        )
                    );
                }
                last = (timestamp, relative);
                while (hasBatch && batches.Header.BaseOffset <= baseOffset + relative)
                {
                    batch = batches.Header;
                    newest = Math.Max(newest, batch.MaxTimestamp);
                    hasBatch = batches.MoveNext();
                }
                string? problem =
                    newest != timestamp ? $"the log's largest up to there is {newest}"
                    : batch.LastOffset < baseOffset + relative
                        ? $"the batch before it ends at offset {batch.LastOffset}"
                    : batch.MaxTimestamp != timestamp ? $"the batch there has {batch.MaxTimestamp}"
                    : null;
                if (problem is not null)
                {
                    findings.Add(
                        new Finding(
                            index,
                            at,
                            $"entry {entries.Number} has timestamp {timestamp} at offset {baseOffset + relative}: {problem}"
                        )
                    );
                }
            }
        }
        CheckLength(entries, index, findings);
    }

    internal static void CheckLength(IndexEntries entries, string index, List<Finding> findings)
    {
        if (entries.BytesOver != 0 && !entries.IsReserved)
        {
            findings.Add(new Finding(index, entries.Length - entries.BytesOver, "the file ends within an entry"));
        }
    }
}
