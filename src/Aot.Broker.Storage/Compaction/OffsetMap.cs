using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// The newest offset of each key in the dirty part of a log: a hash table outside the managed heap, with open addressing.
/// It begins small and grows eightfold up to its limit; while it grows, the smaller table is there as well.
/// <code>
/// slot: 0 u64 hash, low   8 u64 hash, high   16 i64 offset + 1 (0 = free)
/// </code>
/// </summary>
/// <remarks>Owner: one cleaning pass, one thread at a time. Keys themselves are not kept.</remarks>
internal sealed unsafe class OffsetMap : IDisposable
{
    public const int SlotBytes = 24;
    private const long SlotsAtStart = 16 * 1024;
    private const int GrowthFactor = 8;

    [StructLayout(LayoutKind.Sequential, Size = SlotBytes)]
    private struct Slot
    {
        public ulong Low;
        public ulong High;
        public long NextOffset;
    }

    private readonly long _slotsMax;
    private readonly double _loadFactor;
    private Slot* _slots;
    private long _capacity;
    private long _countBeforeGrowth;

    /// <param name="bytesMax">The table's limit; a table of a few slots is always allowed.</param>
    /// <param name="loadFactor">How full it gets, above 0 and below 1.</param>
    public OffsetMap(long bytesMax, double loadFactor)
    {
        _slotsMax = Math.Max(bytesMax / SlotBytes, 2);
        _loadFactor = Math.Clamp(loadFactor, 0.01, 0.99);
        Allocate(Math.Min(SlotsAtStart, _slotsMax));
    }

    ~OffsetMap() => NativeMemory.Free(_slots);

    public long Count { get; private set; }

    /// <summary>Keys that fit.</summary>
    public long CountMax => Math.Max(1, (long)(_slotsMax * _loadFactor));

    public long Bytes => _capacity * SlotBytes;

    /// <summary>Sets the key's offset, which is above all before. False, and nothing done: a new key finds no room.</summary>
    public bool TryPut(in KeyHash key, long offset)
    {
        Slot* slot = Find(_slots, _capacity, key);
        if (slot->NextOffset == 0)
        {
            if (Count == _countBeforeGrowth)
            {
                if (_capacity == _slotsMax)
                {
                    return false;
                }
                Grow();
                slot = Find(_slots, _capacity, key);
            }
            slot->Low = key.Low;
            slot->High = key.High;
            Count++;
        }
        slot->NextOffset = offset + 1;
        return true;
    }

    /// <summary>-1 for a key that is not there.</summary>
    public long Get(in KeyHash key) => Find(_slots, _capacity, key)->NextOffset - 1;

    public void Dispose()
    {
        NativeMemory.Free(_slots);
        _slots = null;
        _capacity = 0;
        GC.SuppressFinalize(this);
    }

    /// <summary>The key's slot, or the free one where it belongs; there always is one, since the table is never full.</summary>
    private static Slot* Find(Slot* slots, long capacity, in KeyHash key)
    {
        long at = (long)Math.BigMul(key.Low, (ulong)capacity, out _);
        // SAFETY: at is below the capacity of the table that this object owns, at every step.
        while (slots[at].NextOffset != 0 && (slots[at].Low != key.Low || slots[at].High != key.High))
        {
            at = at + 1 == capacity ? 0 : at + 1;
        }
        return slots + at;
    }

    private void Grow()
    {
        Slot* old = _slots;
        long oldCapacity = _capacity;
        Allocate(Math.Min(oldCapacity * GrowthFactor, _slotsMax));
        // SAFETY: the old table is this object's until it is freed below.
        for (long i = 0; i < oldCapacity; i++)
        {
            if (old[i].NextOffset != 0)
            {
                *Find(_slots, _capacity, new KeyHash(old[i].Low, old[i].High)) = old[i];
            }
        }
        NativeMemory.Free(old);
    }

    private void Allocate(long capacity)
    {
        // SAFETY: zeroed memory is a table of free slots; freed by Grow, Dispose or the finalizer.
        _slots = (Slot*)NativeMemory.AllocZeroed((nuint)capacity, SlotBytes);
        _capacity = capacity;
        _countBeforeGrowth = Math.Clamp((long)(capacity * _loadFactor), 1, capacity - 1);
        Invariant.That(_countBeforeGrowth < capacity);
    }
}
