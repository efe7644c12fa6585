using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Share;

/// <summary>
/// How one fetch takes records: first what is free among those in flight, batch by batch as they were delivered before, then
/// new ones from the log.
/// </summary>
/// <remarks>
/// Records that fail again and again come in ever smaller ranges, so that one bad record does not take its batch with it
/// into the archive: from half of the allowed deliveries on (at least two) at most half of the batch, then a quarter and so on,
/// and the last delivery of a record is of that record alone, where more than two are allowed.
/// </remarks>
internal readonly ref struct Acquisition(
    InFlightRuns runs,
    in AcquireRequest request,
    in ShareLimits limits,
    List<AcquiredRange> into
)
{
    private readonly AcquireRequest _request = request;
    private readonly int _deliveriesMax = limits.DeliveryCountMax;

    /// <summary>Deliveries from which on a batch is divided.</summary>
    private int ThrottledFrom => Math.Max(2, (_deliveriesMax + 1) / 2);

    private bool DeliversLastAlone => _deliveriesMax > 2;

    /// <summary>Takes free records of the offsets first to last, which begin in flight; how many.</summary>
    public int TakeKnown(long first, long last, int room)
    {
        int acquired = 0;
        int at = runs.IndexOf(first);
        while (at > 0 && !runs[at].StartsBatch)
        {
            at--;
        }
        while (at < runs.Count && runs[at].First <= last && acquired < room)
        {
            long batchFirst = runs[at].First;
            long batchLast = LastOfBatch(at);
            bool isThrottled = IsThrottled(at, batchLast, first, last);
            if (isThrottled && acquired > 0)
            {
                break;
            }
            int size = runs[at].BatchCount;
            acquired += TakeOfBatch(Math.Max(batchFirst, first), Math.Min(batchLast, last), size, room - acquired);
            if (isThrottled && acquired > 0)
            {
                break;
            }
            at = batchLast < runs.LastRun.Last ? runs.IndexOf(batchLast + 1) : runs.Count;
        }
        return acquired;
    }

    /// <summary>Takes records from the end of what is in flight on, as far as the log has them; how many.</summary>
    public int TakeNew(long first, long last, int room, ReadOnlySpan<BatchExtent> batches)
    {
        if (last - first + 1 > room)
        {
            long wanted = first + room - 1;
            last =
                _request.Mode == AcquireMode.RecordLimit
                    ? wanted
                    : Math.Min(last, Math.Max(wanted, LastOfBatchWith(batches, wanted)));
        }
        long rangeFirst = first;
        if (_request.Mode != AcquireMode.RecordLimit)
        {
            foreach (BatchExtent batch in batches)
            {
                if (batch.BaseOffset > last)
                {
                    break;
                }
                if (batch.BaseOffset - rangeFirst >= _request.BatchSize && batch.BaseOffset > rangeFirst)
                {
                    AddNew(rangeFirst, batch.BaseOffset - 1);
                    rangeFirst = batch.BaseOffset;
                }
            }
        }
        AddNew(rangeFirst, last);
        return (int)(last - first + 1);
    }

    private int TakeOfBatch(long first, long last, int size, int room)
    {
        int taken = 0;
        int most = _request.Mode == AcquireMode.RecordLimit ? room : int.MaxValue;
        int rangesBefore = into.Count;
        for (long at = first; at <= last && taken < most; )
        {
            int index = runs.IndexOf(at);
            long runLast = Math.Min(runs[index].Last, last);
            if (!runs[index].IsFree)
            {
                at = runLast + 1;
                continue;
            }
            int count = runs[index].DeliveryCount;
            bool isLastDelivery = DeliversLastAlone && count == _deliveriesMax - 1;
            if (isLastDelivery && taken > 0)
            {
                break;
            }
            if (count >= ThrottledFrom)
            {
                most = Math.Min(most, Math.Max(1, size >> (count - ThrottledFrom + 1)));
            }
            int wanted = isLastDelivery ? 1 : (int)Math.Min(runLast - at + 1, most - taken);
            if (wanted <= 0)
            {
                break;
            }
            Take(at, at + wanted - 1, rangesBefore);
            taken += wanted;
            at += wanted;
            if (isLastDelivery)
            {
                break;
            }
        }
        return taken;
    }

    private void Take(long first, long last, int rangesBefore)
    {
        ref InFlightRun run = ref runs[runs.Isolate(first, last)];
        run.State = RecordState.Acquired;
        run.DeliveryCount++;
        run.Member = _request.Member;
        run.LockDeadlineMillis = _request.LockDeadlineMillis;
        run.IsUnsaved = false;
        if (
            into.Count > rangesBefore
            && into[^1] is var before
            && before.LastOffset + 1 == first
            && before.DeliveryCount == run.DeliveryCount
        )
        {
            into[^1] = before with { LastOffset = last };
        }
        else
        {
            into.Add(new AcquiredRange(first, last, run.DeliveryCount));
        }
    }

    private void AddNew(long first, long last)
    {
        runs.Add(
            new InFlightRun
            {
                First = first,
                Last = last,
                BatchCount = (int)(last - first + 1),
                State = RecordState.Acquired,
                DeliveryCount = 1,
                Member = _request.Member,
                LockDeadlineMillis = _request.LockDeadlineMillis,
                StartsBatch = true,
            }
        );
        into.Add(new AcquiredRange(first, last, 1));
    }

    private long LastOfBatch(int index)
    {
        while (index + 1 < runs.Count && !runs[index + 1].StartsBatch)
        {
            index++;
        }
        return runs[index].Last;
    }

    private bool IsThrottled(int index, long batchLast, long first, long last)
    {
        for (int i = index; i < runs.Count && runs[i].First <= Math.Min(batchLast, last); i++)
        {
            if (runs[i].IsFree && runs[i].Last >= first && runs[i].DeliveryCount >= ThrottledFrom)
            {
                return true;
            }
        }
        return false;
    }

    /// <summary>The end of the last batch that begins at or before the offset.</summary>
    private static long LastOfBatchWith(ReadOnlySpan<BatchExtent> batches, long offset)
    {
        long last = offset;
        foreach (BatchExtent batch in batches)
        {
            if (batch.BaseOffset > offset)
            {
                break;
            }
            last = batch.LastOffset;
        }
        return last;
    }
}
