using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Connections;

/// <summary>
/// One client's connection, from accept to close, on the core that owns it.
///
/// Receive -> frame -> start in order -> finish later -> answer in order. Requests that may overlap (produce) start
/// while others of their kind are in progress; every other request starts when all before it were answered, and
/// nothing starts until it is answered, which is what Apache Kafka does by muting the socket. One frame is read ahead
/// of that, so that its bytes arrive meanwhile.
///
/// Invariants: at most one receive is outstanding; at most <see cref="AnswerQueue.Capacity"/> requests are held; buffers that the
/// kernel may still write to are returned only after <see cref="OnClosed"/>; answers leave in the order of requests. A
/// client that does not read its answers is not read from, since its requests stay in flight.
/// </summary>
internal sealed class Connection : IConnectionEvents, ITurnEnd, ITimerTarget
{
    private readonly ServerCore _server;
    private readonly Core _core;
    private readonly FrameAssembler _frames;
    private readonly AnswerQueue _answers;
    private IoHandle _io;
    private RequestSlot? _held;
    private bool _isReceiving;
    private bool _isWriteArmed;
    private bool _isDirty;
    private bool _isWaitingForBudget;
    private long _waitingSinceMillis;
    private int _blockedPosts;
    private bool _isClosing;
    private bool _isClosed;
    private bool _isDraining;
    private bool _isPumping;
    private long _lastActiveMillis;
    private TimerHandle _idleTimer;

    public Connection(ServerCore server, ListenerOptions listener, long id)
    {
        _server = server;
        _core = server.Core;
        Listener = listener;
        Id = id;
        _answers = new AnswerQueue(server);
        _frames = new FrameAssembler(_core.Buffers, _core.Budget, server.Options.RequestBytesMax);
    }

    /// <summary>Unique in this core's life.</summary>
    public long Id { get; }

    public ListenerOptions Listener { get; }

    public int NodeId => _server.Options.NodeId;

    public IPEndPoint Remote { get; private set; } = new(IPAddress.None, 0);

    public IPEndPoint Local { get; private set; } = new(IPAddress.None, 0);

    /// <summary>The peer's address as Kafka writes it: a slash and the address, without port.</summary>
    public string ClientHost => field ??= "/" + NodeAddresses.Text(Remote.Address);

    public bool IsClosing => _isClosing;

    public int InFlight => _answers.Count;

    /// <summary>What ApiVersions said about the client, for logs and metrics.</summary>
    public string ClientSoftware { get; set; } = "";

    public void Open(Fd socket)
    {
        _io = _core.Io.Attach(socket, this);
        Remote = _core.Io.RemoteEndPoint(_io);
        Local = _core.Io.LocalEndPoint(_io);
        _lastActiveMillis = _core.NowMillis;
        ArmIdleTimer();
        Pump();
    }

    [HotPath]
    public void OnReceived(BufferHandle buffer, int length)
    {
        _isReceiving = false;
        if (length == 0 || _isClosing)
        {
            if (!buffer.IsNone)
            {
                _core.Buffers.Release(ref buffer);
            }
            Close();
            return;
        }
        _lastActiveMillis = _core.NowMillis;
        _frames.Feed(buffer, length);
        Pump();
    }

    [HotPath]
    public void OnReceivedInto(int length)
    {
        _isReceiving = false;
        if (length == 0 || _isClosing)
        {
            Close();
            return;
        }
        _lastActiveMillis = _core.NowMillis;
        _frames.Filled(length);
        Pump();
    }

    public void OnFailed(Errno errno) => Close();

    [HotPath]
    public void OnWritable()
    {
        _isWriteArmed = false;
        Flush();
    }

    public void OnClosed()
    {
        Invariant.That(_isClosing && !_isClosed);
        _isClosed = true;
        _isReceiving = false;
        _frames.Clear();
        _server.OnConnectionClosed(this);
    }

    /// <summary>The end of a turn in which answers became complete: they leave together.</summary>
    [HotPath]
    public void OnTurnEnd()
    {
        _isDirty = false;
        Flush();
    }

    [HotPath]
    public void OnFinished(RequestSlot slot)
    {
        if (_isClosing)
        {
            // The ring no longer holds it: see Close.
            _server.ReturnSlot(slot);
            return;
        }
        if (!_isDirty)
        {
            _isDirty = true;
            _core.AtTurnEnd(this);
        }
    }

    /// <summary>Work of this connection could not be posted: nothing new starts, so that order is kept.</summary>
    public void BlockOnMailbox() => _blockedPosts++;

    public void UnblockFromMailbox()
    {
        Invariant.That(_blockedPosts > 0);
        _blockedPosts--;
        if (_blockedPosts == 0)
        {
            Pump();
        }
    }

    /// <summary>Bytes of the budget were returned; when they do not suffice, the wait goes on.</summary>
    public void OnBudgetReturned(long waitingSinceMillis)
    {
        _isWaitingForBudget = false;
        _waitingSinceMillis = waitingSinceMillis;
        Pump();
        _waitingSinceMillis = 0;
    }

    /// <summary>A request's bytes are not needed any more.</summary>
    [HotPath]
    public void ReleaseFrame(ref Frame frame)
    {
        if (!frame.Buffer.IsNone)
        {
            _server.OnBudgetReturned(_frames.Release(ref frame));
        }
    }

    /// <summary>No new request starts; the connection closes when what is in flight was answered.</summary>
    public void Drain()
    {
        _isDraining = true;
        for (int i = 0; i < _answers.Count; i++)
        {
            _answers[i].Work?.Abandon();
        }
        if (_answers.Count == 0)
        {
            Close();
        }
    }

