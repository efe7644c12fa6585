using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// The third implementation of the seam: the network, files and clock of a <see cref="World"/>. What is ready is
/// answered in an order of the seed's choice, some of it only at a later turn; sends and receives are cut anywhere.
/// </summary>
/// <remarks>
/// Owner: one core of one process. A core runs when it was woken, when something is ready for it, or when its deadline
/// has come; now and then it is held up for a while, as a thread is that lost its CPU.
/// </remarks>
internal sealed unsafe class SimulatedIo(World world, SimulatedProcess process, int number) : CoreIo
{
    private const int PooledBytes = 16 * 1024;
    private const long SyncNanosMax = 8_000_000;
    private const long ReadAheadNanosMax = 5_000_000;
    private const long HeldUpNanosMax = 3_000_000;

    private readonly List<Slot> _slots = [];
    private readonly Stack<int> _freeSlots = new();
    private List<Ready> _ready = [];
    private List<Ready> _running = [];
    private long _deadlineNanos;
    private long _heldUpUntil;
    private bool _isWoken = true;

    private enum ReceiveForm
    {
        None,
        Pooled,
        Into,
    }

    /// <summary>A connection of this core. Generations make stale handles visible.</summary>
    private sealed class Slot(int index)
    {
        public int Index { get; } = index;
        public int Generation;
        public ServerSocket? Socket;
        public Fd Fd;
        public IConnectionEvents? Events;
        public ReceiveForm Receiving;
        public BufferHandle Into;
        public int IntoOffset;
        public int IntoLength;
        public bool IsWritableArmed;
        public bool IsQueued;
        public bool IsClosing;

        public IoHandle Handle => new(Index, Generation);
    }

    /// <summary>A callback that is due: of a connection (slot), of a listener, or of a file operation.</summary>
    private readonly record struct Ready(Slot? Slot, Listener? Listener, IFileTarget? File, long Token, long Result);

    public int Number { get; } = number;

    public override string Name => "simulated";

    public override int Connections => _slots.Count(slot => slot.Socket is not null);

    public bool CanRun =>
        world.NowNanos >= _heldUpUntil && (_isWoken || _ready.Count > 0 || world.NowNanos >= _deadlineNanos);

    /// <summary>When it could run without any event.</summary>
    public long NextNanos => _isWoken || _ready.Count > 0 ? _heldUpUntil : Math.Max(_heldUpUntil, _deadlineNanos);

    public static ReadOnlySpan<byte> BytesOf(IoPiece piece) =>
        // SAFETY: the caller of the seam keeps the piece's bytes until its call returns, and so does ours.
        new(piece.Address, piece.Length);

    public void RunTurn()
    {
        _isWoken = false;
        Core.RunTurn();
        if (world.Random.OneIn(200))
        {
            _heldUpUntil = world.NowNanos + world.Random.Between(1L, HeldUpNanosMax);
        }
    }

    public override void Start() { }

    // Network ------------------------------------------------------------------------------------------------------

    public override Errno Listen(IPEndPoint endpoint, int backlog, out Fd listener, out IPEndPoint bound)
    {
        process.ThrowIfEnded();
        bound = endpoint;
        listener = Fd.None;
        Listener? made = world.Network.Listen(process, endpoint, backlog);
        if (made is null)
        {
            return Errno.EADDRINUSE;
        }
        bound = made.EndPoint;
        listener = process.AddDescriptor(made);
        return Errno.None;
    }

    public override void Accept(Fd listener, IAcceptTarget target)
    {
        process.ThrowIfEnded();
        Listener listening = process.Descriptor<Listener>(listener);
        listening.Accept(target, () => Enqueue(new Ready(null, listening, null, 0, 0)));
    }

    public override void StopAccept(Fd listener)
    {
        process.ThrowIfEnded();
        process.RemoveDescriptor<Listener>(listener);
    }

    public override IoHandle Attach(Fd socket, IConnectionEvents events)
    {
        process.ThrowIfEnded();
        if (!_freeSlots.TryPop(out int index))
        {
            index = _slots.Count;
            _slots.Add(new Slot(index));
        }
        Slot slot = _slots[index];
        slot.Generation++;
        slot.Fd = socket;
        slot.Socket = process.Descriptor<ServerSocket>(socket);
        slot.Events = events;
        slot.Socket.OnChanged = () => OnSocketChanged(slot);
        return slot.Handle;
    }

    public override void Receive(IoHandle connection)
    {
        Slot slot = Live(connection);
        if (slot.IsClosing)
        {
            return;
        }
        Invariant.That(slot.Receiving == ReceiveForm.None);
        slot.Receiving = ReceiveForm.Pooled;
        OnSocketChanged(slot);
    }

