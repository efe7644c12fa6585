using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using SocketType = System.Net.Sockets.SocketType;

namespace Aot.Broker.Reactor.Tests;

public sealed class AcceptTests
{
    public static IEnumerable<object[]> Backends() => Rig.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void Many_connections_are_accepted_and_handed_to_other_cores(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        int accepted = 0;
        List<TestConnection>[] perCore =
        [
            [],
            [],
        ];
        Fd listener = default;
        IPEndPoint? bound = null;
        HandOver handOver = new(perCore);
        rig.On(core =>
        {
            Assert.Equal(
                Errno.None,
                core.Io.Listen(new IPEndPoint(IPAddress.Loopback, 0), 512, out listener, out bound)
            );
            core.Io.Accept(
                listener,
                new Rig.AcceptWith(fd =>
                    core.Post(new CoreIndex(accepted++ % 2), new Mail { Target = handOver, A = fd.Value })
                )
            );
        });
        Assert.NotEqual(0, bound!.Port);
        Socket[] peers = new Socket[300];
        for (int i = 0; i < peers.Length; i++)
        {
            peers[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            peers[i].ReceiveTimeout = 20_000;
            peers[i].Connect(bound);
        }
        foreach (Socket peer in peers)
        {
            peer.Send([1, 2, 3]);
        }
        foreach (Socket peer in peers)
        {
            byte[] answer = new byte[3];
            int got = 0;
            while (got < 3)
            {
                got += peer.Receive(answer.AsSpan(got));
            }
            Assert.Equal([1, 2, 3], answer);
            peer.Dispose();
        }
        for (int i = 0; i < 2; i++)
        {
            Assert.Equal(150, perCore[i].Count);
            int index = i;
            for (int tries = 0; perCore[index].Exists(c => !c.EndOfStream) && tries < 1000; tries++)
            {
                Rig.On(_ => { }, rig.Group.Cores[index]);
                Rig.LeaveAlone(2);
            }
            Rig.On(_ => perCore[index].ForEach(c => c.Close()), rig.Group.Cores[index]);
            for (int tries = 0; perCore[index].Exists(c => c.ClosedCalls == 0) && tries < 1000; tries++)
            {
                Rig.On(_ => { }, rig.Group.Cores[index]);
                Rig.LeaveAlone(2);
            }
            Assert.All(perCore[index], c => Assert.Equal(1, c.ClosedCalls));
        }
        rig.On(core => core.Io.StopAccept(listener));
        rig.Until(_ => IsRefused(bound), "refused");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_port_in_use_is_an_error_value(IoMode mode)
    {
        using Rig rig = new(mode);
        rig.On(core =>
        {
            Assert.Equal(
                Errno.None,
                core.Io.Listen(new IPEndPoint(IPAddress.Loopback, 0), 16, out Fd first, out IPEndPoint bound)
            );
            Assert.Equal(Errno.EADDRINUSE, core.Io.Listen(bound, 16, out Fd second, out _));
            Assert.False(second.IsOpen);
            core.Io.Accept(first, new Rig.AcceptWith(_ => { }));
            core.Io.StopAccept(first);
        });
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void It_listens_on_ipv6_too(IoMode mode)
    {
        using Rig rig = new(mode);
        Fd listener = default;
        IPEndPoint? bound = null;
        Fd accepted = Fd.None;
        Errno error = rig.On(core =>
            core.Io.Listen(new IPEndPoint(IPAddress.IPv6Loopback, 0), 16, out listener, out bound)
        );
        if (error is Errno.EAFNOSUPPORT or Errno.EADDRNOTAVAIL)
        {
            return; // A machine without IPv6: the error value is all there is to see.
        }
        Assert.Equal(Errno.None, error);
        rig.On(core => core.Io.Accept(listener, new Rig.AcceptWith(fd => accepted = fd)));
        using (Socket peer = new(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp))
        {
            peer.Connect(bound!);
            rig.Until(_ => accepted.IsOpen, "accepted");
        }
        rig.On(core => core.Io.StopAccept(listener));
        Files.Close(accepted);
    }

    private static bool IsRefused(IPEndPoint endpoint)
    {
        using Socket peer = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            peer.Connect(endpoint);
            return false;
        }
        catch (SocketException e)
        {
            return e.SocketErrorCode == SocketError.ConnectionRefused;
        }
    }

    private sealed class HandOver(List<TestConnection>[] perCore) : IMailTarget
    {
        public void Receive(Core core, in Mail mail)
        {
            TestConnection connection = new(core) { Echo = true };
            perCore[core.Index.Value].Add(connection);
            connection.Attach(new Fd((int)mail.A));
        }
    }
}
