using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Memory;

/// <summary>
/// The two ends of an <see cref="MpscRing{T}"/>.
/// <code>
///   0..127  empty, keeps the object's other fields away
/// 128       Tail  written by all producers, with compare-and-exchange; next position to claim
/// 256       Head  written by the consumer only; next position to take
/// 264..383  empty, keeps the next object away
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 384)]
internal struct MpscState
{
    [FieldOffset(128)]
    public long Tail;

    [FieldOffset(256)]
    public long Head;
}

/// <summary>
/// A bounded queue from any number of threads to one: how helper threads answer a core. Each producer's own messages
/// keep their order. Full is back-pressure; it never grows.
/// </summary>
/// <remarks>
/// The bounded queue of D. Vyukov: every slot carries the position that may use it next.
/// <code>
/// slot i, lap n (position p = n * capacity + i):   Sequence = p             free for the producer that claims p
///                                                  Sequence = p + 1         filled, for the consumer at p
///                                                  Sequence = p + capacity  free again, next lap
/// </code>
/// Owner: any thread enqueues; one thread dequeues. Slots are managed because messages hold references; a taken slot is
/// cleared. A producer that claimed its position but has not filled it yet holds back those behind it: the consumer
/// sees "empty" until it did, and is then told by that producer's own wake-up.
/// </remarks>
public sealed class MpscRing<T>
    where T : struct
{
    private readonly Slot[] _slots;
    private readonly int _mask;
    private MpscState _state;

    private struct Slot
    {
        public long Sequence;
        public T Item;
    }

    /// <param name="capacity">A power of two.</param>
    public MpscRing(int capacity)
    {
        Invariant.That(capacity >= 2 && BitOperations.IsPow2(capacity));
        _slots = new Slot[capacity];
        _mask = capacity - 1;
        for (int i = 0; i < capacity; i++)
        {
            _slots[i].Sequence = i;
        }
    }

    public int Capacity => _slots.Length;

    /// <summary>Any thread: false = full, nothing happened.</summary>
    [HotPath]
    public bool TryEnqueue(in T item)
    {
        while (true)
        {
            long tail = Volatile.Read(ref _state.Tail);
            ref Slot slot = ref _slots[(int)tail & _mask];
            // Acquire: pairs with the Write of Sequence in TryDequeue. The consumer has read and cleared the item.
            long ahead = Volatile.Read(ref slot.Sequence) - tail;
            if (ahead < 0)
            {
                return false;
            }
            // The claim: of several producers at this position one wins, the others look again.
            if (ahead == 0 && Interlocked.CompareExchange(ref _state.Tail, tail + 1, tail) == tail)
            {
                slot.Item = item;
                // Release: pairs with the Read of Sequence in TryDequeue and IsEmpty. The item is visible with it.
                Volatile.Write(ref slot.Sequence, tail + 1);
                return true;
            }
        }
    }

    /// <summary>Consumer: false = empty, or the next message is claimed and not filled yet.</summary>
    [HotPath]
    public bool TryDequeue(out T item)
    {
        long head = _state.Head;
        ref Slot slot = ref _slots[(int)head & _mask];
        // Acquire: pairs with the Write of Sequence in TryEnqueue.
        if (Volatile.Read(ref slot.Sequence) != head + 1)
        {
            item = default;
            return false;
        }
        item = slot.Item;
        if (RuntimeHelpers.IsReferenceOrContainsReferences<T>())
        {
            slot.Item = default;
        }
        // Release: pairs with the Read of Sequence in TryEnqueue. The item is read and cleared before the slot is free.
        Volatile.Write(ref slot.Sequence, head + _slots.Length);
        _state.Head = head + 1;
        return true;
    }

    /// <summary>Consumer: whether <see cref="TryDequeue"/> would find nothing at this moment.</summary>
    [HotPath]
    public bool IsEmpty
    {
        get
        {
            long head = _state.Head;
            // Acquire: pairs with the Write of Sequence in TryEnqueue.
            return Volatile.Read(ref _slots[(int)head & _mask].Sequence) != head + 1;
        }
    }
}
