using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// Receiving through the ring, one request at a time per connection: into a buffer that the kernel picks when bytes
/// arrive, or straight into the frame's own.
/// </summary>
/// <remarks>
/// Owner: one core. A receive that fails for want of a buffer is submitted again, with more buffers in the ring; when
/// the pool has none, the connection waits for the pool, and its client for the connection.
/// </remarks>
internal sealed unsafe class UringReceives(UringIo io, Ring ring, IoSlots slots) : ITimerTarget
{
    /// <summary>Pause before the pool is asked again when it had no buffer for any receive.</summary>
    private const int StarvedPauseMillis = 2;

    private readonly Queue<IoHandle> _starved = new(64);
    private ProvidedBuffers? _provided;
    private Core? _core;

    public int ProvidedSlots => _provided?.Slots ?? 0;

    public void Start(Core core)
    {
        _core = core;
        _provided = new ProvidedBuffers(core.Buffers);
        _provided.Register(ring.Fd).OrStop("io_uring_register (buffer ring)");
        _provided.Fill();
    }

    [HotPath]
    public void Submit(IoSlot slot)
    {
        io_uring_sqe* sqe = io.Next(slot, IoOperation.Receive);
        sqe->opcode = RingOp.IORING_OP_RECV;
        sqe->fd = slot.Socket.Value;
        if (slot.SocketWasEmptied)
        {
            // The last receive took everything: do not try again in vain before waiting.
            sqe->ioprio = (ushort)RecvSendFlags.IORING_RECVSEND_POLL_FIRST;
        }
        if (slot.Receiving == ReceiveForm.Pooled)
        {
            sqe->flags = SqeFlags.IOSQE_BUFFER_SELECT;
            sqe->buf_group = ProvidedBuffers.Group;
            return;
        }
        // SAFETY: the connection keeps the buffer until OnReceivedInto or OnClosed, and nobody else writes this part.
        sqe->addr = (ulong)(_core!.Buffers.Pointer(slot.Into) + slot.IntoOffset);
        sqe->len = (uint)slot.IntoLength;
    }

    [HotPath]
    public void Complete(IoToken token, in io_uring_cqe completion)
    {
        IoSlot? slot = slots.Find(token);
        Invariant.That(slot is not null);
        ReceiveForm form = slot.Receiving;
        BufferHandle received = default;
        if (completion.HasBuffer)
        {
            received = TakeProvided(completion);
        }
        io.Finish(slot);
        if (slot.Closing)
        {
            ReleaseUnused(ref received);
            io.ReportIfDone(slot);
            return;
        }
        if (completion.Error == Errno.ENOBUFS && form == ReceiveForm.Pooled)
        {
            ReceiveAgainSlow(slot);
            return;
        }
        slot.Receiving = ReceiveForm.None;
        slot.Into = default;
        slot.SocketWasEmptied = (completion.flags & CqeFlags.IORING_CQE_F_SOCK_NONEMPTY) == 0;
        IConnectionEvents events = slot.Events!;
        if (!completion.IsOk)
        {
            ReleaseUnused(ref received);
            events.OnFailed(completion.Error);
        }
        else if (form == ReceiveForm.Pooled)
        {
            if (completion.res == 0)
            {
                ReleaseUnused(ref received);
            }
            events.OnReceived(received, completion.res);
        }
        else
        {
            events.OnReceivedInto(completion.res);
        }
        _core!.Ran(TurnPart.Receive, events);
    }

    /// <summary>At tear-down: bytes that nobody hears of.</summary>
    public void Drop(in io_uring_cqe completion)
    {
        BufferHandle received = completion.HasBuffer ? TakeProvided(completion) : default;
        ReleaseUnused(ref received);
    }

    /// <summary>After the ring is closed.</summary>
    public void Dispose() => _provided?.Dispose();

    /// <summary>The buffer ring was empty. While the pool has no buffers either, the connection waits and the client with it.</summary>
    private void ReceiveAgainSlow(IoSlot slot)
    {
        _provided!.GrowSlow();
        if (_provided.HasAny)
        {
            Submit(slot);
            return;
        }
        _starved.Enqueue(slot.Handle);
        if (_starved.Count == 1)
        {
            _core!.Timers.Schedule(_core!.NowMillis + StarvedPauseMillis, this, 0);
        }
    }

    /// <summary>Asks the pool again for those who wait for a buffer.</summary>
    void ITimerTarget.OnTimer(long token)
    {
        _provided!.RefillSlow();
        if (!_provided.HasAny)
        {
            _core!.Timers.Schedule(_core!.NowMillis + StarvedPauseMillis, this, 0);
            return;
        }
        for (int count = _starved.Count; count > 0; count--)
        {
            IoHandle starved = _starved.Dequeue();
            if (
                slots.Find(new IoToken(IoOperation.Receive, starved.Slot, starved.Generation)) is
                { Closing: false } slot
            )
            {
                Submit(slot);
            }
        }
    }

    [HotPath]
    private BufferHandle TakeProvided(in io_uring_cqe completion)
    {
        if (completion.res > 0)
        {
            return _provided!.Take(completion.BufferId);
        }
        _provided!.GiveBack(completion.BufferId);
        return default;
    }

    private void ReleaseUnused(ref BufferHandle buffer)
    {
        if (buffer != default)
        {
            _core!.Buffers.Release(ref buffer);
        }
    }
}
