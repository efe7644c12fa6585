using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor.Tests;

/// <summary>One behaviour on both backends: receiving and closing.</summary>
public sealed class ConnectionIoTests
{
    public static IEnumerable<object[]> Backends() => Rig.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void Bytes_in_pieces_of_every_size_come_in_order(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        byte[] sent = TestBytes.Random(300_000, 1);
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
        rig.Close(ours);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Echoes_cross_the_loop_and_come_back(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect(c => c.Echo = true);
        byte[] message = TestBytes.Random(700, 3);
        byte[] answer = new byte[700];
        for (int i = 0; i < 300; i++)
        {
            message[0] = (byte)i;
            peer.Send(message);
            TestBytes.Receive(peer, answer);
            Assert.Equal(message, answer);
        }
        peer.Dispose();
        rig.Until(_ => ours.EndOfStream, "end of stream");
        rig.Close(ours);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Not_asking_for_more_is_back_pressure(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        rig.On(core => core.Io.Receive(ours.Handle));
        peer.Send(TestBytes.Random(100, 4));
        rig.Until(_ => ours.ReceivedCalls == 1, "the first receive");
        peer.Send(TestBytes.Random(100, 5));
        rig.LetPass(50);
        Assert.Equal((1, 100L), rig.On(_ => (ours.ReceivedCalls, ours.Received.Length)));
        rig.On(core => core.Io.Receive(ours.Handle));
        rig.Until(_ => ours.Received.Length == 200, "the second receive");
        rig.Close(ours);
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_large_frame_is_received_straight_into_its_buffer(IoMode mode)
    {
        using Rig rig = new(mode);
        const int frameBytes = 3 * 1024 * 1024;
        (TestConnection ours, Socket peer) = rig.Connect(c => c.KeepReceiving = false);
        byte[] sent = TestBytes.Random(frameBytes, 6);
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
        rig.Close(ours);
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
            peer.Send(TestBytes.Random(20_000, i));
            peer.Dispose();
            rig.Until(_ => ours.EndOfStream, "end of stream");
            Assert.Equal(20_000, rig.On(_ => ours.Received.Length));
            rig.Close(ours);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void The_place_of_one_that_closed_with_its_next_receive_queued_serves_another(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection first, Socket firstPeer) = rig.Connect(c => c.KeepReceiving = false);
        // More than one receive takes, so that the second is known to have bytes and is queued at once.
        firstPeer.Send(TestBytes.Random(40_000, 7));
        rig.On(core => core.Io.Receive(first.Handle));
        rig.Until(_ => first.ReceivedCalls == 1, "the first receive");
        rig.On(core =>
        {
            core.Io.Receive(first.Handle);
            first.Close();
        });
        rig.Until(_ => first.ClosedCalls == 1, "closed");
        (TestConnection second, Socket secondPeer) = rig.Connect();
        secondPeer.Send(TestBytes.Random(10, 8));
        rig.Until(_ => second.Received.Length == 10, "the bytes of the second connection");
        rig.Close(second);
        firstPeer.Dispose();
        secondPeer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Closing_while_a_receive_waits_reports_closed_and_nothing_else(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        rig.Close(ours);
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
            peer.Send(TestBytes.Random(100_000, 7));
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
        byte[] bytes = TestBytes.Random(5000, 8);
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
        rig.Close(ours);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Addresses_are_those_of_the_sockets(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        Assert.Equal((IPEndPoint)peer.LocalEndPoint!, rig.On(core => core.Io.RemoteEndPoint(ours.Handle)));
        Assert.Equal((IPEndPoint)peer.RemoteEndPoint!, rig.On(core => core.Io.LocalEndPoint(ours.Handle)));
        rig.Close(ours);
        peer.Dispose();
    }
}
