using Aot.Broker.Base;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Share;

/// <summary>
/// The records of one partition as one share group sees them: which are free, held by whom and until when, done. Pure: the
/// time, the settings and the batches of the log are given, and what has to be saved is asked for.
/// </summary>
/// <remarks>
/// Owner: the core of the partition's log.
/// <code>
/// ... done ...|StartOffset ... in flight ... |EndOffset ... never delivered ...
///
/// Available --acquire--> Acquired --accept--> Acknowledged
///     ^                   | | |----reject, gap----> Archived
///     |---release, lock over---| (Archived instead, when it was delivered as often as it may be)
/// </code>
/// An acknowledgement changes states at once and stays undecided until it is saved: its records can be neither acquired
/// nor acknowledged then, and a failed save gives them back to their member, if its lock still holds. The start moves over
/// records whose end is saved. Records below it are forgotten, and an acknowledgement of them is taken without effect.
/// </remarks>
internal sealed class SharePartition
{
    private readonly InFlightRuns _runs = new();
    private long _lastChange;

    /// <summary>False: no record in flight is free.</summary>
    private bool _mayHaveFree;

    public SharePartition(long startOffset)
    {
        StartOffset = EndOffset = startOffset;
    }

    /// <summary>The first offset that the group has not finished with.</summary>
    public long StartOffset { get; private set; }

    /// <summary>The offset after the last one in flight.</summary>
    public long EndOffset { get; private set; }

    /// <summary>Records between start and end, whatever their state: what the limit of locks counts.</summary>
    public int InFlight => (int)(EndOffset - StartOffset);

    /// <summary>Some state is not known to the share coordinator.</summary>
    public bool HasUnsaved { get; private set; }

    internal InFlightRuns Runs => _runs;

    /// <summary>The first offset that a member can get.</summary>
    public long NextFetchOffset
    {
        get
        {
            if (_mayHaveFree)
            {
                for (int i = 0; i < _runs.Count; i++)
                {
                    if (_runs[i].IsFree)
                    {
                        return _runs[i].First;
                    }
                }
                _mayHaveFree = false;
            }
            return EndOffset;
        }
    }

    /// <summary>Records of which the delivery has ended, from the start on.</summary>
    public int CompleteCount
    {
        get
        {
            int count = 0;
            for (int i = 0; i < _runs.Count; i++)
            {
                count += _runs[i].IsOver ? _runs[i].Count : 0;
            }
            return count;
        }
    }

    /// <summary>When the next lock ends; MaxValue when none is held.</summary>
    public long NextLockDeadlineMillis
    {
        get
        {
            long next = long.MaxValue;
            for (int i = 0; i < _runs.Count; i++)
            {
                next = _runs[i].IsHeld ? Math.Min(next, _runs[i].LockDeadlineMillis) : next;
            }
            return next;
        }
    }

    public bool CanAcquire(in ShareLimits limits) => NextFetchOffset < EndOffset || InFlight < limits.RecordLocksMax;

    /// <summary>
    /// Continues from what was saved: batches in ascending order. Offsets between them of which nothing is known are free.
    /// False when the batches contradict themselves or the start.
    /// </summary>
    public bool TryLoad(IReadOnlyList<ShareStateBatch> saved)
    {
        Invariant.That(_runs.Count == 0);
        foreach (ShareStateBatch batch in saved)
        {
            if (batch.FirstOffset < EndOffset || batch.LastOffset < batch.FirstOffset)
            {
                return false;
            }
            AddRun(EndOffset, batch.FirstOffset - 1, RecordState.Available, 0);
            AddRun(batch.FirstOffset, batch.LastOffset, (RecordState)batch.DeliveryState, batch.DeliveryCount);
        }
        _mayHaveFree = true;
        AdvanceStart();
        return true;
    }

