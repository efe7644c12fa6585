using System.Diagnostics;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Memory;
using Xunit.Abstractions;

namespace Aot.Broker.Reactor.Tests;

/// <summary>What a request costs once the loop is warm: no allocation, few system calls, and a time that is only printed.</summary>
public sealed class SteadyStateTests(ITestOutputHelper output)
{
    private const int WarmUp = 3000;
    private const int Measured = 10_000;

    public static IEnumerable<object[]> Backends() => Rig.Backends();

    /// <summary>Echoes without recording, and reads the core thread's allocation counter at two requests.</summary>
    private sealed class Echo(Core core) : IConnectionEvents
    {
        public IoHandle Handle;
        public int Requests;
        public long AllocatedBefore;
        public long AllocatedAfter;
        public long SystemCallsBefore;
        public long SystemCallsAfter;
        public bool Closed;

        public unsafe void OnReceived(BufferHandle buffer, int length)
        {
            if (length == 0)
            {
                core.Io.Close(Handle);
                return;
            }
            Requests++;
            if (Requests == WarmUp)
            {
                AllocatedBefore = GC.GetAllocatedBytesForCurrentThread();
                SystemCallsBefore = core.Io.SystemCalls;
            }
            if (Requests == WarmUp + Measured)
            {
                AllocatedAfter = GC.GetAllocatedBytesForCurrentThread();
                SystemCallsAfter = core.Io.SystemCalls;
            }
            IoPiece piece = new(core.Buffers.Pointer(buffer), length);
            if (core.Io.TrySend(Handle, new ReadOnlySpan<IoPiece>(ref piece), more: false) != length)
            {
                Assert.Fail("a small answer was not sent whole");
            }
            core.Buffers.Release(ref buffer);
            core.Io.Receive(Handle);
        }

        public void OnReceivedInto(int length) => Assert.Fail("not asked for");

        public void OnFailed(Linux.Errno errno) => core.Io.Close(Handle);

        public void OnWritable() => Assert.Fail("not asked for");

        public void OnClosed() => Closed = true;
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void An_echo_allocates_nothing_and_takes_few_system_calls(IoMode mode)
    {
        using Rig rig = new(mode, checks: BufferChecks.None);
        (TestConnection first, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        rig.On(_ => first.Close());
        rig.Until(_ => first.ClosedCalls == 1, "closed");
        peer.Dispose();
        Echo? echo = null;
        Socket client = ConnectTo(
            rig,
            (core, fd) =>
            {
                echo = new Echo(core);
                echo.Handle = core.Io.Attach(fd, echo);
                core.Io.Receive(echo.Handle);
            }
        );
        byte[] message = new byte[256];
        double[] micros = new double[WarmUp + Measured];
        for (int i = 0; i < micros.Length; i++)
        {
            long began = Stopwatch.GetTimestamp();
            client.Send(message);
            for (int got = 0; got < message.Length; )
            {
                got += client.Receive(message.AsSpan(got));
            }
            micros[i] = Stopwatch.GetElapsedTime(began).TotalMicroseconds;
        }
        client.Dispose();
        rig.Until(_ => echo!.Closed, "closed");
        Assert.Equal(0, echo!.AllocatedAfter - echo.AllocatedBefore);
        double calls = (echo.SystemCallsAfter - echo.SystemCallsBefore) / (double)Measured;
        double[] sorted = [.. micros.Skip(WarmUp).Order()];
        output.WriteLine(
            $"{rig.Group.BackendName}: 256 B ping-pong p50 {sorted[Measured / 2]:F1} us, p99 {sorted[Measured * 99 / 100]:F1} us, "
                + $"{calls:F2} system calls per request"
        );
        // Wait, receive (epoll only) and send; a wait that ends for nothing is rare.
        Assert.InRange(calls, 1.5, mode == IoMode.Epoll ? 3.2 : 2.2);
    }

    private static Socket ConnectTo(Rig rig, Action<Core, Fd> accepted)
    {
        Fd listener = default;
        System.Net.IPEndPoint? bound = null;
        bool isAccepted = false;
        rig.On(core =>
        {
            Assert.Equal(
                Linux.Errno.None,
                core.Io.Listen(new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, 0), 16, out listener, out bound)
            );
            core.Io.Accept(
                listener,
                new Rig.AcceptWith(fd =>
                {
                    accepted(core, fd);
                    isAccepted = true;
                })
            );
        });
        Socket client = new(AddressFamily.InterNetwork, System.Net.Sockets.SocketType.Stream, ProtocolType.Tcp)
        {
            NoDelay = true,
            ReceiveTimeout = 20_000,
        };
        client.Connect(bound!);
        rig.Until(_ => isAccepted, "accepted");
        rig.On(core => core.Io.StopAccept(listener));
        return client;
    }
}
