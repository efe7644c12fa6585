using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor;

/// <summary>
/// What both backends of the kernel do alike: sockets, direct sends, clocks, the eventfd that other threads wake it by.
/// Sends are direct calls and not ring submissions: measured, a send through the ring gains nothing, and the answer is
/// needed at once to keep the order of a connection's pieces.
/// </summary>
internal abstract unsafe class LinuxIo : CoreIo
{
    /// <summary>Wait before accepting again when descriptors or memory ran out.</summary>
    protected const int AcceptPauseMillis = 100;

    protected readonly IoSlots Slots = new();
    protected readonly List<Acceptor?> Acceptors = [];

    /// <summary>Connections whose OnClosed is due in the next dispatch.</summary>
    private readonly Queue<IoSlot> _closed = new(64);

    /// <summary>Guards the eventfd's number against being closed (and used again for another file) during a wake-up.</summary>
    private readonly Lock _wakeGate = new();
    private ulong _random;

    protected LinuxIo()
    {
        WakeFd = Readiness.CreateEventFd().OrThrow("eventfd");
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        Processes.FillRandom(seed).OrThrow("getrandom");
        _random = BitConverter.ToUInt64(seed);
    }

    public override int Connections => Slots.Attached;

    /// <summary>Never drained: both backends look at its edges, and a 64-bit counter does not get full.</summary>
    protected Fd WakeFd { get; private set; }

    protected bool HasClosedToReport => _closed.Count > 0;

    [HotPath]
    public sealed override void Receive(IoHandle connection)
    {
        IoSlot slot = Slots.Get(connection);
        if (slot.Closing)
        {
            return;
        }
        Invariant.That(slot.Receiving == ReceiveForm.None);
        slot.Receiving = ReceiveForm.Pooled;
        StartReceive(slot);
    }

