using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;

namespace Aot.Broker.Reactor.Tests;

/// <summary>One behaviour on both backends: sending from memory and from files, and waiting for room.</summary>
public sealed class SendIoTests
{
    public static IEnumerable<object[]> Backends() => Rig.Backends();

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_full_socket_says_so_and_becomes_writable_when_the_peer_reads(IoMode mode)
    {
        using Rig rig = new(mode);
        (TestConnection ours, Socket peer) = rig.Connect();
        byte[] chunk = TestBytes.Random(64 * 1024, 9);
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
        rig.Close(ours);
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
        rig.Close(ours);
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
        rig.Close(ours);
        peer.Dispose();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_file_goes_out_from_the_page_cache(IoMode mode)
    {
        using Rig rig = new(mode);
        string path = Path.Join(Path.GetTempPath(), $"reactor-{Guid.NewGuid():N}");
        byte[] content = TestBytes.Random(200_000, 10);
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
        TestBytes.Receive(peer, received);
        Assert.Equal(content[1000..], received);
        Assert.Equal(0, rig.On(core => core.Io.TrySendFile(ours.Handle, file, content.Length, 10, more: false)));
        rig.Close(ours);
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
        rig.Close(ours);
        rig.Core.Disk.Close(file);
        File.Delete(path);
    }
}
