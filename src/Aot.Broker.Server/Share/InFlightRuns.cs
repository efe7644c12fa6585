using Aot.Broker.Base;

namespace Aot.Broker.Server.Share;

/// <summary>Neighbouring records of one fate, both ends included.</summary>
internal struct InFlightRun
{
    public long First;
    public long Last;

    /// <summary>Who holds the records, or held them until the change that is being saved; else null.</summary>
    public string? Member;

    /// <summary>When the lock of acquired records ends.</summary>
    public long LockDeadlineMillis;

    /// <summary>The acknowledgement that made this state and is not saved yet; 0 when there is none.</summary>
    public long Change;

    /// <summary>Records of the batch that it is a part of, also when some of them are gone.</summary>
    public int BatchCount;
    public short DeliveryCount;
    public RecordState State;

    /// <summary>A member got the records from here on as one batch; runs that it was divided into since do not have the mark.</summary>
    public bool StartsBatch;

    /// <summary>The share coordinator does not know the state yet.</summary>
    public bool IsUnsaved;

    public readonly int Count => (int)(Last - First + 1);

    public readonly bool IsFree => State == RecordState.Available && Change == 0;

    public readonly bool IsHeld => State == RecordState.Acquired && Change == 0;

    /// <summary>Its delivery has ended, one way or the other.</summary>
    public readonly bool IsOver => State is RecordState.Acknowledged or RecordState.Archived;

    public readonly bool HasSameFate(in InFlightRun other) =>
        State == other.State
        && DeliveryCount == other.DeliveryCount
        && Change == other.Change
        && LockDeadlineMillis == other.LockDeadlineMillis
        && IsUnsaved == other.IsUnsaved
        && Member == other.Member;
}

/// <summary>
/// The records in flight of a share partition, in the order of their offsets and without a hole: an array of runs, which
/// are divided where the fates of records part and joined again where they meet.
/// </summary>
/// <remarks>
/// <code>
///        _head                          _end
/// [......|run 0|run 1| ... |run Count-1|......]      run n+1 begins at the offset after run n
/// </code>
/// Runs leave at the front by moving the head. A division moves what is behind it: at most as many runs as records may be
/// locked, 64 bytes each.
/// </remarks>
internal sealed class InFlightRuns
{
    private InFlightRun[] _runs = new InFlightRun[16];
    private int _head;
    private int _end;

    public int Count => _end - _head;

    public ref InFlightRun this[int index] => ref _runs[_head + index];

    public ref InFlightRun LastRun => ref _runs[_end - 1];

    /// <summary>Which run has the offset. It has to be in flight.</summary>
    public int IndexOf(long offset)
    {
        Invariant.That(Count > 0 && offset >= this[0].First && offset <= LastRun.Last);
        int low = _head;
        int high = _end - 1;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_runs[middle].Last < offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low - _head;
    }

    public void Add(in InFlightRun run)
    {
        Invariant.That(run.First <= run.Last && (Count == 0 || LastRun.Last + 1 == run.First));
        MakeRoom();
        _runs[_end++] = run;
    }

    /// <summary>Makes a run begin at the offset, which is in flight; its index.</summary>
    public int DivideAt(long offset)
    {
        int index = IndexOf(offset);
        if (this[index].First == offset)
        {
            return index;
        }
        MakeRoom();
        int at = _head + index;
        Array.Copy(_runs, at, _runs, at + 1, _end - at);
        _end++;
        _runs[at].Last = offset - 1;
        _runs[at + 1].First = offset;
        _runs[at + 1].StartsBatch = false;
        return index + 1;
    }

    /// <summary>Makes these records one run of their own; its index. They have to be in one run.</summary>
    public int Isolate(long first, long last)
    {
        int index = DivideAt(first);
        Invariant.That(this[index].Last >= last);
        if (this[index].Last > last)
        {
            DivideAt(last + 1);
        }
        return index;
    }

    /// <summary>Drops everything below the offset.</summary>
    public void RemoveBelow(long offset)
    {
        while (Count > 0 && this[0].Last < offset)
        {
            _runs[_head++] = default;
        }
        if (Count > 0 && this[0].First < offset)
        {
            this[0].First = offset;
        }
        if (Count == 0)
        {
            _head = _end = 0;
        }
    }

    /// <summary>Joins neighbours of the same batch that have the same fate.</summary>
    public void Join()
    {
        if (Count < 2)
        {
            return;
        }
        int kept = _head;
        for (int i = _head + 1; i < _end; i++)
        {
            if (!_runs[i].StartsBatch && _runs[kept].HasSameFate(_runs[i]))
            {
                _runs[kept].Last = _runs[i].Last;
            }
            else
            {
                _runs[++kept] = _runs[i];
            }
        }
        Array.Clear(_runs, kept + 1, _end - kept - 1);
        _end = kept + 1;
    }

    private void MakeRoom()
    {
        if (_end < _runs.Length)
        {
            return;
        }
        int count = Count;
        InFlightRun[] target = _head >= _runs.Length / 2 ? _runs : new InFlightRun[_runs.Length * 2];
        Array.Copy(_runs, _head, target, 0, count);
        if (ReferenceEquals(target, _runs))
        {
            Array.Clear(_runs, count, _end - count);
        }
        _runs = target;
        _head = 0;
        _end = count;
    }
}