    [HotPath]
    public sealed override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length)
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
        StartReceive(slot);
    }

    /// <summary>The slot says what is to be received; it completes in a later dispatch.</summary>
    protected abstract void StartReceive(IoSlot slot);

    public override Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound)
    {
        listener = Fd.None;
        bound = endpoint;
        InetEndpoint local = InetEndpoint.From(endpoint.Address, endpoint.Port);
        SysResult<Fd> opened = Sockets.OpenTcp(local.Family);
        if (!opened.IsOk)
        {
            return opened.Error;
        }
        Sockets.SetOption(opened.Value, SocketOption.SO_REUSEADDR, 1).OrStop("setsockopt");
        SysResult result = Sockets.Bind(opened.Value, local);
        if (result.IsOk)
        {
            result = Sockets.Listen(opened.Value, backlog);
        }
        if (!result.IsOk)
        {
            Files.Close(opened.Value);
            return result.Error;
        }
        listener = opened.Value;
        bound = ToIPEndPoint(Sockets.LocalEndpoint(listener));
        return Errno.None;
    }

    public override IoHandle Attach(Fd socket, IConnectionEvents events)
    {
        // Sockets come from accept4 with SOCK_NONBLOCK. The option fails only for what is not TCP (a test's socket pair).
        Sockets.SetOption(socket, TcpOption.TCP_NODELAY, 1);
        IoSlot slot = Slots.Take(socket, events);
        slot.Writable = true;
        OnAttached(slot);
        return slot.Handle;
    }

    [HotPath]
    public override long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more)
    {
        IoSlot slot = Slots.Get(connection);
        if (slot.Closing)
        {
            return -(long)Errno.EPIPE;
        }
        MessageFlags flags = more ? MessageFlags.MSG_DONTWAIT | MessageFlags.MSG_MORE : MessageFlags.MSG_DONTWAIT;
        SystemCalls++;
        SysResult<long> sent;
        // SAFETY: the caller keeps the pieces and what they point to until we return; the kernel only reads them.
        fixed (IoPiece* start = pieces)
        {
            int count = Math.Min(pieces.Length, iovec.CountMax);
            sent = Sockets.SendVector(slot.Socket, (iovec*)start, count, flags);
        }
        if (sent.IsOk)
        {
            return sent.Value;
        }
        slot.Writable = false;
        return -(long)sent.Error;
    }

    [HotPath]
    public override long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more)
    {
        IoSlot slot = Slots.Get(connection);
        if (slot.Closing)
        {
            return -(long)Errno.EPIPE;
        }
        SystemCalls++;
        SysResult<long> sent = Sockets.SendFile(slot.Socket, file, position, length);
        if (sent.IsOk)
        {
            return sent.Value;
        }
        slot.Writable = false;
        return -(long)sent.Error;
    }

    public override void Close(IoHandle connection)
    {
        IoSlot slot = Slots.Get(connection);
        Invariant.That(!slot.Closing);
        slot.Closing = true;
        slot.WritableArmed = false;
        OnClosing(slot);
    }

    public override IPEndPoint LocalEndPoint(IoHandle connection) =>
        ToIPEndPoint(Sockets.LocalEndpoint(Slots.Get(connection).Socket));

    public override IPEndPoint RemoteEndPoint(IoHandle connection) =>
        ToIPEndPoint(Sockets.PeerEndpoint(Slots.Get(connection).Socket));

    public override void Accept(Fd listener, IAcceptTarget target)
    {
        int index = Acceptors.IndexOf(null);
        if (index < 0)
        {
            index = Acceptors.Count;
            Acceptors.Add(null);
        }
        Acceptor acceptor = new(index, listener, target);
        Acceptors[index] = acceptor;
        OnAcceptorAdded(acceptor);
    }

    public override void StopAccept(Fd listener)
    {
        Acceptor? acceptor = Acceptors.Find(other => other?.Listener == listener);
        Invariant.That(acceptor is not null && !acceptor.Stopping);
        acceptor.Stopping = true;
        OnAcceptorStopping(acceptor);
    }

    [HotPath]
    public override long MonotonicNanos() => Clocks.MonotonicNanoseconds();

    [HotPath]
    public override long CoarseNanos() => CoarseClock.MonotonicNanoseconds();

    [HotPath]
    public override long WallMillis() => Clocks.RealtimeNanoseconds() / 1_000_000;

    /// <summary>SplitMix64 from a seed of the kernel: for jitter and identifiers, not for secrets.</summary>
    public override ulong Random()
    {
        _random += 0x9E3779B97F4A7C15UL;
        ulong mixed = (_random ^ (_random >> 30)) * 0xBF58476D1CE4E5B9UL;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBUL;
        return mixed ^ (mixed >> 31);
    }

    public override void Wake()
    {
        lock (_wakeGate)
        {
            if (WakeFd.IsOpen)
            {
                Readiness.SignalEventFd(WakeFd).OrStop("write to an eventfd");
            }
        }
    }

    /// <summary>The kernel has nothing of the connection any more: closes the socket; OnClosed comes in the next dispatch.</summary>
    protected void ReportClosed(IoSlot slot)
    {
        Files.Close(slot.Socket);
        SystemCalls++;
        _closed.Enqueue(slot);
    }

    protected int DispatchClosed()
    {
        int count = _closed.Count;
        for (int i = 0; i < count; i++)
        {
            IoSlot slot = _closed.Dequeue();
            IConnectionEvents events = slot.Events!;
            Slots.Free(slot);
            events.OnClosed();
            Core.Ran(TurnPart.Closed, events);
        }
        return count;
    }

    protected void RemoveAcceptor(Acceptor acceptor)
    {
        Files.Close(acceptor.Listener);
        Acceptors[acceptor.Index] = null;
    }

    /// <summary>At tear-down, when the kernel holds none of our buffers any more.</summary>
    protected void CloseDescriptors()
    {
        while (_closed.TryDequeue(out IoSlot? slot))
        {
            Slots.Free(slot);
        }
        foreach (IoSlot slot in Slots.StillAttached().ToArray())
        {
            Files.Close(slot.Socket);
            Slots.Free(slot);
        }
        foreach (Acceptor? acceptor in Acceptors)
        {
            if (acceptor is not null)
            {
                Files.Close(acceptor.Listener);
            }
        }
        Acceptors.Clear();
        lock (_wakeGate)
        {
            Files.Close(WakeFd);
            WakeFd = Fd.None;
        }
    }

    protected abstract void OnAttached(IoSlot slot);

    protected abstract void OnClosing(IoSlot slot);

    protected abstract void OnAcceptorAdded(Acceptor acceptor);

    protected abstract void OnAcceptorStopping(Acceptor acceptor);

    /// <summary>
    /// Causes for which accepting pauses; the others belong to the one connection that failed (its peer gave up, its
    /// network is down) and accepting goes on.
    /// </summary>
    internal static bool IsShortage(Errno error) =>
        error is Errno.EMFILE or Errno.ENFILE or Errno.ENOBUFS or Errno.ENOMEM;

    private static IPEndPoint ToIPEndPoint(SysResult<InetEndpoint> address) =>
        address.IsOk && address.Value.Family is SocketDomain.AF_INET or SocketDomain.AF_INET6
            ? new IPEndPoint(address.Value.ToIPAddress(), address.Value.Port)
            : new IPEndPoint(IPAddress.None, 0);
}
