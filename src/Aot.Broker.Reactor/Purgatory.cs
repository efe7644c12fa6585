using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>
/// Where delayed operations wait: watched under several keys, and on the core's timing wheel for their deadline. One
/// per core, with its own lock.
/// </summary>
/// <remarks>
/// Owner: one core. Only it begins a wait, and expiry comes from its wheel. CheckAndComplete, Complete and Cancel may be
/// called by other threads too; the lock is uncontended as long as the owner is the only caller.
/// Two locks: the operation's own (around its condition and its state) is outer, the stripe's (around the tables
/// here) is inner and held for a few stores only. Nothing of an operation is called under the stripe's lock.
/// Invariants: an operation leaves all its watch lists in the moment it completes, so a list never holds a stale
/// watcher and nothing has to be purged; entries and watchers are array slots with generations, reused.
/// A wait that another thread ended leaves its timer to the owner, which cancels it at its next wait or when it fires.
/// </remarks>
public sealed class Purgatory : ITimerTarget
{
    private const int None = -1;

    /// <summary>Operations that wait, and the keys that they wait for, before the tables grow.</summary>
    private const int EntriesFilled = 256;
    private const int KeysFilled = 512;

    /// <summary>How deep events cause events (a completion appends, which completes others), before a list is made.</summary>
    private const int ScratchFilled = 4;

    private readonly TimerWheel _timers;
    private readonly Lock _stripe = new();
    private readonly Dictionary<WatchKey, int> _heads = new(KeysFilled);
    private readonly Stack<List<Candidate>> _scratch = new(ScratchFilled);
    private readonly List<TimerHandle> _orphanedTimers = new(ScratchFilled);
    private Entry[] _entries = new Entry[EntriesFilled];
    private Watch[] _watches = new Watch[KeysFilled];
    private int _freeEntry = None;
    private int _freeWatch = None;
    private int _entriesUsed;
    private int _watchesUsed;
    private int _watched;
    private int _delayed;
    private int _ownerThread;

    /// <summary>Counts reported events, under the stripe's lock: tells a beginning wait that it may have missed one.</summary>
    private long _events;

    private struct Entry
    {
        public DelayedOperation? Operation;
        public int OperationGeneration;
        public int Generation;
        public TimerHandle Timer;
        public int FirstWatch;
        public int NextFree;
    }

    private struct Watch
    {
        public WatchKey Key;
        public int Entry;
        public int Next;
        public int Previous;
        public int NextOfEntry;
    }

    private readonly record struct Candidate(DelayedOperation Operation, int Generation);

    public Purgatory(TimerWheel timers)
    {
        _timers = timers;
        for (int i = 0; i < ScratchFilled; i++)
        {
            _scratch.Push(new List<Candidate>(EntriesFilled));
        }
    }

    /// <summary>Operation and key pairs.</summary>
    public int Watched => Volatile.Read(ref _watched);

    /// <summary>Operations that wait.</summary>
    public int Delayed => Volatile.Read(ref _delayed);

    /// <summary>
    /// Completes the operation now if its condition holds (true), else lets it wait for an event on one of the keys or
    /// for the deadline (on the wheel's clock). An event between check and wait is not lost. Owner core only.
    /// </summary>
    public bool TryCompleteElseWatch(DelayedOperation operation, ReadOnlySpan<WatchKey> keys, long deadlineMillis)
    {
        _ownerThread = Environment.CurrentManagedThreadId;
        long eventsBefore = Volatile.Read(ref _events);
        int generation;
        lock (operation)
        {
            Invariant.That(!operation.Waiting);
            if (!operation.Check())
            {
                generation = ++operation.Generation;
                Volatile.Write(ref operation.Waiting, true);
                bool missedEvent = Register(operation, generation, keys, deadlineMillis, eventsBefore);
                if (!missedEvent || !operation.Check())
                {
                    return false;
                }
                EndWait(operation);
            }
        }
        operation.Complete();
        return true;
    }

    /// <summary>Something about the key changed: completes the operations whose condition now holds; how many. Any thread.</summary>
    public int CheckAndComplete(WatchKey key)
    {
        // The owner alone begins waits, so what it does not see is not there. Other threads need the lock to be sure.
        if (_watched == 0 && Environment.CurrentManagedThreadId == _ownerThread)
        {
            return 0;
        }
        List<Candidate>? candidates = Collect(key);
        if (candidates is null)
        {
            return 0;
        }
        int completed = 0;
        // New watchers go to the front of the list, so its back has waited longest.
        for (int i = candidates.Count - 1; i >= 0; i--)
        {
            completed += TryEnd(candidates[i], check: true) ? 1 : 0;
        }
        candidates.Clear();
        lock (_stripe)
        {
            _scratch.Push(candidates);
        }
        return completed;
    }

    /// <summary>Completes a waiting operation without asking its condition; false = it does not wait any more. Any thread.</summary>
    public bool Complete(DelayedOperation operation)
    {
        lock (operation)
        {
            if (!operation.Waiting)
            {
                return false;
            }
            EndWait(operation);
        }
        operation.Complete();
        return true;
    }

    /// <summary>Ends the wait with neither OnExpire nor OnComplete; false = it does not wait any more. Any thread.</summary>
    public bool Cancel(DelayedOperation operation)
    {
        lock (operation)
        {
            if (!operation.Waiting)
            {
                return false;
            }
            EndWait(operation);
            return true;
        }
    }

