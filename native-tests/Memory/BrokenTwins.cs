namespace Aot.Broker.Memory.Tests;

// Each ring of this file has one mistake, of a kind that x64 does show. The litmus harness must find it: a harness that
// passes them would pass anything.

/// <summary>The single-producer ring without its mistakes made yet: each twin overrides one step.</summary>
internal abstract class SpscTwin(int capacity) : IRingUnderTest
{
    protected readonly LitmusMessage[] Slots = new LitmusMessage[capacity];
    protected readonly int Mask = capacity - 1;
    protected long Head;
    protected long Tail;

    public abstract bool TryEnqueue(in LitmusMessage message);

    public virtual bool TryDequeue(out LitmusMessage message)
    {
        long head = Head;
        if (Volatile.Read(ref Tail) == head)
        {
            message = default;
            return false;
        }
        message = Slots[(int)head & Mask];
        Slots[(int)head & Mask] = default;
        Volatile.Write(ref Head, head + 1);
        return true;
    }
}

/// <summary>Mistake: the index is published before the slot is filled.</summary>
internal sealed class PublishBeforeFill(int capacity) : SpscTwin(capacity)
{
    public override bool TryEnqueue(in LitmusMessage message)
    {
        long tail = Tail;
        if (tail - Volatile.Read(ref Head) > Mask)
        {
            return false;
        }
        Volatile.Write(ref Tail, tail + 1);
        Slots[(int)tail & Mask] = message;
        return true;
    }
}

/// <summary>Mistake: a full ring is not noticed.</summary>
internal sealed class NoFullCheck(int capacity) : SpscTwin(capacity)
{
    public override bool TryEnqueue(in LitmusMessage message)
    {
        long tail = Tail;
        Slots[(int)tail & Mask] = message;
        Volatile.Write(ref Tail, tail + 1);
        return true;
    }
}

/// <summary>Mistake: the consumer gives the slot back before it has read it.</summary>
internal sealed class FreeBeforeRead(int capacity) : SpscTwin(capacity)
{
    public override bool TryEnqueue(in LitmusMessage message)
    {
        long tail = Tail;
        if (tail - Volatile.Read(ref Head) > Mask)
        {
            return false;
        }
        Slots[(int)tail & Mask] = message;
        Volatile.Write(ref Tail, tail + 1);
        return true;
    }

    public override bool TryDequeue(out LitmusMessage message)
    {
        long head = Head;
        if (Volatile.Read(ref Tail) == head)
        {
            message = default;
            return false;
        }
        Volatile.Write(ref Head, head + 1);
        message = Slots[(int)head & Mask];
        return true;
    }
}

/// <summary>The many-producer ring; its two mistakes can be made one at a time.</summary>
internal sealed class MpscTwin : IRingUnderTest
{
    private readonly LitmusMessage[] _items;
    private readonly long[] _sequences;
    private readonly bool _claimsWithoutExchange;
    private readonly bool _publishesBeforeFill;
    private long _head;
    private long _tail;

    private MpscTwin(int capacity, bool claimsWithoutExchange, bool publishesBeforeFill)
    {
        _items = new LitmusMessage[capacity];
        _sequences = [.. Enumerable.Range(0, capacity).Select(i => (long)i)];
        _claimsWithoutExchange = claimsWithoutExchange;
        _publishesBeforeFill = publishesBeforeFill;
    }

    /// <summary>Mistake: two producers may claim one position, because the claim is a read and then a write.</summary>
    public static MpscTwin ClaimingWithoutExchange(int capacity) => new(capacity, true, false);

    /// <summary>Mistake: the slot's sequence is published before its item.</summary>
    public static MpscTwin PublishingBeforeFill(int capacity) => new(capacity, false, true);

    public bool TryEnqueue(in LitmusMessage message)
    {
        long tail = Volatile.Read(ref _tail);
        int at = (int)(tail % _items.Length);
        // Any failure counts as full: the harness comes again, and can leave a ring whose tail went backwards.
        if (Volatile.Read(ref _sequences[at]) != tail || !TryClaim(tail))
        {
            return false;
        }
        if (_publishesBeforeFill)
        {
            Volatile.Write(ref _sequences[at], tail + 1);
            _items[at] = message;
            return true;
        }
        _items[at] = message;
        Volatile.Write(ref _sequences[at], tail + 1);
        return true;
    }

    public bool TryDequeue(out LitmusMessage message)
    {
        int at = (int)(_head % _items.Length);
        if (Volatile.Read(ref _sequences[at]) != _head + 1)
        {
            message = default;
            return false;
        }
        message = _items[at];
        _items[at] = default;
        Volatile.Write(ref _sequences[at], _head + _items.Length);
        _head++;
        return true;
    }

    private bool TryClaim(long tail)
    {
        if (!_claimsWithoutExchange)
        {
            return Interlocked.CompareExchange(ref _tail, tail + 1, tail) == tail;
        }
        Volatile.Write(ref _tail, tail + 1);
        return true;
    }
}
