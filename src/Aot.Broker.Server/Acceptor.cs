using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Connections;

namespace Aot.Broker.Server;

/// <summary>
/// Hands the connections of one listener to the cores in turn. Runs on core 0, which owns the listening sockets.
/// </summary>
internal sealed class Acceptor(Core core, BrokerServer server, int listener) : IAcceptTarget
{
    private int _next;

    public void OnAccepted(Fd socket)
    {
        if (!server.Census.TryAdmit())
        {
            server.Log.Warn(
                "closed: max.connections are open",
                ("listener", server.Listeners[listener].Options.Name),
                ("connections", server.Census.Count)
            );
            core.Io.Close(core.Io.Attach(socket, DroppedConnection.Instance));
            return;
        }
        CoreIndex target = new(_next);
        _next = (_next + 1) % core.CoreCount;
        ServerCore part = server.PartOf(target);
        Mail mail = ServerCore.AcceptedMail(part, socket, listener);
        if (target == core.Index)
        {
            part.Receive(core, mail);
            return;
        }
        core.Post(target, mail);
    }

    public void OnAcceptFailed(Errno errno) =>
        server.Log.Error("accepting connections fails; trying again", ("error", errno));

    /// <summary>A socket that is closed at once.</summary>
    private sealed class DroppedConnection : IConnectionEvents
    {
        public static DroppedConnection Instance { get; } = new();

        public void OnReceived(BufferHandle buffer, int length) => Invariant.That(buffer.IsNone);

        public void OnReceivedInto(int length) { }

        public void OnFailed(Errno errno) { }

        public void OnWritable() { }

        public void OnClosed() { }
    }
}
