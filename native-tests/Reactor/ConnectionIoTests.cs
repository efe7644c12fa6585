using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor.Tests;

/// <summary>One behaviour on both backends: receiving, sending, closing.</summary>
public sealed class ConnectionIoTests
{
    public static IEnumerable<object[]> Backends() => Rig.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void Bytes_in_pieces_of_every_size_come_in_order(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        byte[] sent = RandomBytes(300_000, 1);
        Random random = new(2);
        for (int at = 0; at < sent.Length; )
        {
            int count = Math.Min(sent.Length - at, random.Next(4) == 0 ? random.Next(1, 60_000) : random.Next(1, 40));
            peer.Send(sent.AsSpan(at, count));
            at += count;
        }
        rig.Until(_ => ours.Received.Length == sent.Length, "all bytes received");
        Assert.Equal(sent, rig.On(_ => ours.Received.ToArray()));
        peer.Dispose();
        rig.Until(_ => ours.EndOfStream, "end of stream");
        CloseAndWait(rig, ours);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Echoes_cross_the_loop_and_come_back(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect(c => c.Echo = true);
        byte[] message = RandomBytes(700, 3);
        byte[] answer = new byte[700];
        for (int i = 0; i < 300; i++)
        {
            message[0] = (byte)i;
            peer.Send(message);
            ReceiveAll(peer, answer);
            Assert.Equal(message, answer);
        }
        peer.Dispose();
        rig.Until(_ => ours.EndOfStream, "end of stream");
        CloseAndWait(rig, ours);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Not_asking_for_more_is_back_pressure(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        rig.On(core => core.Io.Receive(ours.Handle));
        peer.Send(RandomBytes(100, 4));
        rig.Until(_ => ours.ReceivedCalls == 1, "the first receive");
        peer.Send(RandomBytes(100, 5));
        rig.LetPass(50);
        Assert.Equal((1, 100L), rig.On(_ => (ours.ReceivedCalls, ours.Received.Length)));
        rig.On(core => core.Io.Receive(ours.Handle));
        rig.Until(_ => ours.Received.Length == 200, "the second receive");
        CloseAndWait(rig, ours);
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_large_frame_is_received_straight_into_its_buffer(IoMode mode)
    {
        using Rig rig = new(mode);
        const int frameBytes = 3 * 1024 * 1024;
        (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        byte[] sent = RandomBytes(frameBytes, 6);
        BufferHandle frame = default;
        int filled = 0;
        rig.On(core =>
        {
            Assert.True(core.Buffers.TryRent(frameBytes, out frame));
            ours.Into = count =>
            {
                Assert.True(count >= 1);
                filled += count;
                if (filled < frameBytes)
                {
                    core.Io.ReceiveInto(ours.Handle, frame, filled, frameBytes - filled);
                }
            };
            core.Io.ReceiveInto(ours.Handle, frame, 0, frameBytes);
        });
        Task sending = Task.Run(() => peer.Send(sent));
        rig.Until(_ => filled == frameBytes, "the frame");
        sending.Wait();
        Assert.Equal(sent, rig.On(core => core.Buffers.Span(frame)[..frameBytes].ToArray()));
        int end = -1;
        rig.On(core =>
        {
            ours.Into = count => end = count;
            core.Io.ReceiveInto(ours.Handle, frame, 0, 10);
        });
        peer.Shutdown(SocketShutdown.Both);
        rig.Until(_ => end == 0, "end of stream");
        CloseAndWait(rig, ours);
        rig.On(core => core.Buffers.Release(ref frame));
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void The_end_of_the_stream_comes_after_the_bytes_sent_before_it(IoMode mode)
    {
        using Rig rig = new(mode);
        for (int i = 0; i < 50; i++)
        {
            (TestConnection ours, Socket peer) = rig.Connect();
            peer.Send(RandomBytes(20_000, i));
            peer.Dispose();
            rig.Until(_ => ours.EndOfStream, "end of stream");
            Assert.Equal(20_000, rig.On(_ => ours.Received.Length));
            CloseAndWait(rig, ours);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void The_place_of_one_that_closed_with_its_next_receive_queued_serves_another(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection first, Socket firstPeer) = rig.Connect(c => c.KeepReceiving = false);
        // More than one receive takes, so that the second is known to have bytes and is queued at once.
        firstPeer.Send(RandomBytes(40_000, 7));
        rig.On(core => core.Io.Receive(first.Handle));
        rig.Until(_ => first.ReceivedCalls == 1, "the first receive");
        rig.On(core =>
        {
            core.Io.Receive(first.Handle);
            first.Close();
        });
        rig.Until(_ => first.ClosedCalls == 1, "closed");
        (TestConnection second, Socket secondPeer) = rig.Connect();
        secondPeer.Send(RandomBytes(10, 8));
        rig.Until(_ => second.Received.Length == 10, "the bytes of the second connection");
        CloseAndWait(rig, second);
        firstPeer.Dispose();
        secondPeer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Closing_while_a_receive_waits_reports_closed_and_nothing_else(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        CloseAndWait(rig, ours);
        Assert.Equal((0, (Errno?)null), rig.On(_ => (ours.ReceivedCalls, ours.Failure)));
        Assert.Equal(0, peer.Receive(new byte[1]));
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_buffer_given_to_a_receive_may_be_released_once_closed_is_reported(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        BufferHandle frame = default;
        rig.On(core =>
        {
            Assert.True(core.Buffers.TryRent(1 << 20, out frame));
            ours.Into = _ => Assert.Fail("received after close");
            core.Io.ReceiveInto(ours.Handle, frame, 0, 1 << 20);
        });
        rig.On(_ =>
        {
            ours.Close();
            // The peer's bytes may be on their way at this moment; the buffer is still the kernel's.
            peer.Send(RandomBytes(100_000, 7));
            Assert.Equal(0, ours.ClosedCalls);
        });
        rig.Until(_ => ours.ClosedCalls == 1, "closed");
        rig.On(core => core.Buffers.Release(ref frame));
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Closing_while_bytes_arrive_leaks_no_buffer(IoMode mode)
    {
        using Rig rig = new(mode);
        byte[] bytes = RandomBytes(5000, 8);
        for (int i = 0; i < 100; i++)
        {
            (TestConnection ours, Socket peer) = rig.Connect();
            peer.Send(bytes);
            rig.On(_ => ours.Close());
            rig.Until(_ => ours.ClosedCalls == 1, "closed");
            peer.Dispose();
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_reset_of_the_peer_is_a_failure(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        peer.LingerState = new LingerOption(true, 0);
        peer.Dispose();
        rig.Until(_ => ours.Failure is not null, "failure");
        Assert.Equal(Errno.ECONNRESET, rig.On(_ => ours.Failure));
        long sent = rig.On(_ => ours.Send(new byte[10]));
        Assert.True(sent is -(long)Errno.EPIPE or -(long)Errno.ECONNRESET, $"{sent}");
        CloseAndWait(rig, ours);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_full_socket_says_so_and_becomes_writable_when_the_peer_reads(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        byte[] chunk = RandomBytes(64 * 1024, 9);
        long total = 32L * 1024 * 1024;
        long accepted = 0;
        int refusals = 0;
        rig.On(_ =>
        {
            ours.Writable = Pump;
            Pump();
        });
        rig.Until(_ => refusals > 0, "a refusal");
        int writableBefore = rig.On(_ => ours.WritableCalls);
        rig.LetPass(50);
        Assert.Equal(writableBefore, rig.On(_ => ours.WritableCalls));
        long received = 0;
        byte[] into = new byte[256 * 1024];
        while (received < total)
        {
            int count = peer.Receive(into);
            for (int i = 0; i < count; i += 997)
            {
                Assert.Equal(chunk[(received + i) % chunk.Length], into[i]);
            }
            received += count;
        }
        Assert.Equal(total, rig.On(_ => accepted));
        CloseAndWait(rig, ours);
        peer.Dispose();

        void Pump()
        {
            while (accepted < total)
            {
                int at = (int)(accepted % chunk.Length);
                long sent = ours.Send(chunk.AsSpan(at));
                if (sent == -(long)Errno.EAGAIN)
                {
                    refusals++;
                    ours.Core.Io.ArmWritable(ours.Handle);
                    return;
                }
                Assert.True(sent > 0, $"send: {sent}");
                accepted += sent;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Closing_while_waiting_for_room_reports_closed(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        rig.On(core =>
        {
            byte[] chunk = new byte[1 << 20];
            while (ours.Send(chunk) > 0) { }
            core.Io.ArmWritable(ours.Handle);
        });
        CloseAndWait(rig, ours);
        Assert.Equal(0, rig.On(_ => ours.WritableCalls));
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Armed_on_a_socket_with_room_it_is_writable_at_once(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        rig.On(core =>
        {
            ours.InsideCall = true;
            core.Io.ArmWritable(ours.Handle);
            ours.InsideCall = false;
            Assert.Equal(0, ours.WritableCalls);
        });
        rig.Until(_ => ours.WritableCalls == 1, "writable");
        CloseAndWait(rig, ours);
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_file_goes_out_from_the_page_cache(IoMode mode)
    {
        using Rig rig = new(mode);
        string path = Path.Join(Path.GetTempPath(), $"reactor-{Guid.NewGuid():N}");
        byte[] content = RandomBytes(200_000, 10);
        File.WriteAllBytes(path, content);
        (TestConnection ours, Socket peer) = rig.Connect();
        Assert.Equal(Errno.None, rig.Core.Disk.Open(path, DiskOpen.ReadOnly, out Fd file));
        long at = 1000;
        rig.On(_ =>
        {
            ours.Writable = Pump;
            Pump();
        });
        byte[] received = new byte[content.Length - 1000];
        ReceiveAll(peer, received);
        Assert.Equal(content[1000..], received);
        Assert.Equal(0, rig.On(core => core.Io.TrySendFile(ours.Handle, file, content.Length, 10, more: false)));
        CloseAndWait(rig, ours);
        rig.Core.Disk.Close(file);
        peer.Dispose();
        File.Delete(path);

        void Pump()
        {
            while (at < content.Length)
            {
                long sent = ours.Core.Io.TrySendFile(ours.Handle, file, at, content.Length - at, more: false);
                if (sent == -(long)Errno.EAGAIN)
                {
                    ours.Core.Io.ArmWritable(ours.Handle);
                    return;
                }
                Assert.True(sent > 0, $"sendfile: {sent}");
                at += sent;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_file_sent_to_a_peer_that_is_gone_is_an_error_and_not_the_end_of_the_process(IoMode mode)
    {
        using Rig rig = new(mode);
        string path = Path.Join(Path.GetTempPath(), $"reactor-{Guid.NewGuid():N}");
        File.WriteAllBytes(path, new byte[10_000]);
        Assert.Equal(Errno.None, rig.Core.Disk.Open(path, DiskOpen.ReadOnly, out Fd file));
        (TestConnection ours, Socket peer) = rig.Connect();
        peer.LingerState = new LingerOption(true, 0);
        peer.Dispose();
        rig.Until(_ => ours.Failure is not null, "failure");
        long sent = rig.On(core => core.Io.TrySendFile(ours.Handle, file, 0, 10_000, more: false));
        Assert.True(sent is -(long)Errno.EPIPE or -(long)Errno.ECONNRESET, $"{sent}");
        CloseAndWait(rig, ours);
        rig.Core.Disk.Close(file);
        File.Delete(path);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Addresses_are_those_of_the_sockets(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        Assert.Equal((IPEndPoint)peer.LocalEndPoint!, rig.On(core => core.Io.RemoteEndPoint(ours.Handle)));
        Assert.Equal((IPEndPoint)peer.RemoteEndPoint!, rig.On(core => core.Io.LocalEndPoint(ours.Handle)));
        CloseAndWait(rig, ours);
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void More_busy_connections_than_provided_buffers_all_get_their_bytes(IoMode mode)
    {
        using Rig rig = new(mode);
        List<(TestConnection Ours, Socket Peer)> pairs = [.. Enumerable.Range(0, 120).Select(_ => rig.Connect())];
        byte[] bytes = RandomBytes(40_000, 11);
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
            CloseAndWait(rig, ours);
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
        byte[] message = RandomBytes(2000, 13);
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
                ReceiveAll(peer, answer);
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
        byte[] bytes = RandomBytes(700_000, 12);
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
        CloseAndWait(rig, ours);
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

    private static void CloseAndWait(Rig rig, TestConnection ours)
    {
        rig.On(_ => ours.Close());
        rig.Until(_ => ours.ClosedCalls == 1, "closed");
    }

    private static void ReceiveAll(Socket socket, byte[] into)
    {
        for (int at = 0; at < into.Length; )
        {
            int count = socket.Receive(into.AsSpan(at));
            Assert.True(count > 0);
            at += count;
        }
    }

    private static byte[] RandomBytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