    /// <summary>The deadline of an entry came. From the owner's wheel.</summary>
    void ITimerTarget.OnTimer(long token)
    {
        int index = (int)(token & int.MaxValue);
        int generation = (int)(token >> 32);
        Candidate candidate;
        lock (_stripe)
        {
            ref Entry entry = ref _entries[index];
            if (entry.Operation is null || entry.Generation != generation)
            {
                return;
            }
            entry.Timer = TimerHandle.None;
            candidate = new Candidate(entry.Operation, entry.OperationGeneration);
        }
        TryEnd(candidate, check: false);
    }

    /// <summary>Ends the wait that the candidate was seen in, if it still goes on; exactly one caller gets true.</summary>
    private bool TryEnd(Candidate candidate, bool check)
    {
        DelayedOperation operation = candidate.Operation;
        lock (operation)
        {
            if (!operation.Waiting || operation.Generation != candidate.Generation || (check && !operation.Check()))
            {
                return false;
            }
            EndWait(operation);
        }
        if (!check)
        {
            operation.Expire();
        }
        operation.Complete();
        return true;
    }

    /// <summary>Under the operation's lock.</summary>
    private void EndWait(DelayedOperation operation)
    {
        int index = operation.Entry;
        operation.Entry = None;
        operation.Generation++;
        Volatile.Write(ref operation.Waiting, false);
        TimerHandle timer;
        bool isOwner = Environment.CurrentManagedThreadId == _ownerThread;
        lock (_stripe)
        {
            timer = Remove(index);
            if (!isOwner && timer != TimerHandle.None)
            {
                _orphanedTimers.Add(timer);
                return;
            }
        }
        if (timer != TimerHandle.None)
        {
            _timers.Cancel(timer);
        }
    }

    /// <summary>Under the operation's lock. True = an event was reported since <paramref name="eventsBefore"/> was read.</summary>
    private bool Register(
        DelayedOperation operation,
        int generation,
        ReadOnlySpan<WatchKey> keys,
        long deadlineMillis,
        long eventsBefore
    )
    {
        lock (_stripe)
        {
            foreach (TimerHandle orphan in CollectionsMarshal.AsSpan(_orphanedTimers))
            {
                _timers.Cancel(orphan);
            }
            _orphanedTimers.Clear();
            int index = TakeEntry();
            ref Entry entry = ref _entries[index];
            entry.Operation = operation;
            entry.OperationGeneration = generation;
            entry.FirstWatch = None;
            foreach (WatchKey key in keys)
            {
                AddWatch(index, key);
            }
            operation.Entry = index;
            entry.Timer = _timers.Schedule(deadlineMillis, this, ((long)entry.Generation << 32) | (long)(uint)index);
            _delayed++;
            return _events != eventsBefore;
        }
    }

    private List<Candidate>? Collect(WatchKey key)
    {
        lock (_stripe)
        {
            _events++;
            if (!_heads.TryGetValue(key, out int watch))
            {
                return null;
            }
            List<Candidate> candidates = _scratch.Count > 0 ? _scratch.Pop() : [];
            for (; watch != None; watch = _watches[watch].Next)
            {
                ref Entry entry = ref _entries[_watches[watch].Entry];
                candidates.Add(new Candidate(entry.Operation!, entry.OperationGeneration));
            }
            return candidates;
        }
    }

    private int TakeEntry()
    {
        int index = _freeEntry;
        if (index != None)
        {
            _freeEntry = _entries[index].NextFree;
            return index;
        }
        if (_entriesUsed == _entries.Length)
        {
            Array.Resize(ref _entries, _entries.Length * 2);
        }
        _entries[_entriesUsed].Generation = 1;
        return _entriesUsed++;
    }

    private void AddWatch(int entry, WatchKey key)
    {
        int index = _freeWatch;
        if (index != None)
        {
            _freeWatch = _watches[index].Next;
        }
        else
        {
            if (_watchesUsed == _watches.Length)
            {
                Array.Resize(ref _watches, _watches.Length * 2);
            }
            index = _watchesUsed++;
        }
        ref int head = ref CollectionsMarshal.GetValueRefOrAddDefault(_heads, key, out bool isKnown);
        int next = isKnown ? head : None;
        head = index;
        if (next != None)
        {
            _watches[next].Previous = index;
        }
        _watches[index] = new Watch
        {
            Key = key,
            Entry = entry,
            Next = next,
            Previous = None,
            NextOfEntry = _entries[entry].FirstWatch,
        };
        _entries[entry].FirstWatch = index;
        _watched++;
    }

    /// <summary>Takes an entry out of all its lists; its timer is the caller's.</summary>
    private TimerHandle Remove(int index)
    {
        ref Entry entry = ref _entries[index];
        Invariant.That(entry.Operation is not null);
        int watch = entry.FirstWatch;
        while (watch != None)
        {
            ref Watch removed = ref _watches[watch];
            int nextOfEntry = removed.NextOfEntry;
            if (removed.Next != None)
            {
                _watches[removed.Next].Previous = removed.Previous;
            }
            if (removed.Previous != None)
            {
                _watches[removed.Previous].Next = removed.Next;
            }
            else if (removed.Next != None)
            {
                _heads[removed.Key] = removed.Next;
            }
            else
            {
                _heads.Remove(removed.Key);
            }
            removed.Next = _freeWatch;
            _freeWatch = watch;
            _watched--;
            watch = nextOfEntry;
        }
        TimerHandle timer = entry.Timer;
        entry.Operation = null;
        entry.Generation++;
        entry.NextFree = _freeEntry;
        _freeEntry = index;
        _delayed--;
        return timer;
    }
}
