using System.Numerics;
using System.Runtime.CompilerServices;
using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>Names a scheduled timer; a handle of a fired or cancelled timer is recognized by its generation.</summary>
public readonly record struct TimerHandle(int Slot, int Generation)
{
    public static TimerHandle None => new(-1, 0);
}

/// <summary>
/// Hierarchical timing wheel: 4 levels of 256 buckets, ticks of 1 ms. Schedule and cancel are O(1); an advance costs
/// the timers that fire, plus at most three moves per timer on its way down.
/// </summary>
/// <remarks>
/// Owner: one core, no lock. Timers are slots of one array, linked into buckets by indices, so nothing is allocated
/// after the array has grown to the largest number of timers that were ever waiting at once.
/// <code>
/// level 0: 256 buckets of 1 ms     level 1: of 256 ms     level 2: of 65.5 s     level 3: of 4.66 h
/// overdue: deadlines that had passed when they were scheduled     far: more than 2^32 ms (49.7 days) boundary away
/// </code>
/// A timer lies at the level of the highest byte in which its deadline differs from the current tick, in the bucket
/// that this byte of the deadline names. So at every level the buckets in use are beyond the current one, a bitmap of
/// 256 bits finds the next, and a level's next bucket always begins after everything on the levels below it.
/// Worked example, current tick 0x1FE (510), deadlines 0x1FF, 0x203 and 0x10000:
/// <code>
/// schedule  0x1FF   differs in byte 0 -> level 0 bucket FF
///           0x203   differs in byte 1 -> level 1 bucket 02
///           0x10000 differs in byte 2 -> level 2 bucket 01
/// tick 0x1FF  level 0 bucket FF fires
/// tick 0x200  begins level 1 bucket 02: 0x203 now differs in byte 0 only -> level 0 bucket 03
/// tick 0x203  level 0 bucket 03 fires
/// ...         nothing is in use below level 2: the wheel steps to 0x10000 at once, whatever lies between
/// tick 0x10000 begins level 2 bucket 01: the timer equals the tick -> level 0 bucket 00, fires
/// </code>
/// Timers of one tick fire in the order in which they were scheduled. A timer never fires early, and never from inside
/// Schedule. Non-goal: other threads.
/// </remarks>
public sealed class TimerWheel
{
    private const int Levels = 4;
    private const int LevelBits = 8;
    private const int BucketsPerLevel = 1 << LevelBits;
    private const int BucketMask = BucketsPerLevel - 1;
    private const int WordsPerLevel = BucketsPerLevel / 64;
    private const int OverdueBucket = Levels * BucketsPerLevel;
    private const int FarBucket = OverdueBucket + 1;
    private const int FiringBucket = FarBucket + 1;
    private const int BucketCount = FiringBucket + 1;
    private const int None = -1;
    private const int NotScheduled = -2;

    private readonly int[] _heads = new int[BucketCount];
    private readonly int[] _tails = new int[BucketCount];
    private readonly ulong[] _inUse = new ulong[Levels * WordsPerLevel];
    private Slot[] _slots;
    private int _freeHead = None;
    private int _slotsUsed;
    private long _current;

    private struct Slot
    {
        public long Deadline;
        public long Token;
        public ITimerTarget? Target;
        public int Next;
        public int Previous;
        public int Generation;

        /// <summary>Which list it is in, or NotScheduled.</summary>
        public int Bucket;
    }

    /// <param name="nowMillis">The tick to start from, on the same clock as all deadlines.</param>
    /// <param name="capacity">Timers before the first growth.</param>
    public TimerWheel(long nowMillis, int capacity = 1024)
    {
        Invariant.That(nowMillis >= 0);
        Invariant.That(capacity > 0);
        _current = nowMillis;
        _slots = new Slot[capacity];
        Array.Fill(_heads, None);
        Array.Fill(_tails, None);
    }

    /// <summary>Timers that wait.</summary>
    public int Count { get; private set; }

    /// <summary>The last tick that was advanced to.</summary>
    public long CurrentMillis => _current;

    /// <summary>
    /// When <see cref="Advance"/> has to be called at the latest, null = nothing waits. Exact within the next 256 ms;
    /// for later timers it may be the earlier moment at which they move a level down.
    /// </summary>
    public long? NextDeadlineMillis
    {
        get
        {
            if (_heads[OverdueBucket] != None)
            {
                return _current;
            }
            long next = NextTick();
            return next == long.MaxValue ? null : next;
        }
    }

    /// <summary>Fires once in the first advance that reaches the deadline; one that has passed fires in the next advance.</summary>
    [HotPath]
    public TimerHandle Schedule(long deadlineMillis, ITimerTarget target, long token)
    {
        int index = _freeHead;
        if (index != None)
        {
            _freeHead = _slots[index].Next;
        }
        else
        {
            if (_slotsUsed == _slots.Length)
            {
                GrowSlow();
            }
            index = _slotsUsed++;
            _slots[index].Generation = 1;
        }
        ref Slot slot = ref _slots[index];
        slot.Deadline = deadlineMillis;
        slot.Token = token;
        slot.Target = target;
        Count++;
        Append(BucketOf(deadlineMillis), index);
        return new TimerHandle(index, slot.Generation);
    }

    /// <summary>False = it has fired or was cancelled before.</summary>
    [HotPath]
    public bool Cancel(TimerHandle timer)
    {
        if ((uint)timer.Slot >= (uint)_slotsUsed)
        {
            return false;
        }
        ref Slot slot = ref _slots[timer.Slot];
        if (slot.Generation != timer.Generation || slot.Bucket == NotScheduled)
        {
            return false;
        }
        Unlink(timer.Slot);
        Free(timer.Slot);
        return true;
    }