    /// <summary>Gives records to a member: the ranges, and how many records they have.</summary>
    /// <param name="request">Who asks for what.</param>
    /// <param name="batches">The batches of the log that were read from the fetch offset on, in order; at least one.</param>
    /// <param name="limits">The group's settings.</param>
    /// <param name="into">Gets the ranges, in order; none reaches over a batch of the log that it does not begin in.</param>
    public int Acquire(
        in AcquireRequest request,
        ReadOnlySpan<BatchExtent> batches,
        in ShareLimits limits,
        List<AcquiredRange> into
    )
    {
        Acquisition acquisition = new(_runs, request, limits, into);
        long first = batches[0].BaseOffset;
        long last = batches[^1].LastOffset;
        int room = Math.Min(request.RecordsMax, limits.RecordLocksMax - InFlight);
        if (room <= 0)
        {
            // Nothing new, but what is free between the others.
            room = (int)Math.Min(request.RecordsMax, EndOffset - request.FetchOffset);
            last = Math.Min(last, EndOffset - 1);
        }
        if (room <= 0 || last < StartOffset)
        {
            return 0;
        }
        ArchiveFree(request.FetchOffset, first - 1);
        first = Math.Max(first, StartOffset);
        int acquired = first < EndOffset ? acquisition.TakeKnown(first, last, room) : 0;
        if (acquired < room && last >= EndOffset)
        {
            BeginAt(first);
            acquired += acquisition.TakeNew(EndOffset, last, room - acquired, batches);
            EndOffset = _runs.Count == 0 ? EndOffset : _runs.LastRun.Last + 1;
        }
        return acquired;
    }

    /// <summary>The records that were just acquired belong to an aborted transaction: nobody gets them.</summary>
    public void ArchiveAborted(long first, long last)
    {
        first = Math.Max(first, StartOffset);
        last = Math.Min(last, EndOffset - 1);
        for (long at = first; at <= last; )
        {
            int i = _runs.IndexOf(at);
            at = _runs[i].Last + 1;
            if (_runs[i].IsHeld)
            {
                i = _runs.Isolate(Math.Max(first, _runs[i].First), Math.Min(last, _runs[i].Last));
                Settle(ref _runs[i], RecordState.Archived);
            }
        }
    }

    /// <summary>
    /// Takes a member's acknowledgements, all or none. With None and a change of 0 nothing has to be saved (renewals, records
    /// below the start); else they count when <see cref="Complete"/> says that the change is saved.
    /// </summary>
    /// <returns>
    /// INVALID_RECORD_STATE: not acquired, not by this member, or not free to change; INVALID_REQUEST: beyond what is in
    /// flight.
    /// </returns>
    public ErrorCode Acknowledge(
        string member,
        IReadOnlyList<AcknowledgedBatch> batches,
        in ShareLimits limits,
        long nowMillis,
        out long change
    )
    {
        change = 0;
        long checkedEnd = -1;
        foreach (AcknowledgedBatch batch in batches)
        {
            ErrorCode error = Check(member, batch, limits, checkedEnd);
            if (error != ErrorCode.None)
            {
                return error;
            }
            checkedEnd = batch.LastOffset;
        }
        long next = _lastChange + 1;
        foreach (AcknowledgedBatch batch in batches)
        {
            if (Apply(batch, limits, nowMillis, next))
            {
                change = _lastChange = next;
            }
        }
        return ErrorCode.None;
    }

    /// <summary>Gives back all that a member holds; the change to be saved, 0 when it holds nothing.</summary>
    public long Release(string member, in ShareLimits limits)
    {
        long next = _lastChange + 1;
        for (int i = 0; i < _runs.Count; i++)
        {
            ref InFlightRun run = ref _runs[i];
            if (run.IsHeld && run.Member == member)
            {
                Begin(ref run, Freed(run, limits), next);
                _lastChange = next;
            }
        }
        return _lastChange == next ? next : 0;
    }

    /// <summary>Frees records whose lock has ended; true when there were any.</summary>
    public bool ExpireLocks(in ShareLimits limits, long nowMillis)
    {
        bool any = false;
        for (int i = 0; i < _runs.Count; i++)
        {
            ref InFlightRun run = ref _runs[i];
            if (run.IsHeld && run.LockDeadlineMillis <= nowMillis)
            {
                Settle(ref run, Freed(run, limits));
                any = true;
            }
        }
        return any;
    }