    public override void ReceiveInto(IoHandle connection, BufferHandle buffer, int offset, int length)
    {
        Slot slot = Live(connection);
        if (slot.IsClosing)
        {
            return;
        }
        Invariant.That(slot.Receiving == ReceiveForm.None);
        Invariant.That(length > 0 && offset >= 0 && offset + length <= Core.Buffers.Capacity(buffer));
        slot.Receiving = ReceiveForm.Into;
        slot.Into = buffer;
        slot.IntoOffset = offset;
        slot.IntoLength = length;
        OnSocketChanged(slot);
    }

    public override long TrySend(IoHandle connection, ReadOnlySpan<IoPiece> pieces, bool more)
    {
        Slot slot = Live(connection);
        if (slot.IsClosing)
        {
            return -(long)Errno.EPIPE;
        }
        int total = 0;
        foreach (IoPiece piece in pieces)
        {
            total += piece.Length;
        }
        byte[] bytes = new byte[total];
        int at = 0;
        foreach (IoPiece piece in pieces)
        {
            BytesOf(piece).CopyTo(bytes.AsSpan(at));
            at += piece.Length;
        }
        return slot.Socket!.Send(bytes);
    }

    public override long TrySendFile(IoHandle connection, Fd file, long position, long length, bool more)
    {
        Slot slot = Live(connection);
        SimulatedFile source = process.Descriptor<OpenFile>(file).File;
        if (slot.IsClosing)
        {
            return -(long)Errno.EPIPE;
        }
        world.Check(source.IsResident(position, length), "sendfile of pages that are not in the page cache");
        byte[] bytes = new byte[Math.Min(length, slot.Socket!.Space)];
        int read = source.Read(bytes, position);
        return read == 0 && slot.Socket.Space > 0 && !slot.Socket.IsBroken
            ? 0
            : slot.Socket.Send(bytes.AsSpan(0, read));
    }

    public override void ArmWritable(IoHandle connection)
    {
        Slot slot = Live(connection);
        if (!slot.IsClosing)
        {
            slot.IsWritableArmed = true;
            OnSocketChanged(slot);
        }
    }

    public override void Close(IoHandle connection)
    {
        Slot slot = Live(connection);
        Invariant.That(!slot.IsClosing);
        slot.IsClosing = true;
        slot.IsWritableArmed = false;
        process.RemoveDescriptor<ServerSocket>(slot.Fd);
        Enqueue(slot);
    }

    public override IPEndPoint LocalEndPoint(IoHandle connection) => Live(connection).Socket!.Local;

    public override IPEndPoint RemoteEndPoint(IoHandle connection) => Live(connection).Socket!.Remote;

    // Files ----------------------------------------------------------------------------------------------------------

    public override void SyncFile(Fd file, bool dataOnly, IFileTarget target, long token)
    {
        OpenFile open = process.Descriptor<OpenFile>(file);
        SimulatedFile synced = open.File;
        CallVerdict verdict = process.Disk.JudgeSync(open);
        SimulatedFile.PendingSync pending = synced.BeginSync();
        long latency = world.Random.OneIn(20) ? SyncNanosMax * 10 : SyncNanosMax;
        world.Schedule(
            world.Random.Between(10_000L, latency),
            "sync is done",
            () =>
            {
                if (!process.HasEnded)
                {
                    EndSync(open, pending, verdict);
                    Enqueue(new Ready(null, null, target, token, -(long)verdict.Error));
                }
            }
        );
    }

    private void EndSync(OpenFile open, SimulatedFile.PendingSync pending, CallVerdict verdict)
    {
        if (verdict.Error != Errno.None)
        {
            open.File.FailSync(world.Random, world.Device.MayDropPages);
        }
        else if (verdict.EndAt == CallMoment.Within)
        {
            open.File.WriteBack(world.Random, 0, open.File.Length, 50);
        }
        else if (!process.Disk.IsSyncForgotten(open.Path))
        {
            open.File.EndSync(pending);
        }
        if (verdict.EndAt != CallMoment.Never)
        {
            process.EndIn(verdict.End);
        }
    }

    public override void ReadAhead(Fd file, long position, long length, IFileTarget target, long token)
    {
        process.ThrowIfEnded();
        Invariant.That(position >= 0 && length > 0);
        SimulatedFile read = process.Descriptor<OpenFile>(file).File;
        world.Schedule(
            world.Random.Between(1_000L, ReadAheadNanosMax),
            "read ahead is done",
            () =>
            {
                if (!process.HasEnded)
                {
                    read.Warm(position, length);
                    Enqueue(new Ready(null, null, target, token, 0));
                }
            }
        );
    }

    // Clock and chance -----------------------------------------------------------------------------------------------

    public override long MonotonicNanos() => world.NowNanos;

    public override long CoarseNanos() => world.NowNanos;

    public override long WallMillis() => world.WallMillis;

