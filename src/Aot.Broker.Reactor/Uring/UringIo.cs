using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// The I/O of a core over io_uring: one io_uring_enter per turn submits, waits and collects.
/// </summary>
/// <remarks>
/// Owner: one core. The ring does what waits: accept (multishot), receive (into provided buffers or the frame's own
/// buffer), readiness, fsync, read-ahead, wake-ups between cores. What does not wait is called directly (send,
/// sendfile, and the disk's pwrite), which measured faster.
/// Invariants: every request in the kernel is counted in its slot's Pending; a slot, its socket and the buffers given
/// with it stay until that count is zero, also after Close. A completion is matched by slot and generation.
/// </remarks>
internal sealed unsafe class UringIo : LinuxIo, ITimerTarget
{
    /// <summary>Pause before the pool is asked again when it had no buffer for any receive.</summary>
    private const int StarvedPauseMillis = 2;

    private readonly Ring _ring;
    private readonly Queue<IoHandle> _starved = new();
    private ProvidedBuffers? _provided;
    private readonly UringFiles _files;
    private readonly UringAccepts _accepts;
    private bool _wakesQueued;
    private bool _disposing;

    public UringIo(Ring ring)
    {
        _ring = ring;
        _files = new UringFiles(ring);
        _accepts = new UringAccepts(this, ring);
    }

    public override string Name => "io_uring";

    internal int ProvidedSlots => _provided?.Slots ?? 0;

    public override void Start()
    {
        _ring.Enable();
        _provided = new ProvidedBuffers(Core.Buffers);
        _provided.Register(_ring.Fd).OrStop("io_uring_register (buffer ring)");
        _provided.Fill();
        LetWorkersRunAnywhere();
        ArmWake();
    }

    [HotPath]
    public override void Receive(IoHandle connection)
    {
        IoSlot slot = Slots.Get(connection);
        if (slot.Closing)
        {
            return;
        }
        Invariant.That(slot.Receiving == ReceiveForm.None);
        slot.Receiving = ReceiveForm.Pooled;
        SubmitReceive(slot);
    }

