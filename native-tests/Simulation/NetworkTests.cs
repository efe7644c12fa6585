using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>The simulated seam against its contract, with an echo server on two cores.</summary>
public class NetworkTests
{
    private const int Port = 9092;
    private const long Limit = 600_000_000_000;

    [Fact]
    public void Bytes_come_back_whole_and_in_order_however_they_are_cut()
    {
        int blocked = 0;
        for (ulong seed = 1; seed <= 30; seed++)
        {
            using World world = new(seed, "network");
            EchoServer server = new(world);
            List<Task> clients = [.. Enumerable.Range(0, 3).Select(_ => world.Start(() => EchoAsync(world, 30_000)))];
            world.RunUntil(() => clients.TrueForAll(c => c.IsCompleted), Limit, "the clients");
            world.RunUntil(() => server.Open == 0, Limit, "the connections to close");
            blocked += server.Blocked;
            AssertNothingLeaked(server);
        }
        Assert.True(blocked > 100, $"a send found a full socket {blocked} times");
    }

    [Fact]
    public void A_reset_is_heard_by_both_ends()
    {
        int lost = 0;
        for (ulong seed = 1; seed <= 30; seed++)
        {
            using World world = new(seed, "network");
            EchoServer server = new(world);
            Task client = world.Start(async () =>
            {
                try
                {
                    await EchoAsync(world, 200_000);
                }
                catch (ConnectionLost)
                {
                    lost++;
                }
            });
            world.RunUntil(() => server.Echoed > 1_000, Limit, "the connection");
            world.Network.BreakOne();
            world.RunUntil(() => client.IsCompleted && server.Open == 0, Limit, "both ends");
            AssertNothingLeaked(server);
        }
        Assert.Equal(30, lost);
    }

    [Fact]
    public void Connections_are_refused_without_a_listener_and_a_port_has_one_only()
    {
        using World world = new(1, "network");
        EchoServer server = new(world);
        bool isRefused = false;
        Task client = world.Start(async () => isRefused = await world.Network.ConnectAsync(1) is null);
        world.RunUntil(() => client.IsCompleted, Limit, "the client");
        Assert.True(isRefused);
        SimulatedIo io = (SimulatedIo)server.Process.Cores[1].Io;
        Assert.Equal(Errno.EADDRINUSE, io.Listen(new IPEndPoint(IPAddress.Any, Port), 5, out _, out _));
        server.Process.End(ProcessEnd.Kill);
        SimulatedProcess next = world.StartProcess(new ProcessOptions());
        Assert.Equal(Errno.None, next.Cores[0].Io.Listen(new IPEndPoint(IPAddress.Any, Port), 5, out _, out _));
    }

    [Fact]
    public void Timers_fire_in_virtual_time_and_mail_wakes_a_sleeping_core()
    {
        using World world = new(3, "network");
        SimulatedProcess process = world.StartProcess(new ProcessOptions());
        long fired = 0;
        Task client = world.Start(async () =>
        {
            await process
                .Cores[0]
                .RunFromThreadAsync(async core =>
                {
                    await core.DelayAsync(3_600_000);
                    fired = await core.CallAsync(new CoreIndex(1), other => ValueTask.FromResult(other.NowMillis));
                });
        });
        world.RunUntil(() => client.IsCompleted, 4_000_000_000_000, "an hour");
        Assert.InRange(fired, 3_600_000, 3_700_000);
        Assert.True(world.Trace.Events < 100, $"an idle hour took {world.Trace.Events} events");
    }

