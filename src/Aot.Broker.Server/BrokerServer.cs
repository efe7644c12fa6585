using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server;

/// <summary>A listener with its socket: where it is configured to be, and where it is.</summary>
public sealed record BoundListener(ListenerOptions Options, Fd Socket, IPEndPoint EndPoint);

/// <summary>The rooms below that the server's handlers call.</summary>
public sealed record ServerParts
{
    public required ServerOptions Options { get; init; }

    public required IReadOnlyList<BoundListener> Listeners { get; init; }

    public required Controller Controller { get; init; }

    /// <summary>What the process was started with, below dynamic settings.</summary>
    public required ConfigValues StartedWith { get; init; }

    public required LogDirectories Directories { get; init; }

    /// <summary>Null: the group APIs are not served.</summary>
    public GroupCoordinator? Groups { get; init; }

    /// <summary>Hears of dynamic settings, when the node has it among its listeners; null: as the options say, for good.</summary>
    public ConnectionLimits? ConnectionLimits { get; init; }

    /// <summary>Null: the transaction APIs are not served, and transactional records are not verified.</summary>
    public TransactionCoordinator? Transactions { get; init; }

    /// <summary>Null: the state of share groups is not served.</summary>
    public ShareStateCoordinator? ShareStates { get; init; }

    /// <summary>How this process reaches that state; null without it.</summary>
    public SharePersister? SharePersister { get; init; }

    public Logger? Log { get; init; }
}

/// <summary>
/// The server of the process: sockets on core 0, a <see cref="ServerCore"/> on every core. Sockets are bound first, so that the
/// broker registers with the ports that it really has; connections that come before <see cref="StartAsync"/> wait in the
/// kernel's backlog.
/// </summary>
public sealed class BrokerServer
{
    private readonly ServerParts _parts;
    private readonly ServerCore[] _cores;
    private Acceptor[] _acceptors = [];
    private bool _isStopping;

    private BrokerServer(int coreCount, ServerParts parts)
    {
        _parts = parts;
        _cores = new ServerCore[coreCount];
        Log = parts.Log ?? Base.Log.For("server");
        InternalTopics = new InternalTopics(parts.StartedWith);
        Census = new ConnectionCensus(this, parts.ConnectionLimits ?? new ConnectionLimits(parts.Options));
    }

    public ServerOptions Options => _parts.Options;

    public IReadOnlyList<BoundListener> Listeners => _parts.Listeners;

    public Controller Controller => _parts.Controller;

    public ConfigValues StartedWith => _parts.StartedWith;

    public LogDirectories Directories => _parts.Directories;

    public GroupCoordinator? Groups => _parts.Groups;

    public TransactionCoordinator? Transactions => _parts.Transactions;

    public ShareStateCoordinator? ShareStates => _parts.ShareStates;

    public SharePersister? SharePersister => _parts.SharePersister;

    public Logger Log { get; }

    internal InternalTopics InternalTopics { get; }

    internal ConnectionCensus Census { get; }

    /// <summary>Binds every listener, on core 0. With an error nothing stays bound, and the listener at fault is named.</summary>
    public static (Errno Error, ListenerOptions? AtFault, List<BoundListener> Bound) Bind(
        Core core,
        ServerOptions options
    )
    {
        List<BoundListener> bound = [];
        foreach (ListenerOptions listener in options.Listeners)
        {
            Errno error = core.Io.Listen(listener.Bind, options.ListenBacklog, out Fd socket, out IPEndPoint endPoint);
            if (error != Errno.None)
            {
                bound.ForEach(one => core.Io.StopAccept(one.Socket));
                return (error, listener, []);
            }
            bound.Add(new BoundListener(listener, socket, endPoint));
        }
        return (Errno.None, null, bound);
    }

    /// <summary>Gives every core its part of the server and begins to accept. Called on core 0, when the image is there.</summary>
    public static async Task<BrokerServer> StartAsync(Core core, ServerParts parts)
    {
        Invariant.That(core.Index.Value == 0);
        BrokerServer server = new(core.CoreCount, parts);
        await core.RunOnAllAsync(each =>
        {
            each.Set(new ProducerIds(each, parts.Controller));
            ServerCore part = new(each, server);
            each.Set(part);
            server._cores[each.Index.Value] = part;
            return ValueTask.CompletedTask;
        });
        server._acceptors = new Acceptor[parts.Listeners.Count];
        for (int i = 0; i < server._acceptors.Length; i++)
        {
            server._acceptors[i] = new Acceptor(core, server, i);
            core.Io.Accept(parts.Listeners[i].Socket, server._acceptors[i]);
        }
        return server;
    }

    /// <summary>
    /// Stops accepting, answers what is in flight, and closes the connections, those that do not finish in time too. Called
    /// on core 0.
    /// </summary>
    public async Task StopAsync(Core core, long graceMillis)
    {
        if (_isStopping)
        {
            return;
        }
        _isStopping = true;
        foreach (BoundListener listener in _parts.Listeners)
        {
            core.Io.StopAccept(listener.Socket);
        }
        Task drained = core.RunOnAllAsync(async each => await _cores[each.Index.Value].DrainAsync());
        if (!await CoreTasks.EndsWithinAsync(core, drained, graceMillis))
        {
            await core.RunOnAllAsync(each =>
            {
                _cores[each.Index.Value].CloseAll();
                return ValueTask.CompletedTask;
            });
        }
    }

    /// <summary>The names of the APIs that a core serves, in the order of <see cref="CopyRequests"/>.</summary>
    public IReadOnlyList<string> ApiNames(CoreIndex core) =>
        [.. _cores[core.Value].Handlers.All.Select(handler => handler.Name)];

    /// <summary>The requests that a core has started, by API. On the core's thread the numbers belong together.</summary>
    public void CopyRequests(CoreIndex core, Span<long> counts)
    {
        IReadOnlyList<RequestHandler> handlers = _cores[core.Value].Handlers.All;
        for (int i = 0; i < handlers.Count; i++)
        {
            counts[i] = handlers[i].Requests;
        }
    }

    internal ServerCore PartOf(CoreIndex core) => _cores[core.Value];
}