    public override ulong Random() => world.Random.Next();

    // The loop -------------------------------------------------------------------------------------------------------

    public override int Dispatch()
    {
        (_running, _ready) = (_ready, _running);
        world.Random.Shuffle(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_running));
        int count = 0;
        foreach (Ready ready in _running)
        {
            if (world.Random.OneIn(16))
            {
                _ready.Add(ready);
                continue;
            }
            count++;
            Run(ready);
        }
        _running.Clear();
        return count;
    }

    public override void SubmitAndWait(long deadlineNanos)
    {
        SystemCalls++;
        _deadlineNanos = deadlineNanos;
    }

    public override void Wake()
    {
        world.AssertOwnThread();
        _isWoken = true;
    }

    public override void Dispose() { }

    private void Run(Ready ready)
    {
        if (ready.File is not null)
        {
            world.Note("file callback", Number, ready.Token);
            ready.File.OnFileDone(ready.Token, ready.Result);
        }
        else if (ready.Listener is not null)
        {
            RunAccept(ready.Listener);
        }
        else
        {
            RunSlot(ready.Slot!);
        }
    }

    private void RunAccept(Listener listener)
    {
        while (listener.Take() is { } socket)
        {
            world.Note("accept", Number, socket.Number);
            listener.Target!.OnAccepted(process.AddDescriptor(socket));
        }
    }

    private void RunSlot(Slot slot)
    {
        slot.IsQueued = false;
        ServerSocket socket = slot.Socket!;
        IConnectionEvents events = slot.Events!;
        int generation = slot.Generation;
        if (slot.IsClosing)
        {
            slot.IsClosing = false;
            slot.Socket = null;
            slot.Events = null;
            slot.Receiving = ReceiveForm.None;
            slot.Into = default;
            slot.Generation++;
            _freeSlots.Push(slot.Index);
            world.Note("closed", Number, socket.Number);
            events.OnClosed();
            return;
        }
        if (slot.IsWritableArmed && (socket.Space > 0 || socket.IsBroken))
        {
            slot.IsWritableArmed = false;
            world.Note("writable", Number, socket.Number);
            events.OnWritable();
        }
        if (slot.Generation == generation && !slot.IsClosing && slot.Receiving != ReceiveForm.None && socket.IsReadable)
        {
            RunReceive(slot, socket, events);
        }
    }

    private void RunReceive(Slot slot, ServerSocket socket, IConnectionEvents events)
    {
        bool pooled = slot.Receiving == ReceiveForm.Pooled;
        if (socket.IsBroken || socket.IsAtEnd)
        {
            slot.Receiving = ReceiveForm.None;
            slot.Into = default;
            world.Note(socket.IsBroken ? "receive fails" : "end of stream", Number, socket.Number);
            if (socket.IsBroken)
            {
                events.OnFailed(Errno.ECONNRESET);
            }
            else if (pooled)
            {
                events.OnReceived(default, 0);
            }
            else
            {
                events.OnReceivedInto(0);
            }
            return;
        }
        BufferHandle target = slot.Into;
        if (pooled && !Core.Buffers.TryRent(PooledBytes, out target))
        {
            // Memory is short: the connection is looked at again at the next turn.
            Enqueue(slot);
            return;
        }
        Span<byte> into = pooled
            ? Core.Buffers.Span(target)[..PooledBytes]
            : Core.Buffers.Span(target).Slice(slot.IntoOffset, slot.IntoLength);
        int count = socket.Receive(into);
        world.Note("receive", socket.Number, Trace.HashOf(into[..count]));
        slot.Receiving = ReceiveForm.None;
        slot.Into = default;
        if (pooled)
        {
            events.OnReceived(target, count);
        }
        else
        {
            events.OnReceivedInto(count);
        }
    }

    private void OnSocketChanged(Slot slot)
    {
        ServerSocket? socket = slot.Socket;
        if (socket is null || slot.IsClosing || process.HasEnded)
        {
            return;
        }
        bool wantsWrite = slot.IsWritableArmed && (socket.Space > 0 || socket.IsBroken);
        bool wantsRead = slot.Receiving != ReceiveForm.None && socket.IsReadable;
        if (wantsWrite || wantsRead)
        {
            Enqueue(slot);
        }
    }

    private void Enqueue(Slot slot)
    {
        if (!slot.IsQueued)
        {
            slot.IsQueued = true;
            Enqueue(new Ready(slot, null, null, 0, 0));
        }
    }

    private void Enqueue(Ready ready)
    {
        world.AssertOwnThread();
        _ready.Add(ready);
    }

    private Slot Live(IoHandle connection)
    {
        process.ThrowIfEnded();
        Slot slot = _slots[connection.Slot];
        Invariant.That(slot.Generation == connection.Generation && slot.Socket is not null);
        return slot;
    }
}