    [HotPath]
    public override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length)
    {
        IoSlot slot = Slots.Get(connection);
        if (slot.Closing)
        {
            return;
        }
        Invariant.That(slot.Receiving == ReceiveForm.None);
        Invariant.That(length > 0 && offset >= 0 && offset + length <= Core.Buffers.Capacity(buffer));
        slot.Receiving = ReceiveForm.Into;
        slot.Into = buffer;
        slot.IntoOffset = offset;
        slot.IntoLength = length;
        SubmitReceive(slot);
    }

    [HotPath]
    public override void ArmWritable(IoHandle connection)
    {
        IoSlot slot = Slots.Get(connection);
        if (slot.Closing || slot.WritableArmed)
        {
            return;
        }
        slot.WritableArmed = true;
        io_uring_sqe* sqe = Next(slot, IoOperation.Writable);
        sqe->opcode = RingOp.IORING_OP_POLL_ADD;
        sqe->fd = slot.Socket.Value;
        sqe->poll32_events = (uint)PollEvents.POLLOUT;
    }

    public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token) =>
        _files.Sync(file, dataOnly, target, token);

    public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token)
    {
        Invariant.That(position >= 0 && length > 0);
        _files.ReadAhead(file, position, length, target, token);
    }

    [HotPath]
    public override int Dispatch()
    {
        int count = HasClosedToReport ? DispatchClosed() : 0;
        // What is there now and no more: callbacks may submit, and completions of that wait for their own turn.
        for (uint left = _ring.Ready; left > 0 && _ring.TryTake(out io_uring_cqe completion); left--)
        {
            count++;
            Complete(completion);
        }
        return count;
    }

    [HotPath]
    public override void SubmitAndWait(long deadlineNanos)
    {
        _wakesQueued = false;
        bool wait = deadlineNanos > 0 && !HasClosedToReport && !_ring.HasCompletions;
        long timeout = Readiness.Forever;
        if (wait && deadlineNanos != long.MaxValue)
        {
            timeout = deadlineNanos - MonotonicNanos();
            wait = timeout > 0;
        }
        if (wait || _ring.Queued > 0 || _ring.NeedsEnter)
        {
            SystemCalls++;
            _ring.Enter(wait, timeout);
        }
    }

    /// <summary>A message from ring to ring: goes out with the next submission, and needs no descriptor to be read.</summary>
    public override void WakePeer(CoreIo peer)
    {
        if (peer is not UringIo other)
        {
            peer.Wake();
            return;
        }
        io_uring_sqe* sqe = _ring.NextUnwatched();
        sqe->opcode = RingOp.IORING_OP_MSG_RING;
        sqe->fd = other._ring.Fd.Value;
        sqe->addr = (ulong)MsgRingCommand.IORING_MSG_DATA;
        // What the other ring gets as user_data: nothing follows from it but being awake.
        sqe->off = new IoToken(IoOperation.Ignored, 0, 0).Bits;
        _wakesQueued = true;
    }

    public override void FlushWakes()
    {
        if (_wakesQueued)
        {
            _wakesQueued = false;
            SystemCalls++;
            _ring.Submit();
        }
    }

    /// <summary>
    /// Cancels all, waits until the kernel has given every buffer back, then closes. Called on the core's thread, which
    /// is the ring's only issuer.
    /// </summary>
    public override void Dispose()
    {
        if (_disposing)
        {
            return;
        }
        _disposing = true;
        if (_provided is not null)
        {
            CancelEverything();
        }
        CloseDescriptors();
        _ring.Dispose();
        _provided?.Dispose();
        _files.Dispose();
    }

    internal void Remove(Acceptor acceptor) => RemoveAcceptor(acceptor);

    internal void ScheduleAcceptAgain(ITimerTarget again) =>
        Core.Timers.Schedule(Core.NowMillis + AcceptPauseMillis, again, 0);

    protected override void OnAttached(IoSlot slot) { }

    protected override void OnClosing(IoSlot slot)
    {
        if (slot.Pending == 0)
        {
            ReportClosed(slot);
            return;
        }
        io_uring_sqe* sqe = _ring.NextUnwatched();
        sqe->opcode = RingOp.IORING_OP_ASYNC_CANCEL;
        sqe->fd = slot.Socket.Value;
        sqe->cancel_flags = AsyncCancelFlags.IORING_ASYNC_CANCEL_FD | AsyncCancelFlags.IORING_ASYNC_CANCEL_ALL;
    }

    protected override void OnAcceptorAdded(Acceptor acceptor) => _accepts.Arm(acceptor);

    protected override void OnAcceptorStopping(Acceptor acceptor) => _accepts.Stop(acceptor);

    [HotPath]
    private void Complete(in io_uring_cqe completion)
    {
        IoToken token = new(completion.user_data);
        switch (token.Operation)
        {
            case IoOperation.Receive:
                CompleteReceive(token, completion);
                return;
            case IoOperation.Writable:
                CompleteWritable(token, completion);
                return;
            case IoOperation.Accept:
                Acceptor acceptor = Acceptors[token.Slot]!;
                _accepts.Complete(acceptor, completion);
                Core.Ran(TurnPart.Accept, acceptor.Target);
                return;
            case IoOperation.File:
                Core.Ran(TurnPart.File, _files.Complete(token, completion.res));
                return;
            case IoOperation.Wake when !completion.HasMore:
                _ring.Finish();
                ArmWake();
                return;
            default:
                return;
        }
    }

    [HotPath]
    private void CompleteReceive(IoToken token, in io_uring_cqe completion)
    {
        IoSlot? slot = Slots.Find(token);
        Invariant.That(slot is not null);
        ReceiveForm form = slot.Receiving;
        BufferHandle received = default;
        if (completion.HasBuffer)
        {
            received = TakeProvided(completion);
        }
        Finish(slot);
        if (slot.Closing)
        {
            ReleaseUnused(ref received);
            ReportIfDone(slot);
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
        Core.Ran(TurnPart.Receive, events);
    }

    [HotPath]
    private void CompleteWritable(IoToken token, in io_uring_cqe completion)
    {
        IoSlot? slot = Slots.Find(token);
        Invariant.That(slot is not null);
        Finish(slot);
        if (slot.Closing)
        {
            ReportIfDone(slot);
            return;
        }
        slot.WritableArmed = false;
        IConnectionEvents events = slot.Events!;
        if (completion.IsOk)
        {
            events.OnWritable();
        }
        else
        {
            events.OnFailed(completion.Error);
        }
        Core.Ran(TurnPart.Writable, events);
    }

    /// <summary>The buffer ring was empty. While the pool has no buffers either, the connection waits and the client with it.</summary>
    private void ReceiveAgainSlow(IoSlot slot)
    {
        _provided!.GrowSlow();
        if (_provided.HasAny)
        {
            SubmitReceive(slot);
            return;
        }
        _starved.Enqueue(slot.Handle);
        if (_starved.Count == 1)
        {
            Core.Timers.Schedule(Core.NowMillis + StarvedPauseMillis, this, 0);
        }
    }

    /// <summary>Asks the pool again for those who wait for a buffer.</summary>
    void ITimerTarget.OnTimer(long token)
    {
        _provided!.RefillSlow();
        if (!_provided.HasAny)
        {
            Core.Timers.Schedule(Core.NowMillis + StarvedPauseMillis, this, 0);
            return;
        }
        for (int count = _starved.Count; count > 0; count--)
        {
            IoHandle starved = _starved.Dequeue();
            if (
                Slots.Find(new IoToken(IoOperation.Receive, starved.Slot, starved.Generation)) is
                { Closing: false } slot
            )
            {
                SubmitReceive(slot);
            }
        }
    }

    /// <summary>Waits until the kernel has given everything back. A file sync that runs cannot be cancelled, it is waited for.</summary>
    private void CancelEverything()
    {
        io_uring_sqe* sqe = _ring.NextUnwatched();
        sqe->opcode = RingOp.IORING_OP_ASYNC_CANCEL;
        sqe->fd = -1;
        sqe->cancel_flags = AsyncCancelFlags.IORING_ASYNC_CANCEL_ANY | AsyncCancelFlags.IORING_ASYNC_CANCEL_ALL;
        long patienceUntil = MonotonicNanos() + 5_000_000_000;
        while (_ring.Pending > 0)
        {
            Invariant.That(MonotonicNanos() < patienceUntil || _files.Count > 0);
            _ring.Enter(wait: true, 100_000_000);
            while (_ring.TryTake(out io_uring_cqe completion))
            {
                CompleteWhileDisposing(completion);
            }
        }
    }

    private void CompleteWhileDisposing(in io_uring_cqe completion)
    {
        IoToken token = new(completion.user_data);
        switch (token.Operation)
        {
            case IoOperation.Receive:
            case IoOperation.Writable:
                if (completion.HasBuffer)
                {
                    BufferHandle received = TakeProvided(completion);
                    ReleaseUnused(ref received);
                }
                Finish(Slots.Find(token)!);
                return;
            case IoOperation.Accept:
                _accepts.Drop(completion);
                return;
            case IoOperation.Wake when !completion.HasMore:
                _ring.Finish();
                return;
            case IoOperation.File:
                _files.Drop(token);
                return;
            default:
                return;
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

    [HotPath]
    private void SubmitReceive(IoSlot slot)
    {
        io_uring_sqe* sqe = Next(slot, IoOperation.Receive);
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
        sqe->addr = (ulong)(Core.Buffers.Pointer(slot.Into) + slot.IntoOffset);
        sqe->len = (uint)slot.IntoLength;
    }

    [HotPath]
    private io_uring_sqe* Next(IoSlot slot, IoOperation operation)
    {
        slot.Pending++;
        return _ring.Next(new IoToken(operation, slot.Index, slot.Generation));
    }

    [HotPath]
    private void Finish(IoSlot slot)
    {
        slot.Pending--;
        _ring.Finish();
        Invariant.That(slot.Pending >= 0);
    }

    private void ReportIfDone(IoSlot slot)
    {
        if (slot.Pending == 0)
        {
            ReportClosed(slot);
        }
    }

    private void ReleaseUnused(ref BufferHandle buffer)
    {
        if (buffer != default)
        {
            Core.Buffers.Release(ref buffer);
        }
    }

    private void ArmWake()
    {
        io_uring_sqe* sqe = _ring.Next(new IoToken(IoOperation.Wake, 0, 0));
        sqe->opcode = RingOp.IORING_OP_POLL_ADD;
        sqe->fd = WakeFd.Value;
        sqe->poll32_events = (uint)PollEvents.POLLIN;
        sqe->len = (uint)PollAddFlags.IORING_POLL_ADD_MULTI;
    }

    /// <summary>The kernel's workers (fsync) inherit the core's pinning; they belong on any CPU that is free.</summary>
    private void LetWorkersRunAnywhere()
    {
        if (WorkerCpus is { } cpus)
        {
            IoRings.Register(_ring.Fd, RingRegister.IORING_REGISTER_IOWQ_AFF, &cpus, (uint)sizeof(CpuSet));
        }
    }

    /// <summary>Set before <see cref="Start"/>: where the kernel's workers may run.</summary>
    internal CpuSet? WorkerCpus { get; init; }
}