    /// <summary>Ends the connection because of what the client sent; one line is logged, at a limited rate.</summary>
    public void CloseBecause(string why, params ReadOnlySpan<(string Key, object? Value)> facts)
    {
        if (!_isClosing)
        {
            _server.Log.Info(why, [("client", Remote), ("listener", Listener.Name), .. facts]);
            Close();
        }
    }

    public void Close()
    {
        if (_isClosing)
        {
            return;
        }
        _isClosing = true;
        _core.Timers.Cancel(_idleTimer);
        _core.Io.Close(_io);
        if (_held is { } held)
        {
            _held = null;
            _server.ReturnSlot(held);
        }
        while (_answers.Count > 0)
        {
            RequestSlot slot = _answers.Remove();
            if (slot.IsFinished)
            {
                _server.ReturnSlot(slot);
            }
            else
            {
                // Its work returns it by finishing.
                slot.Work?.Abandon();
            }
        }
    }

    /// <summary>The idle limit, checked lazily: the timer moves on when the connection was used meanwhile.</summary>
    public void OnTimer(long token)
    {
        if (_isClosing)
        {
            return;
        }
        if (_answers.Count == 0 && _core.NowMillis - _lastActiveMillis >= _server.Options.ConnectionIdleMillisMax)
        {
            Close();
            return;
        }
        ArmIdleTimer();
    }

    private void ArmIdleTimer()
    {
        long idle = _server.Options.ConnectionIdleMillisMax;
        if (idle > 0)
        {
            long deadline = Math.Max(_lastActiveMillis + idle, _core.NowMillis + 1);
            _idleTimer = _core.Timers.Schedule(_answers.Count == 0 ? deadline : _core.NowMillis + idle, this, 0);
        }
    }

    /// <summary>Starts what may start and asks for more bytes when there is room for them.</summary>
    [HotPath]
    private void Pump()
    {
        if (_isPumping)
        {
            // A request that finished while being started; the loop below sees it.
            return;
        }
        _isPumping = true;
        while (!_isClosing && !_isReceiving && !_isDraining)
        {
            if (_held is { } held)
            {
                if (!MayStart(held.Handler))
                {
                    break;
                }
                _held = null;
                StartSlot(held);
            }
            else if (!ReadOne())
            {
                break;
            }
        }
        _isPumping = false;
    }

    /// <summary>Reads one frame ahead; false when bytes or budget are awaited.</summary>
    [HotPath]
    private bool ReadOne()
    {
        switch (_frames.Next(out Frame frame))
        {
            case FrameStep.Frame:
                HoldOrReject(ref frame);
                return true;
            case FrameStep.NeedBytes:
                _isReceiving = true;
                _core.Io.Receive(_io);
                return false;
            case FrameStep.NeedIntoFrame:
                _frames.Target(out BufferHandle buffer, out int offset, out int length);
                _isReceiving = true;
                _core.Io.ReceiveInto(_io, buffer, offset, length);
                return false;
            case FrameStep.OverBudget:
                if (!_isWaitingForBudget)
                {
                    _isWaitingForBudget = true;
                    _server.WaitForBudget(this, _waitingSinceMillis);
                }
                return false;
            default:
                CloseBecause("closed: the length of a request is negative or beyond socket.request.max.bytes");
                return false;
        }
    }

    [HotPath]
    private void HoldOrReject(ref Frame frame)
    {
        ReadOnlySpan<byte> bytes = _core.Buffers.Span(frame.Buffer).Slice(frame.Offset, frame.Length);
        if (!RequestHeader.TryReadStart(bytes, out RequestHeader header))
        {
            ReleaseFrame(ref frame);
            CloseBecause("closed: a request is shorter than its header");
            return;
        }
        RequestHandler? handler = _server.Handlers.Find(header.Key, header.Version, Listener.Role);
        if (handler is null || !header.TryReadRest(bytes, handler.IsFlexible(header.Version)))
        {
            ReleaseFrame(ref frame);
            RejectSlow(handler, header);
            return;
        }
        RequestSlot slot = _server.TakeSlot();
        slot.Begin(this, handler, ref frame, header);
        _held = slot;
    }

    private void RejectSlow(RequestHandler? handler, in RequestHeader header) =>
        CloseBecause(
            handler is null
                ? "closed: a request of an API or version that this listener does not serve"
                : "closed: the header of a request is malformed",
            ("api", header.Key),
            ("version", header.Version)
        );

    [HotPath]
    private bool MayStart(RequestHandler handler)
    {
        if (_blockedPosts > 0 || _answers.IsFull)
        {
            return false;
        }
        if (_answers.Count == 0)
        {
            return true;
        }
        return handler.MayOverlap && _answers.Last.Handler.MayOverlap;
    }

    [HotPath]
    private void StartSlot(RequestSlot slot)
    {
        _answers.Add(slot);
        slot.Start();
    }

    /// <summary>Sends finished answers in order until the socket is full or an unfinished request is reached.</summary>
    [HotPath]
    private void Flush()
    {
        while (!_isClosing && !_isWriteArmed)
        {
            long sent = _answers.SendSome(_io);
            if (sent == 0)
            {
                break;
            }
            if (sent < 0)
            {
                OnSendFailed((int)-sent);
                break;
            }
            _lastActiveMillis = _core.NowMillis;
        }
        if (_isClosing)
        {
            return;
        }
        if (_isDraining && _answers.Count == 0)
        {
            Close();
            return;
        }
        Pump();
    }

    private void OnSendFailed(int errno)
    {
        if (errno == (int)Errno.EAGAIN)
        {
            _isWriteArmed = true;
            _core.Io.ArmWritable(_io);
            return;
        }
        Close();
    }
}
