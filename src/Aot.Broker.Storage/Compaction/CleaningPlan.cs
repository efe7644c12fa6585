using Aot.Broker.Storage.Indexes;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// A sealed segment as a pass reads it. What a core may change meanwhile is copied; the segment itself is only compared
/// on its core, to see whether it is still there.
/// </summary>
internal sealed class CleanSource(Segment segment, long endOffset)
{
    public Segment Segment { get; } = segment;

    public long BaseOffset { get; } = segment.BaseOffset;

    /// <summary>The next segment's base offset.</summary>
    public long EndOffset { get; } = endOffset;

    public int Bytes { get; } = segment.Bytes;

    public string Path { get; } = segment.PathOf(Files.LogFileNames.LogSuffix);

    public int OffsetIndexEntries { get; } = segment.OffsetIndex.Count;

    public int TimeIndexEntries { get; } = segment.TimeIndex.Count;

    /// <summary>Where it has no timestamps: when it was last written to.</summary>
    public long RetentionTimestamp { get; } = segment.RetentionTimestamp;

    public long ModifiedMillis { get; } = segment.ModifiedMillis;
}

/// <summary>All that a pass needs to know of a log, taken on its core in one turn.</summary>
internal sealed class CleaningPlan
{
    private List<AbortedEntry>? _aborted;

    public required TopicPartition Name { get; init; }

    public required string Directory { get; init; }

    public required LogConfig Config { get; init; }

    /// <summary>The segments from the first to the last dirty one that may be cleaned.</summary>
    public required List<CleanSource> Sources { get; init; }

    public required long FirstDirtyOffset { get; init; }

    public required long FirstUncleanableOffset { get; init; }

    /// <summary>Of every segment of the log: a transaction's marker may be above what is cleaned.</summary>
    public required List<TransactionIndex> TransactionIndexes { get; init; }

    public required (long ProducerId, long LastDataOffset, short Epoch)[] Producers { get; init; }

    public required KeyHasher Hasher { get; init; }

    public required long NowMillis { get; init; }

    public static CleaningPlan Make(PartitionLog log, in Dirtiness dirt)
    {
        // A queued batch that cannot be written is taken back, and its producer's last batch is an older one again.
        log.WriteQueued();
        List<CleanSource> sources = [];
        List<TransactionIndex> transactions = [];
        for (int i = 0; i < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            if (segment.BaseOffset < dirt.FirstUncleanableOffset && i + 1 < log.Segments.Count)
            {
                sources.Add(new CleanSource(segment, log.Segments.EndOf(i, log.LogEndOffset)));
            }
            if (segment.Transactions.Count > 0)
            {
                transactions.Add(segment.Transactions.Snapshot());
            }
        }
        ReadOnlySpan<ProducerEntry> entries = log.Producers.Entries;
        (long, long, short)[] producers = new (long, long, short)[entries.Length];
        for (int i = 0; i < producers.Length; i++)
        {
            ref readonly ProducerEntry entry = ref entries[i];
            producers[i] = (entry.ProducerId, entry.IsEmpty ? -1 : entry.Newest.LastOffset, entry.Epoch);
        }
        return new CleaningPlan
        {
            Name = log.Name,
            Directory = log.Directory,
            Config = log.Config,
            Sources = sources,
            FirstDirtyOffset = dirt.FirstDirtyOffset,
            FirstUncleanableOffset = dirt.FirstUncleanableOffset,
            TransactionIndexes = transactions,
            Producers = producers,
            Hasher = new KeyHasher(log.Core.NextRandom(), log.Core.NextRandom()),
            NowMillis = log.Core.WallMillis,
        };
    }

    /// <summary>The aborted transactions that the log knew of. On a helper thread: the first call reads files.</summary>
    public IReadOnlyList<AbortedEntry> AbortedTransactions(Reactor.Disk disk)
    {
        if (_aborted is not null)
        {
            return _aborted;
        }
        List<AbortedEntry> all = [];
        foreach (TransactionIndex index in TransactionIndexes)
        {
            ReadOnlySpan<AbortedEntry> entries = index.Entries(disk);
            if (entries.Length < index.Count)
            {
                throw new CleaningException(
                    CleaningEnd.Later,
                    $"a transaction index of {Name} cannot be read",
                    "restart the broker if this stays: a damaged index is made anew from the log"
                );
            }
            all.AddRange(entries);
        }
        return _aborted = all;
    }

    /// <summary>
    /// The sources below an offset in runs that become one segment each: no larger together than a segment may be, their
    /// index entries and offsets no more than an index holds.
    /// </summary>
    public IEnumerable<List<CleanSource>> Groups(long endOffset)
    {
        List<CleanSource> group = [];
        long bytes = 0;
        long offsetEntries = 0;
        long timeEntries = 0;
        foreach (CleanSource source in Sources)
        {
            if (source.BaseOffset >= endOffset)
            {
                break;
            }
            bytes += source.Bytes;
            offsetEntries += source.OffsetIndexEntries;
            timeEntries += source.TimeIndexEntries;
            bool fits =
                group.Count > 0
                && bytes <= Config.SegmentBytes
                && offsetEntries <= Config.OffsetIndexEntriesMax
                && timeEntries <= Config.TimeIndexEntriesMax
                && source.EndOffset - 1 - group[0].BaseOffset <= int.MaxValue;
            if (group.Count > 0 && !fits)
            {
                yield return group;
                group = [];
                bytes = source.Bytes;
                offsetEntries = source.OffsetIndexEntries;
                timeEntries = source.TimeIndexEntries;
            }
            group.Add(source);
        }
        if (group.Count > 0)
        {
            yield return group;
        }
    }
}
