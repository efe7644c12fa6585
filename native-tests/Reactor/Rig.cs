using System.Net;
using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using SocketType = System.Net.Sockets.SocketType;

namespace Aot.Broker.Reactor.Tests;

/// <summary>
/// A running group of cores for a test. At its end it stops them and finds what leaked: buffers, descriptors,
/// connections, timers that a test did not expect.
/// </summary>
internal sealed class Rig : IDisposable
{
    private static readonly ManualResetEventSlim s_never = new(false);

    private readonly Dictionary<string, int> _descriptorsBefore = Descriptors();
    private readonly List<Exception> _unhandled = [];

    public Rig(
        IoMode mode,
        int cores = 1,
        BufferChecks checks = BufferChecks.PoisonAndGuard,
        long bufferBytes = 0,
        RingSizes? ringSizes = null
    )
    {
        Group = CoreGroup.Create(
            new CoreGroupOptions
            {
                Cores = cores,
                Io = mode,
                Pin = false,
                BufferChecks = checks,
                BufferBytesPerCore = bufferBytes,
                RingSizes = ringSizes ?? RingSizes.Default,
                OnUnhandled = (_, error) =>
                {
                    lock (_unhandled)
                    {
                        _unhandled.Add(error);
                    }
                },
            }
        );
        Group.Start();
    }

    public CoreGroup Group { get; }

    public Core Core => Group.Cores[0];

    public IReadOnlyList<Exception> Unhandled => _unhandled;

    /// <summary>The backends of this machine: a kernel or sandbox without io_uring has one.</summary>
    public static IEnumerable<object[]> Backends() =>
        UringSupport.Probe(out _)
            ?
            [
                [IoMode.Epoll],
                [IoMode.Uring],
            ]
            :
            [
                [IoMode.Epoll],
            ];

    public void On(Action<Core> work) => On(work, Core);

    public static void On(Action<Core> work, Core core) =>
        core.RunFromThreadAsync(c =>
            {
                work(c);
                return ValueTask.CompletedTask;
            })
            .Wait(TimeSpan.FromSeconds(30));

    public T On<T>(Func<Core, T> work) =>
        Core.RunFromThreadAsync(c => ValueTask.FromResult(work(c))).WaitAsync(TimeSpan.FromSeconds(30)).Result;

    /// <summary>Waits until a condition, looked at on the core, holds.</summary>
    public void Until(Func<Core, bool> condition, string what)
    {
        for (int i = 0; i < 3000; i++)
        {
            if (On(condition))
            {
                return;
            }
            s_never.Wait(5);
        }
        Assert.Fail($"did not come to be: {what}");
    }

    /// <summary>Closes a connection, and waits until that is reported.</summary>
    public void Close(TestConnection connection)
    {
        On(_ => connection.Close());
        Until(_ => connection.ClosedCalls == 1, "closed");
    }

    /// <summary>Lets the core's own loop count the time: what could have happened meanwhile has.</summary>
    public void LetPass(int milliseconds) =>
        Core.RunFromThreadAsync(c => new ValueTask(c.DelayAsync(milliseconds))).Wait(TimeSpan.FromSeconds(30));

    /// <summary>Lets time go by without touching any core: the only way to see that an idle one does nothing.</summary>
    public static void LeaveAlone(int milliseconds) => s_never.Wait(milliseconds);

    /// <summary>A connected pair: our end is attached on core 0, the peer is an ordinary socket of the test.</summary>
    public (TestConnection Ours, Socket Peer) Connect(Action<TestConnection>? setup = null)
    {
        TaskCompletionSource<TestConnection> accepted = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Fd listener = default;
        IPEndPoint? bound = null;
        On(core =>
        {
            Assert.Equal(
                Errno.None,
                core.Io.Listen(new IPEndPoint(IPAddress.Loopback, 0), 16, out listener, out bound)
            );
            core.Io.Accept(
                listener,
                new AcceptWith(fd =>
                {
                    TestConnection connection = new(core);
                    setup?.Invoke(connection);
                    connection.Attach(fd);
                    accepted.SetResult(connection);
                })
            );
        });
        Socket peer = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        peer.ReceiveTimeout = peer.SendTimeout = 20_000;
        peer.Connect(bound!);
        TestConnection ours = accepted.Task.WaitAsync(TimeSpan.FromSeconds(20)).Result;
        On(core => core.Io.StopAccept(listener));
        return (ours, peer);
    }

