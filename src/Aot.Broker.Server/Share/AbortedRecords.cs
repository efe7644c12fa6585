using Aot.Broker.Storage;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Share;

/// <summary>
/// What a read_committed group does not get: unlike a consumer's, its filtering is the broker's work, which archives the
/// records of aborted transactions as soon as somebody acquires them.
/// </summary>
internal static class AbortedRecords
{
    /// <summary>Takes them out of the ranges that were just acquired; how many records went.</summary>
    /// <param name="batches">What was read, in order.</param>
    /// <param name="aborted">The aborted transactions that overlap it; put in order here.</param>
    public static int Remove(
        ReadOnlySpan<BatchExtent> batches,
        Span<AbortedTransaction> aborted,
        LoadedSharePartition share,
        List<AcquiredRange> acquired
    )
    {
        aborted.Sort(static (a, b) => a.FirstOffset.CompareTo(b.FirstOffset));
        HashSet<long> open = [];
        int next = 0;
        int removed = 0;
        foreach (BatchExtent batch in batches)
        {
            while (next < aborted.Length && aborted[next].FirstOffset <= batch.LastOffset)
            {
                open.Add(aborted[next++].ProducerId);
            }
            if (!batch.IsTransactional || !open.Contains(batch.ProducerId))
            {
                continue;
            }
            if (batch.IsControl)
            {
                // The marker that ends the transaction; its offset is for the client to skip.
                open.Remove(batch.ProducerId);
                continue;
            }
            removed += Cut(acquired, batch, share);
        }
        return removed;
    }

    private static int Cut(List<AcquiredRange> acquired, in BatchExtent batch, LoadedSharePartition share)
    {
        int removed = 0;
        for (int i = acquired.Count - 1; i >= 0; i--)
        {
            AcquiredRange range = acquired[i];
            long first = Math.Max(range.FirstOffset, batch.BaseOffset);
            long last = Math.Min(range.LastOffset, batch.LastOffset);
            if (first > last)
            {
                continue;
            }
            removed += (int)(last - first + 1);
            share.Records.ArchiveAborted(first, last);
            acquired.RemoveAt(i);
            if (last < range.LastOffset)
            {
                acquired.Insert(i, range with { FirstOffset = last + 1 });
            }
            if (first > range.FirstOffset)
            {
                acquired.Insert(i, range with { LastOffset = first - 1 });
            }
        }
        return removed;
    }
}
