using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Perf.Client;

/// <summary>The length of the frame that these bytes begin with, or 0 when more of them are needed to tell.</summary>
internal delegate int FrameMeasure(ReadOnlySpan<byte> bytes);

/// <summary>
/// One TCP connection of an <see cref="EventLoop"/>: frames go out in order, straight from their owner's buffer, and come in
/// to a buffer that grows to the largest frame. Not for several threads.
/// </summary>
internal sealed class Connection : IDisposable
{
    private const int LengthBytes = sizeof(int);
    private const int ReceiveBytesAtStart = 1024;
    private const int ReceiveBytesGrown = 256 * 1024;

    private readonly EventLoop _loop;
    private readonly FrameMeasure? _framing;
    private readonly Queue<ReadOnlyMemory<byte>> _waiting = new();
    private byte[] _received = GC.AllocateUninitializedArray<byte>(ReceiveBytesAtStart, pinned: true);
    private int _receivedBytes;
    private Fd _socket;

    private Connection(EventLoop loop, Fd socket, IFrameTarget target, FrameMeasure? framing)
    {
        _loop = loop;
        _framing = framing;
        _socket = socket;
        Target = target;
    }

    public IFrameTarget Target { get; set; }

    public Fd Socket => _socket;

    /// <summary>For its owner: which of several it is.</summary>
    public int Number { get; init; }

    public bool IsOpen => _socket != Fd.None;

    /// <summary>Something waits for the socket to take more.</summary>
    public bool IsBehind => _waiting.Count > 0;

    /// <summary>A connected socket with TCP_NODELAY; LinuxException when the broker cannot be reached.</summary>
    /// <param name="source">The address to connect from, or null: one address has some 28,000 ports.</param>
    /// <param name="framing">Of another protocol than Kafka's, whose frames are then handed over as they are.</param>
    public static Connection Open(
        EventLoop loop,
        InetEndpoint broker,
        IFrameTarget target,
        int number = 0,
        InetEndpoint? source = null,
        FrameMeasure? framing = null
    )
    {
        Fd socket = Sockets.OpenTcp(broker.Family).OrThrow("socket");
        if (source is { } local)
        {
            Sockets.Bind(socket, local).OrThrow("bind", local.ToString());
        }
        SysResult connecting = Sockets.Connect(socket, broker);
        if (connecting.Error is Errno.EINPROGRESS or Errno.EINTR)
        {
            Span<pollfd> one = [new pollfd { fd = socket.Value, events = PollEvents.POLLOUT }];
            while (Readiness.Poll(one, Readiness.Forever).OrThrow("poll") == 0) { }
            connecting = Sockets.PendingError(socket);
        }
        connecting.OrThrow("connect", broker.ToString());
        Sockets.SetOption(socket, TcpOption.TCP_NODELAY, 1).OrThrow("setsockopt");
        Connection connection = new(loop, socket, target, framing) { Number = number };
        loop.Add(connection);
        return connection;
    }

    /// <summary>
    /// Sends a frame with its length in front. Its bytes stay unchanged until they are out: when the answer has come, or
    /// when <see cref="IsBehind"/> is false.
    /// </summary>
    public void Send(ReadOnlyMemory<byte> frame)
    {
        if (!IsBehind)
        {
            int sent = TrySend(frame.Span);
            if (sent == frame.Length || sent < 0)
            {
                return;
            }
            frame = frame[sent..];
            _loop.Watch(this, forWriting: true);
        }
        _waiting.Enqueue(frame);
    }

    public void OnWritable()
    {
        while (_waiting.TryDequeue(out ReadOnlyMemory<byte> frame))
        {
            int sent = TrySend(frame.Span);
            if (sent < 0)
            {
                return;
            }
            if (sent < frame.Length)
            {
                PutBack(frame[sent..]);
                return;
            }
        }
        _loop.Watch(this, forWriting: false);
    }

    public void OnReadable()
    {
        SysResult<int> got = Sockets.Receive(_socket, _received.AsSpan(_receivedBytes));
        if (got.Error == Errno.EAGAIN)
        {
            return;
        }
        if (!got.TryGet(out int bytes, out Errno error) || bytes == 0)
        {
            Lose(error == Errno.None ? "the broker closed the connection" : error.ToString());
            return;
        }
        _receivedBytes += bytes;
        int at = 0;
        int needed;
        while ((needed = FrameBytes(_received.AsSpan(at, _receivedBytes - at))) > 0 && _receivedBytes - at >= needed)
        {
            ReadOnlySpan<byte> frame = _received.AsSpan(at, needed);
            at += needed;
            Target.OnFrame(this, _framing is null ? frame[LengthBytes..] : frame);
            if (!IsOpen)
            {
                return;
            }
        }
        // A frame that cannot be measured yet has at least a byte more than what is here.
        Keep(at, needed > 0 ? needed : _receivedBytes - at + 1);
    }

    public void Dispose()
    {
        if (IsOpen)
        {
            _loop.Remove(this);
            Files.Close(_socket);
            _socket = Fd.None;
        }
    }

    private int FrameBytes(ReadOnlySpan<byte> bytes)
    {
        if (_framing is not null)
        {
            return _framing(bytes);
        }
        return bytes.Length < LengthBytes ? 0 : LengthBytes + BinaryPrimitives.ReadInt32BigEndian(bytes);
    }

    /// <summary>Moves what is left of the bytes to the front, in a buffer that holds the frame it belongs to.</summary>
    private void Keep(int at, int needed)
    {
        int left = _receivedBytes - at;
        ReadOnlySpan<byte> rest = _received.AsSpan(at, left);
        if (needed > _received.Length)
        {
            int bytes = Math.Max(ReceiveBytesGrown, needed + (needed / 2));
            _received = GC.AllocateUninitializedArray<byte>(bytes, pinned: true);
        }
        rest.CopyTo(_received);
        _receivedBytes = left;
    }

    private void PutBack(ReadOnlyMemory<byte> frame)
    {
        ReadOnlyMemory<byte>[] behind = [.. _waiting];
        _waiting.Clear();
        _waiting.Enqueue(frame);
        foreach (ReadOnlyMemory<byte> one in behind)
        {
            _waiting.Enqueue(one);
        }
    }

    /// <summary>Bytes that the socket took; -1 = the connection is lost.</summary>
    private int TrySend(ReadOnlySpan<byte> bytes)
    {
        int total = 0;
        while (total < bytes.Length)
        {
            SysResult<int> sent = Sockets.Send(_socket, bytes[total..], MessageFlags.MSG_NOSIGNAL);
            if (sent.Error == Errno.EAGAIN)
            {
                break;
            }
            if (!sent.TryGet(out int count, out Errno error))
            {
                Lose(error.ToString());
                return -1;
            }
            total += count;
        }
        return total;
    }

    private void Lose(string why)
    {
        Dispose();
        Target.OnLost(this, why);
    }
}
