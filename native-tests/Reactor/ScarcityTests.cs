using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor.Tests;

/// <summary>More connections than buffers, places in the ring or memory for them; and a stop in the midst of it.</summary>
public sealed class ScarcityTests
{
    public static IEnumerable<object[]> Backends() => Rig.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void More_busy_connections_than_provided_buffers_all_get_their_bytes(IoMode mode)
    {
        using Rig rig = new(mode);
        List<(TestConnection Ours, Socket Peer)> pairs = [.. Enumerable.Range(0, 120).Select(_ => rig.Connect())];
        byte[] bytes = TestBytes.Random(40_000, 11);
        for (int round = 0; round < 3; round++)
        {
            foreach ((_, Socket peer) in pairs)
            {
                peer.Send(bytes);
            }
        }
        rig.Until(_ => pairs.All(pair => pair.Ours.Received.Length == 3 * bytes.Length), "all bytes of all");
        foreach ((TestConnection ours, Socket peer) in pairs)
        {
            rig.Close(ours);
            peer.Dispose();
        }
    }

    /// <summary>Eight submissions and sixteen completions: both queues overflow all the time, and nothing may be lost.</summary>
    [Theory]
    [MemberData(nameof(Backends))]
    public void A_ring_far_too_small_for_its_connections_loses_nothing(IoMode mode)
    {
        using Rig rig = new(mode, ringSizes: new RingSizes(8, 16));
        List<(TestConnection Ours, Socket Peer)> pairs =
        [
            .. Enumerable.Range(0, 100).Select(_ => rig.Connect(c => c.Echo = true)),
        ];
        byte[] message = TestBytes.Random(2000, 13);
        byte[] answer = new byte[2000];
        for (int round = 0; round < 20; round++)
        {
            // The core is held until all have sent, so that it finds everything at once.
            ManualResetEventSlim gate = new(false);
            rig.Core.PostFromThread(new Mail { Target = new Gate(gate) });
            foreach ((_, Socket peer) in pairs)
            {
                peer.Send(message);
            }
            gate.Set();
            foreach ((_, Socket peer) in pairs)
            {
                TestBytes.Receive(peer, answer);
                Assert.Equal(message, answer);
            }
        }
        rig.On(core =>
        {
            foreach ((TestConnection ours, _) in pairs)
            {
                core.Io.ArmWritable(ours.Handle);
                ours.Close();
            }
        });
        rig.Until(_ => pairs.All(pair => pair.Ours.ClosedCalls == 1), "closed");
        foreach ((_, Socket peer) in pairs)
        {
            peer.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_pool_without_buffers_makes_receives_wait_and_go_on_later(IoMode mode)
    {
        // Room for 1 MiB of buffers, all of which the test takes.
        using Rig rig = new(mode, checks: BufferChecks.None, bufferBytes: 1 << 20);
        (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        List<BufferHandle> taken = [];
        rig.On(core =>
        {
            while (core.Buffers.TryRent(16 * 1024, out BufferHandle handle))
            {
                taken.Add(handle);
            }
            ours.KeepReceiving = true;
            core.Io.Receive(ours.Handle);
        });
        // What the ring already holds may be used up first; then everything waits.
        byte[] bytes = TestBytes.Random(700_000, 12);
        Task sending = Task.Run(() => peer.Send(bytes));
        rig.Until(_ => mode == IoMode.Epoll || ours.Received.Length > 0, "the buffers that were there");
        rig.LetPass(50);
        rig.On(core =>
        {
            foreach (ref BufferHandle handle in System.Runtime.InteropServices.CollectionsMarshal.AsSpan(taken))
            {
                core.Buffers.Release(ref handle);
            }
        });
        rig.Until(_ => ours.Received.Length == bytes.Length, "all bytes");
        sending.Wait();
        Assert.Equal(bytes, rig.On(_ => ours.Received.ToArray()));
        rig.Close(ours);
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Stopping_with_everything_outstanding_leaks_nothing(IoMode mode)
    {
        Socket[] peers;
        using (Rig rig = new(mode, cores: 2, checks: BufferChecks.None))
        {
            peers = [.. Enumerable.Range(0, 20).Select(_ => rig.Connect().Peer)];
            BufferHandle frame = default;
            (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
            rig.On(core =>
            {
                Assert.Equal(
                    Errno.None,
                    core.Io.Listen(new IPEndPoint(IPAddress.Loopback, 0), 16, out Fd listener, out _)
                );
                core.Io.Accept(listener, new Rig.AcceptWith(_ => { }));
                ours.Into = _ => { };
                Assert.True(core.Buffers.TryRent(1 << 20, out frame));
                core.Io.ReceiveInto(ours.Handle, frame, 0, 1 << 20);
            });
            rig.Group.StopAsync().Wait();
            // The loop is over and the kernel has given the buffer back; its owner may release it.
            rig.Core.Buffers.Release(ref frame);
            foreach (Socket open in peers.Append(peer))
            {
                Assert.Equal(0, open.Receive(new byte[10]));
                open.Dispose();
            }
        }
    }

    private sealed class Gate(ManualResetEventSlim gate) : IMailTarget
    {
        public void Receive(Core core, in Mail mail) => gate.Wait(TimeSpan.FromSeconds(30));
    }
}