    /// <summary>Fires everything due at or before <paramref name="nowMillis"/>, in order of deadline. A clock that steps back is ignored.</summary>
    [HotPath]
    public void Advance(long nowMillis)
    {
        FireOverdue();
        while (_current < nowMillis)
        {
            long next = NextTick();
            if (next > nowMillis)
            {
                _current = nowMillis;
                return;
            }
            Invariant.That(next > _current);
            _current = next;
            MoveDown();
            FireBucket((int)(next & BucketMask));
        }
    }

    /// <summary>What was overdue before this call; a callback that schedules for a passed deadline waits for the next advance.</summary>
    private void FireOverdue()
    {
        int head = _heads[OverdueBucket];
        if (head == None)
        {
            return;
        }
        Invariant.That(_heads[FiringBucket] == None);
        _heads[FiringBucket] = head;
        _tails[FiringBucket] = _tails[OverdueBucket];
        _heads[OverdueBucket] = _tails[OverdueBucket] = None;
        for (int index = head; index != None; index = _slots[index].Next)
        {
            _slots[index].Bucket = FiringBucket;
        }
        FireBucket(FiringBucket);
    }

    /// <summary>One at a time from the head, since a callback may cancel any of the others.</summary>
    private void FireBucket(int bucket)
    {
        while (_heads[bucket] is int index && index != None)
        {
            ref Slot slot = ref _slots[index];
            Invariant.That(slot.Deadline <= _current);
            ITimerTarget target = slot.Target!;
            long token = slot.Token;
            Unlink(index);
            Free(index);
            target.OnTimer(token);
        }
    }

    /// <summary>The current tick may begin a bucket on higher levels: their timers go to lower ones, from the top down.</summary>
    private void MoveDown()
    {
        if ((_current & uint.MaxValue) == 0)
        {
            Rebucket(FarBucket);
        }
        for (int level = Levels - 1; level > 0; level--)
        {
            int shift = level * LevelBits;
            if ((_current & ((1L << shift) - 1)) == 0)
            {
                Rebucket((level * BucketsPerLevel) + (int)((_current >> shift) & BucketMask));
            }
        }
    }

    private void Rebucket(int bucket)
    {
        int index = _heads[bucket];
        if (index == None)
        {
            return;
        }
        _heads[bucket] = _tails[bucket] = None;
        ClearInUse(bucket);
        while (index != None)
        {
            int next = _slots[index].Next;
            long deadline = _slots[index].Deadline;
            // What is due now belongs to the tick that is about to fire, not to the overdue list.
            Append(deadline == _current ? (int)(_current & BucketMask) : BucketOf(deadline), index);
            index = next;
        }
    }

    private int BucketOf(long deadline)
    {
        if (deadline <= _current)
        {
            return OverdueBucket;
        }
        int level = (63 - BitOperations.LeadingZeroCount((ulong)(deadline ^ _current))) / LevelBits;
        return level >= Levels
            ? FarBucket
            : (level * BucketsPerLevel) + (int)((deadline >> (level * LevelBits)) & BucketMask);
    }

    /// <summary>The first tick after the current one at which a bucket begins that is in use; MaxValue = none.</summary>
    private long NextTick()
    {
        for (int level = 0; level < Levels; level++)
        {
            int shift = level * LevelBits;
            int at = (int)((_current >> shift) & BucketMask);
            int bucket = NextInUse(level, at + 1);
            if (bucket != None)
            {
                long above = (_current >> shift >> LevelBits) << LevelBits;
                return (above | (long)bucket) << shift;
            }
        }
        return _heads[FarBucket] == None ? long.MaxValue : ((_current >> 32) + 1) << 32;
    }

    private int NextInUse(int level, int from)
    {
        for (int word = from / 64; word < WordsPerLevel; word++)
        {
            ulong bits = _inUse[(level * WordsPerLevel) + word];
            if (word == from / 64)
            {
                bits &= ulong.MaxValue << (from % 64);
            }
            if (bits != 0)
            {
                return (word * 64) + BitOperations.TrailingZeroCount(bits);
            }
        }
        return None;
    }

    private void Append(int bucket, int index)
    {
        int tail = _tails[bucket];
        ref Slot slot = ref _slots[index];
        slot.Bucket = bucket;
        slot.Previous = tail;
        slot.Next = None;
        _tails[bucket] = index;
        if (tail != None)
        {
            _slots[tail].Next = index;
            return;
        }
        _heads[bucket] = index;
        if (bucket < OverdueBucket)
        {
            _inUse[bucket / 64] |= 1UL << (bucket % 64);
        }
    }

    private void Unlink(int index)
    {
        ref Slot slot = ref _slots[index];
        int bucket = slot.Bucket;
        if (slot.Previous != None)
        {
            _slots[slot.Previous].Next = slot.Next;
        }
        else
        {
            _heads[bucket] = slot.Next;
        }
        if (slot.Next != None)
        {
            _slots[slot.Next].Previous = slot.Previous;
        }
        else
        {
            _tails[bucket] = slot.Previous;
        }
        if (_heads[bucket] == None)
        {
            ClearInUse(bucket);
        }
    }

    private void ClearInUse(int bucket)
    {
        if (bucket < OverdueBucket)
        {
            _inUse[bucket / 64] &= ~(1UL << (bucket % 64));
        }
    }

    private void Free(int index)
    {
        ref Slot slot = ref _slots[index];
        slot.Generation++;
        slot.Bucket = NotScheduled;
        slot.Target = null;
        slot.Next = _freeHead;
        _freeHead = index;
        Count--;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void GrowSlow() => Array.Resize(ref _slots, _slots.Length * 2);
}