    /// <summary>The log begins at this offset now: what was before it cannot be delivered.</summary>
    public void MoveStart(long logStartOffset)
    {
        if (logStartOffset > StartOffset)
        {
            _runs.RemoveBelow(logStartOffset);
            StartOffset = logStartOffset;
            EndOffset = Math.Max(EndOffset, logStartOffset);
        }
    }

    /// <summary>What the share coordinator does not know yet, as one write; the last change that it contains.</summary>
    public long TakeUnsaved(List<ShareStateBatch> into)
    {
        for (int i = 0; i < _runs.Count; i++)
        {
            ref InFlightRun run = ref _runs[i];
            if (!run.IsUnsaved)
            {
                continue;
            }
            run.IsUnsaved = false;
            ShareStateBatch batch = new(run.First, run.Last, (sbyte)run.State, run.DeliveryCount);
            if (into.Count > 0 && into[^1].LastOffset + 1 == batch.FirstOffset && into[^1].HasSameFate(batch))
            {
                into[^1] = into[^1] with { LastOffset = batch.LastOffset };
            }
            else
            {
                into.Add(batch);
            }
        }
        HasUnsaved = false;
        return _lastChange;
    }

    /// <summary>The write that ended with this change was saved, or failed. Only one write is under way at a time.</summary>
    public void Complete(long change, bool isSaved, in ShareLimits limits, long nowMillis)
    {
        Decide(change, isSaved, limits, nowMillis);
        _runs.Join();
        AdvanceStart();
    }

    private ErrorCode Check(string member, in AcknowledgedBatch batch, in ShareLimits limits, long checkedEnd)
    {
        if (batch.LastOffset < StartOffset)
        {
            return ErrorCode.None;
        }
        if (_runs.Count == 0 || batch.FirstOffset <= checkedEnd)
        {
            return ErrorCode.InvalidRecordState;
        }
        if (batch.LastOffset >= EndOffset)
        {
            return ErrorCode.InvalidRequest;
        }
        int at = _runs.IndexOf(Math.Max(batch.FirstOffset, StartOffset));
        for (; at < _runs.Count && _runs[at].First <= batch.LastOffset; at++)
        {
            if (!_runs[at].IsHeld || _runs[at].Member != member)
            {
                return ErrorCode.InvalidRecordState;
            }
        }
        return limits.AllowsRenewal || !HasRenewal(batch) ? ErrorCode.None : ErrorCode.InvalidRecordState;
    }

    /// <summary>True when something has to be saved.</summary>
    private bool Apply(in AcknowledgedBatch batch, in ShareLimits limits, long nowMillis, long change)
    {
        bool isChanged = false;
        for (long at = Math.Max(batch.FirstOffset, StartOffset); at <= batch.LastOffset; )
        {
            AcknowledgeType type = TypeAt(batch, at);
            long last = LastOfType(batch, at, Math.Min(batch.LastOffset, _runs[_runs.IndexOf(at)].Last));
            ref InFlightRun run = ref _runs[_runs.Isolate(at, last)];
            if (type == AcknowledgeType.Renew)
            {
                run.LockDeadlineMillis = nowMillis + limits.LockDurationMillis;
            }
            else
            {
                Begin(ref run, StateAfter(type, run, limits), change);
                isChanged = true;
            }
            at = last + 1;
        }
        return isChanged;
    }

    private static bool HasRenewal(in AcknowledgedBatch batch)
    {
        foreach (sbyte type in batch.Types)
        {
            if (type == (sbyte)AcknowledgeType.Renew)
            {
                return true;
            }
        }
        return false;
    }

    private static AcknowledgeType TypeAt(in AcknowledgedBatch batch, long offset) =>
        (AcknowledgeType)(batch.Types.Count == 1 ? batch.Types[0] : batch.Types[(int)(offset - batch.FirstOffset)]);