    public void Dispose()
    {
        Group.StopAsync().Wait(TimeSpan.FromSeconds(30));
        Group.Dispose();
        foreach (Core core in Group.Cores)
        {
            core.Buffers.AssertNothingLeaked();
            Assert.Equal(0, core.Io.Connections);
        }
        Assert.Empty(_unhandled);
        Assert.Equal(_descriptorsBefore, Descriptors());
    }

    public void ForgetUnhandled() => _unhandled.Clear();

    /// <summary>Open descriptors by kind, for the kinds that a core opens.</summary>
    private static Dictionary<string, int> Descriptors()
    {
        Dictionary<string, int> counts = [];
        foreach (string path in Directory.GetFiles("/proc/self/fd"))
        {
            string? link = null;
            try
            {
                link = new FileInfo(path).LinkTarget;
            }
            catch (IOException) { }
            string kind = link switch
            {
                null => "",
                _ when link.StartsWith("socket:", StringComparison.Ordinal) => "socket",
                _ when link.StartsWith("anon_inode:", StringComparison.Ordinal) => link,
                _ => "",
            };
            if (kind.Length > 0)
            {
                counts[kind] = counts.GetValueOrDefault(kind) + 1;
            }
        }
        return counts;
    }

    internal sealed class AcceptWith(Action<Fd> accepted) : IAcceptTarget
    {
        public int Failures;

        public void OnAccepted(Fd socket) => accepted(socket);

        public void OnAcceptFailed(Errno errno) => Failures++;
    }
}

/// <summary>A connection that records what happens to it, and by default keeps receiving. Lives on its core.</summary>
internal sealed class TestConnection(Core core) : IConnectionEvents
{
    public readonly MemoryStream Received = new();
    public IoHandle Handle;
    public bool KeepReceiving = true;
    public bool Echo;
    public bool EndOfStream;
    public Errno? Failure;
    public int ReceivedCalls;
    public int WritableCalls;
    public int ClosedCalls;
    public Action? Writable;
    public Action<int>? Into;
    public bool InsideCall;

    public Core Core => core;

    public void Attach(Fd fd)
    {
        Handle = core.Io.Attach(fd, this);
        if (KeepReceiving)
        {
            core.Io.Receive(Handle);
        }
    }

    public void OnReceived(BufferHandle buffer, int length)
    {
        Assert.Same(core, Core.Current);
        Assert.False(InsideCall);
        ReceivedCalls++;
        if (length == 0)
        {
            Assert.True(buffer.IsNone);
            EndOfStream = true;
            return;
        }
        Received.Write(core.Buffers.Span(buffer)[..length]);
        if (Echo)
        {
            SendAll(core.Buffers.Span(buffer)[..length]);
        }
        core.Buffers.Release(ref buffer);
        if (KeepReceiving)
        {
            core.Io.Receive(Handle);
        }
    }

    public void OnReceivedInto(int length)
    {
        Assert.False(InsideCall);
        Into!(length);
    }

    public void OnFailed(Errno errno) => Failure = errno;

    public void OnWritable()
    {
        Assert.False(InsideCall);
        WritableCalls++;
        Writable?.Invoke();
    }

    public void OnClosed()
    {
        Assert.False(InsideCall);
        ClosedCalls++;
    }

    public void Close()
    {
        InsideCall = true;
        core.Io.Close(Handle);
        InsideCall = false;
    }

    public unsafe long Send(ReadOnlySpan<byte> bytes)
    {
        // SAFETY: pinned until the call returns.
        fixed (byte* start = bytes)
        {
            IoPiece piece = new(start, bytes.Length);
            return core.Io.TrySend(Handle, new ReadOnlySpan<IoPiece>(ref piece), more: false);
        }
    }

    private void SendAll(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            long sent = Send(bytes);
            Assert.True(sent > 0, $"send: {sent}");
            bytes = bytes[(int)sent..];
        }
    }
}
