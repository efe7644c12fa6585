using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// Stream sockets. All that this room opens is non-blocking and close-on-exec, so EAGAIN means "not now" and is for
/// the caller; EINTR never comes out, except from connect (see there). Peer errors (ECONNRESET, EPIPE, ETIMEDOUT,
/// EHOSTUNREACH, ...) are ordinary results.
/// </summary>
public static unsafe class Sockets
{
    /// <summary>A TCP socket.</summary>
    public static SysResult<Fd> OpenTcp(SocketDomain domain)
    {
        const SocketType type = SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK | SocketType.SOCK_CLOEXEC;
        return FdOrError(Libc.socket((int)domain, (int)type, 0));
    }

    /// <summary>Two connected stream sockets of this process.</summary>
    public static SysResult OpenPair(out Fd first, out Fd second)
    {
        const SocketType type = SocketType.SOCK_STREAM | SocketType.SOCK_NONBLOCK | SocketType.SOCK_CLOEXEC;
        int* pair = stackalloc int[2];
        SysResult result = SysResult.FromReturn(Libc.socketpair((int)SocketDomain.AF_UNIX, (int)type, 0, pair));
        first = result.IsOk ? new Fd(pair[0]) : Fd.None;
        second = result.IsOk ? new Fd(pair[1]) : Fd.None;
        return result;
    }

    public static SysResult Bind(Fd socket, InetEndpoint local) =>
        SysResult.FromReturn(Libc.bind(socket.Value, &local, local.SockaddrBytes));

    public static SysResult Listen(Fd socket, int backlog) => SysResult.FromReturn(Libc.listen(socket.Value, backlog));

