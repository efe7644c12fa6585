using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Appending;

/// <summary>Somebody who waits until an offset is written or committed.</summary>
internal struct Waiter
{
    public long LastOffset;
    public long Token;
    public IAppendTarget Target;
    public ErrorCode Error;
}

/// <summary>A ring of waiters in order of arrival; it grows to the largest number that ever waited at once.</summary>
internal struct WaiterRing
{
    private Waiter[]? _items;
    private int _head;

    public int Count { get; private set; }

    public readonly ref Waiter this[int index] => ref _items![(_head + index) & (_items.Length - 1)];

    [HotPath]
    public void Add(in Waiter waiter)
    {
        if (_items is null || Count == _items.Length)
        {
            GrowSlow();
        }
        _items![(_head + Count) & (_items.Length - 1)] = waiter;
        Count++;
    }

    [HotPath]
    public Waiter Take()
    {
        ref Waiter slot = ref _items![_head];
        Waiter taken = slot;
        slot = default;
        _head = (_head + 1) & (_items.Length - 1);
        Count--;
        return taken;
    }

    public void ReleaseMemory()
    {
        if (Count == 0)
        {
            _items = null;
            _head = 0;
        }
    }

    private void GrowSlow()
    {
        Waiter[] grown = new Waiter[Math.Max(8, Count * 2)];
        for (int i = 0; i < Count; i++)
        {
            grown[i] = this[i];
        }
        _items = grown;
        _head = 0;
    }
}

/// <summary>
/// Who waits for a log's writes. What has become true (or failed) is only noted; <see cref="Deliver"/> calls, once per
/// turn, after the waiting fetches were served. Offsets arrive ascending, so that the head decides; a repetition of an
/// older batch may wait a little longer than it has to, never shorter.
/// </summary>
internal sealed class LogWaiters
{
    private WaiterRing _written;
    private WaiterRing _committed;
    private WaiterRing _ready;

    public bool HasReady => _ready.Count > 0;

    public bool IsEmpty => _written.Count == 0 && _committed.Count == 0 && _ready.Count == 0;

    [HotPath]
    public void AddWritten(in Waiter waiter) => _written.Add(waiter);

    [HotPath]
    public void AddCommitted(in Waiter waiter) => _committed.Add(waiter);

    [HotPath]
    public void AddReady(in Waiter waiter) => _ready.Add(waiter);

    /// <summary>Everything below these offsets is written, and committed.</summary>
    [HotPath]
    public void Complete(long writtenEnd, long committedEnd)
    {
        MoveBelow(ref _written, writtenEnd);
        MoveBelow(ref _committed, committedEnd);
    }

    /// <summary>What was to be at or after this offset will not be.</summary>
    public void Fail(long fromOffset, ErrorCode error)
    {
        FailIn(ref _written, fromOffset, error);
        FailIn(ref _committed, fromOffset, error);
    }

    /// <summary>Takes a waiter out before it was called. False: it is not here any more, or ready to be called.</summary>
    public bool Cancel(IAppendTarget target, long token) =>
        CancelIn(ref _written, target, token) || CancelIn(ref _committed, target, token);

    /// <summary>Calls those that are ready now; what a callback adds waits for the next turn.</summary>
    [HotPath]
    public void Deliver()
    {
        for (int count = _ready.Count; count > 0; count--)
        {
            Waiter waiter = _ready.Take();
            waiter.Target.OnAppended(waiter.Token, waiter.Error);
        }
    }

    public void ReleaseMemory()
    {
        _written.ReleaseMemory();
        _committed.ReleaseMemory();
        _ready.ReleaseMemory();
    }

    [HotPath]
    private void MoveBelow(ref WaiterRing from, long end)
    {
        while (from.Count > 0 && from[0].LastOffset < end)
        {
            _ready.Add(from.Take());
        }
    }

    private static bool CancelIn(ref WaiterRing from, IAppendTarget target, long token)
    {
        bool found = false;
        for (int count = from.Count; count > 0; count--)
        {
            Waiter waiter = from.Take();
            if (!found && waiter.Token == token && ReferenceEquals(waiter.Target, target))
            {
                found = true;
            }
            else
            {
                from.Add(waiter);
            }
        }
        return found;
    }

    private void FailIn(ref WaiterRing from, long fromOffset, ErrorCode error)
    {
        for (int count = from.Count; count > 0; count--)
        {
            Waiter waiter = from.Take();
            if (waiter.LastOffset >= fromOffset)
            {
                waiter.Error = error;
                _ready.Add(waiter);
            }
            else
            {
                from.Add(waiter);
            }
        }
    }
}
