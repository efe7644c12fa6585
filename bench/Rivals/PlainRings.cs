using System.Runtime.InteropServices;
using Aot.Broker.Bench.Rig;

namespace Aot.Broker.Bench.Rivals;

[StructLayout(LayoutKind.Explicit, Size = 384)]
internal struct PaddedEnds
{
    [FieldOffset(128)]
    public long Tail;

    [FieldOffset(256)]
    public long Head;
}

/// <summary>The ring with its ends padded apart, but each side reads the other's end every time.</summary>
internal sealed class UncachedRing(int capacity)
{
    private readonly Message[] _slots = new Message[capacity];
    private readonly int _mask = capacity - 1;
    private PaddedEnds _ends;

    public bool TryEnqueue(in Message message)
    {
        long tail = _ends.Tail;
        if (tail - Volatile.Read(ref _ends.Head) > _mask)
        {
            return false;
        }
        _slots[(int)tail & _mask] = message;
        Volatile.Write(ref _ends.Tail, tail + 1);
        return true;
    }

    public bool TryDequeue(out Message message)
    {
        long head = _ends.Head;
        if (Volatile.Read(ref _ends.Tail) == head)
        {
            message = default;
            return false;
        }
        message = _slots[(int)head & _mask];
        Volatile.Write(ref _ends.Head, head + 1);
        return true;
    }
}

/// <summary>The same with both ends side by side in one cache line.</summary>
internal sealed class PlainRing(int capacity)
{
    private readonly Message[] _slots = new Message[capacity];
    private readonly int _mask = capacity - 1;
    private long _tail;
    private long _head;

    public bool TryEnqueue(in Message message)
    {
        long tail = _tail;
        if (tail - Volatile.Read(ref _head) > _mask)
        {
            return false;
        }
        _slots[(int)tail & _mask] = message;
        Volatile.Write(ref _tail, tail + 1);
        return true;
    }

    public bool TryDequeue(out Message message)
    {
        long head = _head;
        if (Volatile.Read(ref _tail) == head)
        {
            message = default;
            return false;
        }
        message = _slots[(int)head & _mask];
        Volatile.Write(ref _head, head + 1);
        return true;
    }
}
