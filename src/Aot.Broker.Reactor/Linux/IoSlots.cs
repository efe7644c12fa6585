using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

internal enum ReceiveForm : byte
{
    None,
    Pooled,
    Into,
}

/// <summary>
/// One connection as a backend sees it. The object stays with its slot for the life of the core and is used again by
/// the next connection; the generation tells them apart.
/// </summary>
internal sealed class IoSlot(int index)
{
    public readonly int Index = index;
    public int Generation = 1;
    public Fd Socket = Fd.None;
    public IConnectionEvents? Events;

    /// <summary>Close was called; only OnClosed follows.</summary>
    public bool Closing;

    /// <summary>The outstanding receive.</summary>
    public ReceiveForm Receiving;
    public BufferHandle Into;
    public int IntoOffset;
    public int IntoLength;

    /// <summary>OnWritable is owed.</summary>
    public bool WritableArmed;

    /// <summary>io_uring: requests that the kernel has and has not completed.</summary>
    public int Pending;

    /// <summary>io_uring: the last receive emptied the socket, so the next one need not try before it waits.</summary>
    public bool SocketWasEmptied;

    /// <summary>epoll: bytes or the end of the stream may be there.</summary>
    public bool Readable;

    /// <summary>epoll: the last send did not fail for lack of room.</summary>
    public bool Writable;

    /// <summary>epoll: the peer has shut down or the socket has an error, so a short receive does not mean "emptied".</summary>
    public bool PeerGone;

    /// <summary>epoll: is in the list of slots to look at.</summary>
    public bool Queued;

    public IoHandle Handle => new(Index, Generation);
}

/// <summary>The connections of one core: objects by slot, free ones in a stack.</summary>
internal sealed class IoSlots
{
    private readonly Stack<IoSlot> _free = new(64);
    private IoSlot[] _slots = new IoSlot[64];
    private int _used;

    public int Attached { get; private set; }

    public IoSlot Take(Fd socket, IConnectionEvents events)
    {
        if (!_free.TryPop(out IoSlot? slot))
        {
            Invariant.That(_used < IoToken.SlotsMax);
            if (_used == _slots.Length)
            {
                Array.Resize(ref _slots, _slots.Length * 2);
            }
            slot = _slots[_used] = new IoSlot(_used);
            _used++;
        }
        slot.Socket = socket;
        slot.Events = events;
        Attached++;
        return slot;
    }

    /// <summary>The slot of a connection that is not fully closed. A stale handle is a fault of its holder.</summary>
    [HotPath]
    public IoSlot Get(IoHandle connection)
    {
        Invariant.That((uint)connection.Slot < (uint)_used);
        IoSlot slot = _slots[connection.Slot];
        Invariant.That(slot.Generation == connection.Generation && slot.Events is not null);
        return slot;
    }

    /// <summary>For what comes back from the kernel: null = of a connection that is gone.</summary>
    [HotPath]
    public IoSlot? Find(IoToken token)
    {
        if ((uint)token.Slot >= (uint)_used)
        {
            return null;
        }
        IoSlot slot = _slots[token.Slot];
        return slot.Generation == token.Generation && slot.Events is not null ? slot : null;
    }

    public void Free(IoSlot slot)
    {
        slot.Generation++;
        slot.Socket = Fd.None;
        slot.Events = null;
        slot.Closing = false;
        slot.Receiving = ReceiveForm.None;
        slot.Into = default;
        slot.WritableArmed = false;
        slot.SocketWasEmptied = false;
        slot.Readable = slot.Writable = slot.PeerGone = false;
        // What is still listed under the old handle is passed over; the next connection must be able to be listed.
        slot.Queued = false;
        Invariant.That(slot.Pending == 0);
        Attached--;
        _free.Push(slot);
    }

    /// <summary>At tear-down: what is still attached.</summary>
    public IEnumerable<IoSlot> StillAttached() => _slots.Take(_used).Where(slot => slot.Events is not null);
}

/// <summary>A listening socket that is accepted from.</summary>
internal sealed class Acceptor(int index, Fd listener, IAcceptTarget target)
{
    public readonly int Index = index;
    public readonly Fd Listener = listener;
    public readonly IAcceptTarget Target = target;
    public bool Stopping;

    /// <summary>io_uring: the kernel has the multishot request.</summary>
    public bool IsArmed;
}