    /// <summary>Non-blocking and close-on-exec. EAGAIN = no connection waits; ECONNABORTED, EMFILE, ENFILE, ENOMEM as they come.</summary>
    public static SysResult<Fd> Accept(Fd listener, out InetEndpoint peer)
    {
        const SocketType flags = SocketType.SOCK_NONBLOCK | SocketType.SOCK_CLOEXEC;
        while (true)
        {
            InetEndpoint address = default;
            uint length = InetEndpoint.SizeInBytes;
            int fd = Libc.accept4(listener.Value, &address, &length, (int)flags);
            peer = address;
            if (fd >= 0)
            {
                return new Fd(fd);
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    /// <summary>EINPROGRESS (and EINTR, after which the connect goes on as well): wait for writability, then read <see cref="PendingError"/>.</summary>
    public static SysResult Connect(Fd socket, InetEndpoint remote) =>
        SysResult.FromReturn(Libc.connect(socket.Value, &remote, remote.SockaddrBytes));

    public static SysResult<InetEndpoint> LocalEndpoint(Fd socket)
    {
        InetEndpoint address = default;
        uint length = InetEndpoint.SizeInBytes;
        return Libc.getsockname(socket.Value, &address, &length) == 0
            ? new SysResult<InetEndpoint>(address)
            : new SysResult<InetEndpoint>(LinuxError.Last());
    }

    public static SysResult<InetEndpoint> PeerEndpoint(Fd socket)
    {
        InetEndpoint address = default;
        uint length = InetEndpoint.SizeInBytes;
        return Libc.getpeername(socket.Value, &address, &length) == 0
            ? new SysResult<InetEndpoint>(address)
            : new SysResult<InetEndpoint>(LinuxError.Last());
    }

    public static SysResult SetOption(Fd socket, SocketOption option, int value) =>
        SetOption(socket, SocketLevel.SOL_SOCKET, (int)option, &value, sizeof(int));

    public static SysResult SetOption(Fd socket, TcpOption option, int value) =>
        SetOption(socket, SocketLevel.IPPROTO_TCP, (int)option, &value, sizeof(int));

    public static SysResult SetOption(Fd socket, Ipv6Option option, int value) =>
        SetOption(socket, SocketLevel.IPPROTO_IPV6, (int)option, &value, sizeof(int));

    /// <summary>0 seconds = close sends a reset and drops what was not sent.</summary>
    public static SysResult SetLinger(Fd socket, int seconds)
    {
        linger value = new() { l_onoff = 1, l_linger = seconds };
        return SetOption(socket, SocketLevel.SOL_SOCKET, (int)SocketOption.SO_LINGER, &value, (uint)sizeof(linger));
    }

    public static SysResult<int> GetOption(Fd socket, SocketOption option) =>
        GetOption(socket, SocketLevel.SOL_SOCKET, (int)option);

    public static SysResult<int> GetOption(Fd socket, TcpOption option) =>
        GetOption(socket, SocketLevel.IPPROTO_TCP, (int)option);

    /// <summary>SO_ERROR, which reading clears: None = the connect succeeded.</summary>
    public static Errno PendingError(Fd socket) =>
        GetOption(socket, SocketOption.SO_ERROR).TryGet(out int pending, out Errno error) ? (Errno)pending : error;

    /// <summary>Bytes received; 0 = the peer sent its last byte.</summary>
    [HotPath]
    public static SysResult<int> Receive(Fd socket, byte* target, int lengthMax, MessageFlags flags = MessageFlags.None)
    {
        while (true)
        {
            nint received = Libc.recv(socket.Value, target, (nuint)lengthMax, (int)flags);
            if (received >= 0)
            {
                return (int)received;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    [HotPath]
    public static SysResult<int> Receive(Fd socket, Span<byte> target, MessageFlags flags = MessageFlags.None)
    {
        // SAFETY: the span's memory is pinned until the call returns, and the kernel writes only within its length.
        fixed (byte* start = target)
        {
            return Receive(socket, start, target.Length, flags);
        }
    }

    /// <summary>Bytes taken by the kernel, which may be fewer than given. Never raises SIGPIPE: EPIPE comes back instead.</summary>
    [HotPath]
    public static SysResult<int> Send(Fd socket, byte* source, int length, MessageFlags flags = MessageFlags.None)
    {
        while (true)
        {
            nint sent = Libc.send(socket.Value, source, (nuint)length, (int)(flags | MessageFlags.MSG_NOSIGNAL));
            if (sent >= 0)
            {
                return (int)sent;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    [HotPath]
    public static SysResult<int> Send(Fd socket, ReadOnlySpan<byte> source, MessageFlags flags = MessageFlags.None)
    {
        // SAFETY: the span's memory is pinned until the call returns; the kernel only reads it.
        fixed (byte* start = source)
        {
            return Send(socket, start, source.Length, flags);
        }
    }

    /// <summary>Sends several pieces in one call (sendmsg, so that SIGPIPE is never raised). Count up to <see cref="iovec.CountMax"/>.</summary>
    [HotPath]
    public static SysResult<long> SendVector(
        Fd socket,
        iovec* pieces,
        int count,
        MessageFlags flags = MessageFlags.None
    )
    {
        msghdr message = default;
        message.msg_iov = pieces;
        message.msg_iovlen = (nuint)count;
        while (true)
        {
            nint sent = Libc.sendmsg(socket.Value, &message, (int)(flags | MessageFlags.MSG_NOSIGNAL));
            if (sent >= 0)
            {
                return sent;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    /// <summary>
    /// File to socket inside the kernel. Returns the bytes sent, 0 at the end of the file. A closed peer raises SIGPIPE
    /// here and no flag prevents it: the process must ignore it (<see cref="Signals.Ignore"/>) and gets EPIPE.
    /// The file's own position does not move.
    /// </summary>
    [HotPath]
    public static SysResult<long> SendFile(Fd socket, Fd file, long position, long lengthMax)
    {
        while (true)
        {
            long at = position;
            nint sent = Libc.sendfile(socket.Value, file.Value, &at, (nuint)lengthMax);
            if (sent >= 0)
            {
                return sent;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    /// <summary>ENOTCONN where the peer is already gone.</summary>
    public static SysResult Shutdown(Fd socket, ShutdownHow how) =>
        SysResult.FromReturn(Libc.shutdown(socket.Value, (int)how));

    private static SysResult SetOption(Fd socket, SocketLevel level, int option, void* value, uint length) =>
        SysResult.FromReturn(Libc.setsockopt(socket.Value, (int)level, option, value, length));

    private static SysResult<int> GetOption(Fd socket, SocketLevel level, int option)
    {
        int value = 0;
        uint length = sizeof(int);
        return Libc.getsockopt(socket.Value, (int)level, option, &value, &length) == 0
            ? new SysResult<int>(value)
            : new SysResult<int>(LinuxError.Last());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static SysResult<Fd> FdOrError(int returned) =>
        returned >= 0 ? new SysResult<Fd>(new Fd(returned)) : new SysResult<Fd>(LinuxError.Last());
}
