using System.Net;
using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

public sealed unsafe class SocketCalls : IDisposable
{
    private readonly List<Fd> _open = [];

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public void A_connection_carries_bytes_both_ways_and_knows_its_ends(string address)
    {
        InetEndpoint any = InetEndpoint.From(IPAddress.Parse(address), 0);
        Fd listener = Listen(any);
        InetEndpoint at = Sockets.LocalEndpoint(listener).Value;
        Assert.NotEqual(0, at.Port);
        Assert.Equal($"{(any.IsV6 ? $"[{address}]" : address)}:{at.Port}", at.ToString());
        Assert.Equal(Errno.EAGAIN, Sockets.Accept(listener, out _).Error);

        Fd client = Keep(Sockets.OpenTcp(at.Family).Value);
        Assert.True(Sockets.Connect(client, at).Error is Errno.None or Errno.EINPROGRESS);
        Wait(listener, PollEvents.POLLIN);
        Fd server = Keep(Sockets.Accept(listener, out InetEndpoint peer).Value);
        Wait(client, PollEvents.POLLOUT);

        Assert.Equal(Errno.None, Sockets.PendingError(client));
        Assert.Equal(Sockets.LocalEndpoint(client).Value, peer);
        Assert.Equal(at, Sockets.PeerEndpoint(client).Value);
        Assert.True(Sockets.SetOption(server, TcpOption.TCP_NODELAY, 1).IsOk);
        Assert.Equal(1, Sockets.GetOption(server, TcpOption.TCP_NODELAY).Value);

        Span<byte> buffer = stackalloc byte[16];
        Assert.Equal(Errno.EAGAIN, Sockets.Receive(server, buffer).Error);
        Assert.Equal(5, Sockets.Send(client, "hello"u8).Value);
        Wait(server, PollEvents.POLLIN);
        Assert.Equal(5, Sockets.Receive(server, buffer).Value);
        Assert.Equal("hello"u8, buffer[..5]);
        Assert.True(Sockets.Shutdown(client, ShutdownHow.SHUT_WR).IsOk);
        Wait(server, PollEvents.POLLIN);
        Assert.Equal(0, Sockets.Receive(server, buffer).Value);
    }

    [Fact]
    public void Several_pieces_go_out_in_one_call()
    {
        (Fd a, Fd b) = Pair();
        Span<byte> buffer = stackalloc byte[16];
        fixed (byte* first = "pro"u8)
        fixed (byte* second = "duce"u8)
        {
            iovec* pieces = stackalloc iovec[2];
            pieces[0] = new iovec { iov_base = first, iov_len = 3 };
            pieces[1] = new iovec { iov_base = second, iov_len = 4 };
            Assert.Equal(7, Sockets.SendVector(a, pieces, 2).Value);
        }

        Assert.Equal(7, Sockets.Receive(b, buffer).Value);
        Assert.Equal("produce"u8, buffer[..7]);
    }

    [Fact]
    public void A_write_to_a_closed_peer_is_an_error_and_not_a_signal()
    {
        Assert.True(Signals.Ignore(SignalNumber.SIGPIPE).IsOk);
        (Fd a, Fd b) = Pair();
        Close(b);

        Assert.Equal(Errno.EPIPE, Sockets.Send(a, "x"u8).Error);
        byte one = 1;
        iovec piece = new() { iov_base = &one, iov_len = 1 };
        Assert.Equal(Errno.EPIPE, Sockets.SendVector(a, &piece, 1).Error);
        using TemporaryFile file = new("record bytes"u8);
        Assert.Equal(Errno.EPIPE, Sockets.SendFile(a, file.Fd, 0, 12).Error);
    }

    [Fact]
    public void Sendfile_moves_a_range_and_leaves_the_files_own_position()
    {
        (Fd a, Fd b) = Pair();
        using TemporaryFile file = new("0123456789"u8);
        Span<byte> buffer = stackalloc byte[16];

        Assert.Equal(4, Sockets.SendFile(a, file.Fd, 3, 4).Value);
        Assert.Equal(4, Sockets.Receive(b, buffer).Value);
        Assert.Equal("3456"u8, buffer[..4]);
        Assert.Equal(0, Sockets.SendFile(a, file.Fd, 10, 4).Value);
    }

    [Fact]
    public void A_taken_port_and_a_closed_port_say_so()
    {
        Fd listener = Listen(InetEndpoint.Loopback(0));
        InetEndpoint at = Sockets.LocalEndpoint(listener).Value;
        Fd second = Keep(Sockets.OpenTcp(SocketDomain.AF_INET).Value);
        Assert.Equal(Errno.EADDRINUSE, Sockets.Bind(second, at).Error);

        Close(listener);
        Fd client = Keep(Sockets.OpenTcp(SocketDomain.AF_INET).Value);
        Errno connected = Sockets.Connect(client, at).Error;
        if (connected == Errno.EINPROGRESS)
        {
            Wait(client, PollEvents.POLLOUT);
            connected = Sockets.PendingError(client);
        }
        Assert.Equal(Errno.ECONNREFUSED, connected);
    }

    [Fact]
    public void An_ipv4_address_inside_ipv6_reads_as_ipv4()
    {
        InetEndpoint mapped = InetEndpoint.From(IPAddress.Parse("::ffff:10.1.2.3"), 9092);

        Assert.Equal("10.1.2.3:9092", mapped.ToString());
        Assert.Equal(InetEndpoint.From(IPAddress.Parse("10.1.2.3"), 9092), mapped);
        Assert.NotEqual(InetEndpoint.From(IPAddress.Parse("10.1.2.3"), 9093), mapped);
        Assert.Equal("[fe80::1%7]:1", InetEndpoint.From(IPAddress.Parse("fe80::1%7"), 1).ToString());
    }

    public void Dispose()
    {
        foreach (Fd fd in _open)
        {
            Assert.True(Files.Close(fd).IsOk);
        }
    }

    private Fd Listen(InetEndpoint at)
    {
        Fd listener = Keep(Sockets.OpenTcp(at.Family).Value);
        Assert.True(Sockets.SetOption(listener, SocketOption.SO_REUSEADDR, 1).IsOk);
        Assert.True(Sockets.Bind(listener, at).IsOk);
        Assert.True(Sockets.Listen(listener, 16).IsOk);
        return listener;
    }

    private (Fd First, Fd Second) Pair()
    {
        Assert.True(Sockets.OpenPair(out Fd first, out Fd second).IsOk);
        return (Keep(first), Keep(second));
    }

    private static void Wait(Fd fd, PollEvents events)
    {
        Span<pollfd> one = [new pollfd { fd = fd.Value, events = events }];
        Assert.Equal(1, Readiness.Poll(one, Readiness.Forever).Value);
    }

    private Fd Keep(Fd fd)
    {
        _open.Add(fd);
        return fd;
    }

    private void Close(Fd fd)
    {
        Assert.True(_open.Remove(fd));
        Assert.True(Files.Close(fd).IsOk);
    }
}
