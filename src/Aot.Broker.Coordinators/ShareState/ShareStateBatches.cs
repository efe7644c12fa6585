namespace Aot.Broker.Coordinators.ShareState;

/// <summary>Brings reports about ranges of records together, in the form in which Apache Kafka keeps them.</summary>
public static class ShareStateBatches
{
    /// <summary>
    /// What is known after both: where ranges overlap the one counts that outranks the others, neighbours of the same fate become one, and what
    /// lies below <paramref name="startOffset"/> (-1: nothing) is dropped. Neither list needs an order.
    /// </summary>
    public static IReadOnlyList<ShareStateBatch> Combine(
        IReadOnlyList<ShareStateBatch> known,
        IReadOnlyList<ShareStateBatch> reported,
        long startOffset
    )
    {
        List<ShareStateBatch> waiting = new(known.Count + reported.Count);
        Take(known, startOffset, waiting);
        Take(reported, startOffset, waiting);
        waiting.Sort(static (a, b) => a.FirstOffset.CompareTo(b.FirstOffset));
        List<ShareStateBatch> combined = new(waiting.Count);
        List<ShareStateBatch> open = [];
        int next = 0;
        long offset = 0;
        while (next < waiting.Count || open.Count > 0)
        {
            offset = open.Count == 0 ? waiting[next].FirstOffset : offset;
            while (next < waiting.Count && waiting[next].FirstOffset == offset)
            {
                open.Add(waiting[next++]);
            }
            // Up to here nothing begins and nothing ends: one batch speaks for all records.
            ShareStateBatch first = open[0];
            long last = next < waiting.Count ? waiting[next].FirstOffset - 1 : long.MaxValue;
            foreach (ShareStateBatch batch in open)
            {
                first = batch.Outranks(first) ? batch : first;
                last = Math.Min(last, batch.LastOffset);
            }
            Append(combined, first with { FirstOffset = offset, LastOffset = last });
            offset = last + 1;
            Close(open, offset);
        }
        return combined;
    }

    private static void Take(IReadOnlyList<ShareStateBatch> batches, long startOffset, List<ShareStateBatch> into)
    {
        for (int i = 0; i < batches.Count; i++)
        {
            ShareStateBatch batch = batches[i];
            if (batch.LastOffset >= batch.FirstOffset && batch.LastOffset >= startOffset)
            {
                into.Add(batch with { FirstOffset = Math.Max(batch.FirstOffset, startOffset) });
            }
        }
    }

    private static void Append(List<ShareStateBatch> combined, in ShareStateBatch batch)
    {
        if (
            combined.Count > 0
            && combined[^1] is var before
            && before.HasSameFate(batch)
            && before.LastOffset + 1 == batch.FirstOffset
        )
        {
            combined[^1] = before with { LastOffset = batch.LastOffset };
        }
        else
        {
            combined.Add(batch);
        }
    }

    private static void Close(List<ShareStateBatch> open, long offset)
    {
        for (int i = open.Count - 1; i >= 0; i--)
        {
            if (open[i].LastOffset < offset)
            {
                open[i] = open[^1];
                open.RemoveAt(open.Count - 1);
            }
        }
    }
}
