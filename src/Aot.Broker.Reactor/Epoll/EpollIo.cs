using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// The I/O of a core over epoll, for kernels and containers without io_uring. Behaves as <see cref="UringIo"/> does.
/// </summary>
/// <remarks>
/// Owner: one core. Edge-triggered: a socket is registered once, and its slot remembers what is ready. A receive that
/// is asked for while bytes are known to be there is carried out in the next dispatch, never inside the call.
/// A receive that got less than it asked for has emptied the socket (epoll(7)), unless the peer has shut down: then
/// the end of the stream is still to be read, and no further edge announces it.
/// File operations that may block go to the background pool.
/// </remarks>
internal sealed class EpollIo : LinuxIo, ITimerTarget
{
    private const int EventsPerWait = 256;
    private const int AcceptsPerTurn = 64;
    private const int PooledBytes = 16 * 1024;

    /// <summary>Pause before the pool is asked again when it had no buffer.</summary>
    private const int StarvedPauseMillis = 2;

    private readonly Fd _epoll;
    private readonly epoll_event[] _events = new epoll_event[EventsPerWait];
    private readonly BackgroundFiles _files = new();

    /// <summary>Slots with something to do in the next dispatch; two lists so that a callback may add.</summary>
    private List<IoHandle> _runnable = new(64);
    private List<IoHandle> _running = new(64);
    private readonly List<IoHandle> _starved = new(64);
    private int _eventCount;
    private bool _disposed;

    public EpollIo()
    {
        _epoll = Readiness.CreateEpoll().OrThrow("epoll_create1");
        EpollEvents edges = EpollEvents.EPOLLIN | EpollEvents.EPOLLET;
        Readiness.EpollAdd(_epoll, WakeFd, edges, new IoToken(IoOperation.Wake, 0, 0).Bits).OrThrow("epoll_ctl");
    }

    public override string Name => "epoll";

    public override void Start() { }

    [HotPath]
    protected override void StartReceive(IoSlot slot)
    {
        if (slot.Readable)
        {
            Enqueue(slot);
        }
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
        if (slot.Writable)
        {
            Enqueue(slot);
        }
    }