    private static long LastOfType(in AcknowledgedBatch batch, long offset, long end)
    {
        if (batch.Types.Count == 1)
        {
            return end;
        }
        AcknowledgeType type = TypeAt(batch, offset);
        while (offset < end && TypeAt(batch, offset + 1) == type)
        {
            offset++;
        }
        return offset;
    }

    private static RecordState StateAfter(AcknowledgeType type, in InFlightRun run, in ShareLimits limits) =>
        type switch
        {
            AcknowledgeType.Accept => RecordState.Acknowledged,
            AcknowledgeType.Release => Freed(run, limits),
            _ => RecordState.Archived,
        };

    private static RecordState Freed(in InFlightRun run, in ShareLimits limits) =>
        run.DeliveryCount >= limits.DeliveryCountMax ? RecordState.Archived : RecordState.Available;

    /// <summary>A change that counts when it is saved; the member keeps its place until then.</summary>
    private void Begin(ref InFlightRun run, RecordState state, long change)
    {
        run.State = state;
        run.Change = change;
        run.IsUnsaved = HasUnsaved = true;
    }

    /// <summary>A change that counts at once, and is saved when something is.</summary>
    private void Settle(ref InFlightRun run, RecordState state)
    {
        Conclude(ref run, state);
        run.IsUnsaved = HasUnsaved = true;
    }

    private void Conclude(ref InFlightRun run, RecordState state)
    {
        run.State = state;
        run.Member = null;
        run.LockDeadlineMillis = 0;
        run.Change = 0;
        _mayHaveFree |= state == RecordState.Available;
    }

    /// <summary>Ends the waiting of changes up to this one.</summary>
    private void Decide(long lastChange, bool isSaved, in ShareLimits limits, long nowMillis)
    {
        for (int i = 0; i < _runs.Count; i++)
        {
            ref InFlightRun run = ref _runs[i];
            if (run.Change == 0 || run.Change > lastChange)
            {
                continue;
            }
            if (isSaved)
            {
                Conclude(ref run, run.State);
            }
            else if (run.LockDeadlineMillis <= nowMillis)
            {
                Settle(ref run, Freed(run, limits));
            }
            else
            {
                run.State = RecordState.Acquired;
                run.Change = 0;
                run.IsUnsaved = false;
            }
        }
    }

    /// <summary>The log has no records at these offsets, though they were free: compaction took them.</summary>
    private void ArchiveFree(long first, long last)
    {
        last = Math.Min(last, EndOffset - 1);
        for (long at = Math.Max(first, StartOffset); at <= last; )
        {
            int i = _runs.IndexOf(at);
            at = _runs[i].Last + 1;
            if (_runs[i].IsFree)
            {
                i = _runs.Isolate(Math.Max(first, _runs[i].First), Math.Min(last, _runs[i].Last));
                Settle(ref _runs[i], RecordState.Archived);
            }
        }
    }

    /// <summary>New records begin here: offsets between the end and them do not exist in the log.</summary>
    private void BeginAt(long first)
    {
        if (first <= EndOffset)
        {
            return;
        }
        if (_runs.Count == 0)
        {
            StartOffset = EndOffset = first;
            return;
        }
        AddRun(EndOffset, first - 1, RecordState.Archived, 0);
    }

    private void AddRun(long first, long last, RecordState state, short deliveryCount)
    {
        if (first > last)
        {
            return;
        }
        _runs.Add(
            new InFlightRun
            {
                First = first,
                Last = last,
                BatchCount = (int)(last - first + 1),
                State = state,
                DeliveryCount = deliveryCount,
                StartsBatch = true,
            }
        );
        EndOffset = last + 1;
    }

    private void AdvanceStart()
    {
        while (_runs.Count > 0 && _runs[0] is { IsOver: true, Change: 0, IsUnsaved: false })
        {
            StartOffset = _runs[0].Last + 1;
            _runs.RemoveBelow(StartOffset);
        }
    }
}