    private static async Task EchoAsync(World world, int count)
    {
        ClientSocket? socket = await world.Network.ConnectAsync(Port);
        world.Check(socket is not null, "connection refused");
        byte[] sent = new byte[count];
        foreach (ref byte one in sent.AsSpan())
        {
            one = (byte)world.Random.Next();
        }
        Task sending = socket!.SendAsync(sent);
        byte[] received = new byte[count];
        for (int at = 0; at < count; )
        {
            int part = Math.Min(count - at, world.Random.Between(1, 5_000));
            world.Check(await socket.ReceiveAsync(received.AsMemory(at, part)), "the stream ended early");
            at += part;
            if (world.Random.OneIn(4))
            {
                await world.DelayAsync(world.Random.Between(1, 10_000_000));
            }
        }
        await sending;
        world.Check(sent.AsSpan().SequenceEqual(received), "other bytes came back");
        socket.Close();
    }

    private static void AssertNothingLeaked(EchoServer server)
    {
        Assert.Equal(1, server.Process.OpenDescriptors);
        foreach (Core core in server.Process.Cores)
        {
            core.Buffers.AssertNothingLeaked();
            Assert.Equal(0, core.Io.Connections);
        }
    }

    /// <summary>Accepts on core 0 and hands every other connection to core 1.</summary>
    private sealed class EchoServer : IAcceptTarget, IMailTarget
    {
        private int _accepted;

        public EchoServer(World world)
        {
            Process = world.StartProcess(new ProcessOptions());
            Core core = Process.Cores[0];
            Assert.Equal(
                Errno.None,
                core.Io.Listen(new IPEndPoint(IPAddress.Loopback, Port), 50, out Fd listener, out _)
            );
            core.Io.Accept(listener, this);
        }

        public SimulatedProcess Process { get; }

        public int Open { get; set; }

        public int Blocked { get; set; }

        public long Echoed { get; set; }

        public void OnAccepted(Fd socket)
        {
            Open++;
            Process.Cores[0].Post(new CoreIndex(_accepted++ % 2), new Mail { Target = this, A = socket.Value });
        }

        public void OnAcceptFailed(Errno errno) => Assert.Fail($"accept: {errno}");

        public void Receive(Core core, in Mail mail) => new Echo(this, core).Begin(new Fd((int)mail.A));
    }

    /// <summary>Receives in both ways by turns, and sends everything back before it reads on.</summary>
    private sealed class Echo(EchoServer server, Core core) : IConnectionEvents
    {
        private IoHandle _handle;
        private BufferHandle _buffer;
        private int _start;
        private int _end;
        private int _receives;
        private bool _isClosing;

        public void Begin(Fd socket)
        {
            _handle = core.Io.Attach(socket, this);
            core.Io.Receive(_handle);
        }

        public void OnReceived(BufferHandle buffer, int length)
        {
            if (length == 0)
            {
                Close();
                return;
            }
            _buffer = buffer;
            (_start, _end) = (0, length);
            Send();
        }

        public void OnReceivedInto(int length)
        {
            if (length == 0)
            {
                Close();
                return;
            }
            _end = _start + length;
            Send();
        }

        public void OnFailed(Errno errno) => Close();

        public void OnWritable() => Send();

        public void OnClosed()
        {
            if (!_buffer.IsNone)
            {
                core.Buffers.Release(ref _buffer);
            }
            server.Open--;
        }

        private unsafe void Send()
        {
            while (_start < _end)
            {
                // SAFETY: the buffer is ours until it is released below or in OnClosed.
                IoPiece piece = new(core.Buffers.Pointer(_buffer) + _start, _end - _start);
                long sent = core.Io.TrySend(_handle, [piece], more: false);
                if (sent == -(long)Errno.EAGAIN)
                {
                    server.Blocked++;
                    core.Io.ArmWritable(_handle);
                    return;
                }
                if (sent < 0)
                {
                    Close();
                    return;
                }
                _start += (int)sent;
                server.Echoed += sent;
            }
            if (++_receives % 2 == 1)
            {
                _start = 100;
                core.Io.ReceiveInto(_handle, _buffer, _start, 3_000);
                return;
            }
            core.Buffers.Release(ref _buffer);
            core.Io.Receive(_handle);
        }

        private void Close()
        {
            if (!_isClosing)
            {
                _isClosing = true;
                core.Io.Close(_handle);
            }
        }
    }
}
