using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// What of a log can be cleaned, and how much of it that is. Clean is what a pass has seen before; dirty what came after
/// it; not cleanable yet what is active, undecided, not on the disk, or younger than <c>min.compaction.lag.ms</c>.
/// </summary>
internal readonly record struct Dirtiness
{
    public long FirstDirtyOffset { get; init; }

    public long FirstUncleanableOffset { get; init; }

    public long CleanBytes { get; init; }

    public long CleanableBytes { get; init; }

    /// <summary>A record waits for longer than <c>max.compaction.lag.ms</c>.</summary>
    public bool IsOverdue { get; init; }

    /// <summary>Whether a record waits for too long cannot be said before <see cref="SegmentAges"/> were read.</summary>
    public bool HasUnreadAges { get; init; }

    public double Ratio => CleanableBytes == 0 ? 0 : (double)CleanableBytes / (CleanBytes + CleanableBytes);

    public bool IsDue(LogConfig config) => CleanableBytes > 0 && (IsOverdue || Ratio > config.MinCleanableDirtyRatio);

    /// <summary>On the log's core. Allocates nothing: it is asked for every compacted log every few seconds.</summary>
    public static Dirtiness Of(PartitionLog log, long nowMillis)
    {
        long dirty = FirstDirtyOffsetOf(log);
        long uncleanable = FirstUncleanableOffsetOf(log, dirty, nowMillis);
        long cleanBytes = 0;
        long cleanableBytes = 0;
        bool isOverdue = false;
        bool hasUnread = false;
        for (int i = 0; i + 1 < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            if (log.Segments.EndOf(i, log.LogEndOffset) <= dirty)
            {
                cleanBytes += segment.Bytes;
            }
            else if (segment.BaseOffset < uncleanable)
            {
                cleanableBytes += segment.Bytes;
                long first = segment.FirstTimestamp;
                isOverdue |= first > 0 && nowMillis - first > log.Config.MaxCompactionLagMs;
                hasUnread |= first == Segment.NotRead && log.Config.MaxCompactionLagMs < long.MaxValue;
            }
        }
        return new Dirtiness
        {
            FirstDirtyOffset = dirty,
            FirstUncleanableOffset = uncleanable,
            CleanBytes = cleanBytes,
            CleanableBytes = uncleanable > dirty ? cleanableBytes : 0,
            IsOverdue = isOverdue,
            HasUnreadAges = hasUnread,
        };
    }

    /// <summary>What the checkpoint says, or the start of the log where that lies outside of the log or says nothing.</summary>
    private static long FirstDirtyOffsetOf(PartitionLog log)
    {
        long known = log.Cleaning.FirstDirtyOffset;
        return known < log.LogStartOffset || known > log.LogEndOffset ? log.LogStartOffset : known;
    }

    private static long FirstUncleanableOffsetOf(PartitionLog log, long dirty, long nowMillis)
    {
        long limit = Math.Min(log.LastStableOffset, log.Segments.Active.BaseOffset);
        for (int i = 0; i + 1 < log.Segments.Count; i++)
        {
            Segment segment = log.Segments[i];
            bool isTooYoung =
                log.Config.MinCompactionLagMs > 0
                && log.Segments.EndOf(i, log.LogEndOffset) > dirty
                && segment.RetentionTimestamp > nowMillis - log.Config.MinCompactionLagMs;
            if (isTooYoung || !segment.IsSynced)
            {
                return Math.Min(limit, segment.BaseOffset);
            }
        }
        return limit;
    }
}