    public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token) =>
        _files.Sync(Core, file, dataOnly, target, token);

    public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token)
    {
        Invariant.That(position >= 0 && length > 0);
        _files.ReadAhead(Core, file, position, length, target, token);
    }

    [HotPath]
    public override int Dispatch()
    {
        int count = HasClosedToReport ? DispatchClosed() : 0;
        for (int i = 0; i < _eventCount; i++)
        {
            Note(_events[i]);
        }
        _eventCount = 0;
        (_running, _runnable) = (_runnable, _running);
        foreach (IoHandle handle in _running)
        {
            if (Slots.Find(new IoToken(IoOperation.Connection, handle.Slot, handle.Generation)) is { } slot)
            {
                slot.Queued = false;
                count += RunSlot(slot, handle);
            }
        }
        _running.Clear();
        return count;
    }

    [HotPath]
    public override void SubmitAndWait(long deadlineNanos)
    {
        long timeout = 0;
        if (deadlineNanos > 0 && !HasClosedToReport && _runnable.Count == 0)
        {
            timeout =
                deadlineNanos == long.MaxValue ? Readiness.Forever : Math.Max(0, deadlineNanos - MonotonicNanos());
        }
        SystemCalls++;
        SysResult<int> waited = Readiness.EpollWait(_epoll, _events, timeout);
        if (!waited.IsOk)
        {
            LinuxError.Stop("epoll_wait", waited.Error);
        }
        _eventCount = waited.Value;
    }

    public override void Dispose()
    {
        if (_disposed)
        {
            return;
        }
        _disposed = true;
        CloseDescriptors();
        Files.Close(_epoll);
    }

    protected override void OnAttached(IoSlot slot)
    {
        EpollEvents edges = EpollEvents.EPOLLIN | EpollEvents.EPOLLOUT | EpollEvents.EPOLLRDHUP | EpollEvents.EPOLLET;
        SystemCalls++;
        Readiness
            .EpollAdd(_epoll, slot.Socket, edges, new IoToken(IoOperation.Connection, slot.Index, slot.Generation).Bits)
            .OrStop("epoll_ctl (add)");
    }

    /// <summary>Nothing is in the kernel but the registration, which goes with the descriptor.</summary>
    protected override void OnClosing(IoSlot slot) => ReportClosed(slot);

    protected override void OnAcceptorAdded(Acceptor acceptor) =>
        Readiness
            .EpollAdd(
                _epoll,
                acceptor.Listener,
                EpollEvents.EPOLLIN,
                new IoToken(IoOperation.Accept, acceptor.Index, 0).Bits
            )
            .OrStop("epoll_ctl (add)");

    protected override void OnAcceptorStopping(Acceptor acceptor) => RemoveAcceptor(acceptor);

    [HotPath]
    private void Note(in epoll_event ready)
    {
        IoToken token = new(ready.data);
        if (token.Operation == IoOperation.Connection)
        {
            // The slot may be gone, or in use by another connection: the event was collected before it was closed.
            if (Slots.Find(token) is { } slot)
            {
                NoteConnection(slot, ready.events);
            }
            return;
        }
        if (token.Operation == IoOperation.Accept && Acceptors[token.Slot] is { } acceptor)
        {
            AcceptMany(acceptor);
        }
    }

    [HotPath]
    private void NoteConnection(IoSlot slot, EpollEvents events)
    {
        const EpollEvents gone = EpollEvents.EPOLLRDHUP | EpollEvents.EPOLLHUP | EpollEvents.EPOLLERR;
        if ((events & (EpollEvents.EPOLLIN | gone)) != 0)
        {
            slot.Readable = true;
            slot.PeerGone |= (events & gone) != 0;
        }
        if ((events & (EpollEvents.EPOLLOUT | EpollEvents.EPOLLHUP | EpollEvents.EPOLLERR)) != 0)
        {
            slot.Writable = true;
        }
        if ((slot.Readable && slot.Receiving != ReceiveForm.None) || (slot.Writable && slot.WritableArmed))
        {
            Enqueue(slot);
        }
    }

    [HotPath]
    private void Enqueue(IoSlot slot)
    {
        if (!slot.Queued)
        {
            slot.Queued = true;
            _runnable.Add(slot.Handle);
        }
    }

    [HotPath]
    private int RunSlot(IoSlot slot, IoHandle handle)
    {
        int count = 0;
        if (slot.Closing)
        {
            return 0;
        }
        if (slot.WritableArmed && slot.Writable)
        {
            count++;
            slot.WritableArmed = false;
            IConnectionEvents events = slot.Events!;
            events.OnWritable();
            Core.Ran(TurnPart.Writable, events);
        }
        if (
            slot.Generation == handle.Generation
            && !slot.Closing
            && slot.Receiving != ReceiveForm.None
            && slot.Readable
        )
        {
            count++;
            RunReceive(slot);
        }
        return count;
    }

    [HotPath]
    private void RunReceive(IoSlot slot)
    {
        BufferHandle target = slot.Into;
        int offset = slot.IntoOffset;
        int length = slot.IntoLength;
        bool pooled = slot.Receiving == ReceiveForm.Pooled;
        if (pooled)
        {
            offset = 0;
            length = PooledBytes;
            if (!Core.Buffers.TryRent(PooledBytes, out target))
            {
                StarveSlow(slot);
                return;
            }
        }
        SystemCalls++;
        SysResult<int> received = ReceiveNow(slot.Socket, target, offset, length);
        if (received.Error == Errno.EAGAIN)
        {
            slot.Readable = false;
            ReleaseIf(pooled, ref target);
            return;
        }
        slot.Receiving = ReceiveForm.None;
        slot.Into = default;
        IConnectionEvents events = slot.Events!;
        if (!received.IsOk)
        {
            ReleaseIf(pooled, ref target);
            events.OnFailed(received.Error);
            Core.Ran(TurnPart.Receive, events);
            return;
        }
        int count = received.Value;
        slot.Readable = count == length || slot.PeerGone;
        if (!pooled)
        {
            events.OnReceivedInto(count);
        }
        else
        {
            ReleaseIf(count == 0, ref target);
            events.OnReceived(target, count);
        }
        Core.Ran(TurnPart.Receive, events);
    }

    [HotPath]
    private unsafe SysResult<int> ReceiveNow(Fd socket, BufferHandle target, int offset, int length)
    {
        // SAFETY: the buffer is owned by the connection (or by us, just rented) during this call.
        byte* start = Core.Buffers.Pointer(target) + offset;
        return Sockets.Receive(socket, start, length, MessageFlags.MSG_DONTWAIT);
    }

    [HotPath]
    private void ReleaseIf(bool condition, ref BufferHandle buffer)
    {
        if (condition)
        {
            Core.Buffers.Release(ref buffer);
        }
    }

    /// <summary>The pool is used up: the connection waits, and its client with it.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void StarveSlow(IoSlot slot)
    {
        _starved.Add(slot.Handle);
        if (_starved.Count == 1)
        {
            Core.Timers.Schedule(Core.NowMillis + StarvedPauseMillis, this, -1);
        }
    }

    /// <summary>Token -1: those without a buffer try again. Else: the acceptor of that index, after a shortage.</summary>
    void ITimerTarget.OnTimer(long token)
    {
        if (token >= 0)
        {
            if (Acceptors[(int)token] is { } acceptor)
            {
                OnAcceptorAdded(acceptor);
            }
            return;
        }
        foreach (IoHandle starved in _starved)
        {
            if (Slots.Find(new IoToken(IoOperation.Connection, starved.Slot, starved.Generation)) is { } slot)
            {
                Enqueue(slot);
            }
        }
        _starved.Clear();
    }

    private void AcceptMany(Acceptor acceptor)
    {
        for (int i = 0; i < AcceptsPerTurn && !acceptor.Stopping; i++)
        {
            SystemCalls++;
            SysResult<Fd> accepted = Sockets.Accept(acceptor.Listener, out _);
            if (accepted.IsOk)
            {
                acceptor.Target.OnAccepted(accepted.Value);
                Core.Ran(TurnPart.Accept, acceptor.Target);
                continue;
            }
            if (accepted.Error == Errno.EAGAIN)
            {
                return;
            }
            acceptor.Target.OnAcceptFailed(accepted.Error);
            if (IsShortage(accepted.Error) && !acceptor.Stopping)
            {
                Readiness.EpollRemove(_epoll, acceptor.Listener).OrStop("epoll_ctl (del)");
                Core.Timers.Schedule(Core.NowMillis + AcceptPauseMillis, this, acceptor.Index);
                return;
            }
        }
    }
}
