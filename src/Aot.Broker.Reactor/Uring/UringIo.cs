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
// SAFETY: rings are mapped until Dispose; a buffer whose address is in a request is retained by its slot until the completion.
internal sealed unsafe class UringIo : LinuxIo
{
    private readonly Ring _ring;
    private readonly UringReceives _receives;
    private readonly UringFiles _files;
    private readonly UringAccepts _accepts;
    private bool _started;
    private bool _wakesQueued;
    private bool _disposing;

    public UringIo(Ring ring)
    {
        _ring = ring;
        _files = new UringFiles(ring);
        _accepts = new UringAccepts(this, ring);
        _receives = new UringReceives(this, ring, Slots);
    }

    public override string Name => "io_uring";

    internal int ProvidedSlots => _receives.ProvidedSlots;

    public override void Start()
    {
        _ring.Enable();
        _receives.Start(Core);
        _started = true;
        LetWorkersRunAnywhere();
        ArmWake();
    }

    [HotPath]
    protected override void StartReceive(IoSlot slot) => _receives.Submit(slot);

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
        if (_started)
        {
            CancelEverything();
        }
        CloseDescriptors();
        _ring.Dispose();
        _receives.Dispose();
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
                _receives.Complete(token, completion);
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
                _receives.Drop(completion);
                Finish(Slots.Find(token)!);
                return;
            case IoOperation.Writable:
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
    internal io_uring_sqe* Next(IoSlot slot, IoOperation operation)
    {
        slot.Pending++;
        return _ring.Next(new IoToken(operation, slot.Index, slot.Generation));
    }

    [HotPath]
    internal void Finish(IoSlot slot)
    {
        slot.Pending--;
        _ring.Finish();
        Invariant.That(slot.Pending >= 0);
    }

    internal void ReportIfDone(IoSlot slot)
    {
        if (slot.Pending == 0)
        {
            ReportClosed(slot);
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
