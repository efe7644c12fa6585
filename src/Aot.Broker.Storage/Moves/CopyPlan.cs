using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Moves;

/// <summary>A file of a segment, up to what is known to be in it. <see cref="Bytes"/> -1: all of it, if it is there.</summary>
internal readonly record struct CopiedFile(Segment Segment, string Name, long Bytes);

/// <summary>The files of a log as they are at a moment, in the order in which they are copied: the oldest segment first.</summary>
internal sealed class CopyPlan
{
    /// <summary>The log's directory.</summary>
    public required string Source { get; init; }

    public required long EndOffset { get; init; }

    public List<CopiedFile> Files { get; } = [];

    /// <summary>On the log's core. Everything up to these lengths stays as it is, except that whole segments may be deleted.</summary>
    public static CopyPlan Of(PartitionLog log)
    {
        CopyPlan plan = new() { Source = log.Directory, EndOffset = log.LogEndOffset };
        for (int i = 0; i < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            plan.Add(segment, LogFileNames.LogSuffix, segment.Bytes);
            plan.Add(segment, LogFileNames.OffsetIndexSuffix, segment.OffsetIndex.File.TailPosition);
            plan.Add(segment, LogFileNames.TimeIndexSuffix, segment.TimeIndex.File.TailPosition);
            if (segment.Transactions.Count > 0)
            {
                plan.Add(
                    segment,
                    LogFileNames.TransactionIndexSuffix,
                    (long)segment.Transactions.Count * TransactionIndex.EntryBytes
                );
            }
            plan.Add(segment, LogFileNames.SnapshotSuffix, -1);
        }
        return plan;
    }

    private void Add(Segment segment, string suffix, long bytes) =>
        Files.Add(new CopiedFile(segment, LogFileNames.Stem(segment.BaseOffset) + suffix, bytes));
}
