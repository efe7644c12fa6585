using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>The loopback of a world: who listens where, and connections made to it.</summary>
internal sealed class SimulatedNetwork(World world)
{
    private const int FirstFreePort = 40_000;

    private readonly SortedDictionary<int, (SimulatedProcess Process, Listener Listener)> _listeners = [];
    private readonly List<(SimulatedProcess Process, Connected Connection)> _connections = [];
    private int _nextPort = FirstFreePort;
    private long _connectionNumber;

    public Listener? Listen(SimulatedProcess process, IPEndPoint endpoint, int backlog)
    {
        int port = endpoint.Port == 0 ? _nextPort++ : endpoint.Port;
        if (_listeners.ContainsKey(port))
        {
            return null;
        }
        Listener listener = new(new IPEndPoint(endpoint.Address, port), backlog, () => _listeners.Remove(port));
        _listeners.Add(port, (process, listener));
        world.Note("listen", port);
        return listener;
    }

    /// <summary>Null = connection refused.</summary>
    public async Task<ClientSocket?> ConnectAsync(int port)
    {
        await world.DelayAsync(world.Random.Between(10_000L, 1_000_000));
        if (!_listeners.TryGetValue(port, out (SimulatedProcess Process, Listener Listener) at) || at.Listener.IsFull)
        {
            world.Note("refused", port);
            return null;
        }
        long delay = world.Random.Pick<long>([30_000, 300_000, 3_000_000]);
        int serverBuffer = world.Random.Pick<int>([700, 5_000, 40_000, 300_000]);
        int clientBuffer = world.Random.Pick<int>([700, 5_000, 40_000, 300_000]);
        Connected connection = new(
            new ByteStream(world, serverBuffer, delay),
            new ByteStream(world, clientBuffer, delay),
            ++_connectionNumber,
            at.Listener.EndPoint,
            new IPEndPoint(IPAddress.Loopback, 50_000 + (int)(_connectionNumber % 10_000))
        );
        _connections.Add((at.Process, connection));
        world.Note("connect", connection.Number, serverBuffer);
        at.Listener.Arrive(new ServerSocket(world, connection));
        return new ClientSocket(world, connection);
    }

    /// <summary>Connections of a process that is gone break, each when its client next hears of it.</summary>
    public void OnProcessEnded(SimulatedProcess process)
    {
        foreach ((SimulatedProcess of, Connected connection) in _connections)
        {
            if (of == process)
            {
                connection.BreakLater(world, world.Random.Between(10_000L, 50_000_000));
            }
        }
        _connections.RemoveAll(one => one.Process == process);
    }

    /// <summary>One of the connections that are open breaks. False: there is none.</summary>
    public bool BreakOne()
    {
        _connections.RemoveAll(one => one.Connection.IsBroken);
        if (_connections.Count == 0)
        {
            return false;
        }
        Connected connection = _connections[world.Random.Below(_connections.Count)].Connection;
        world.Note("reset", connection.Number);
        connection.Break();
        return true;
    }
}

/// <summary>Both directions of a connection, and whether it was reset.</summary>
internal sealed class Connected(
    ByteStream toServer,
    ByteStream toClient,
    long number,
    IPEndPoint server,
    IPEndPoint client
)
{
    public ByteStream ToServer { get; } = toServer;

    public ByteStream ToClient { get; } = toClient;

    public long Number { get; } = number;

    public IPEndPoint Server { get; } = server;

    public IPEndPoint Client { get; } = client;

    public bool IsBroken { get; private set; }

    public void BreakLater(World world, long nanos) => world.Schedule(nanos, "reset arrives", Break);

    /// <summary>Reset: both ends hear it at once, and what was under way is lost.</summary>
    public void Break()
    {
        if (!IsBroken)
        {
            IsBroken = true;
            ToServer.OnArrived?.Invoke();
            ToClient.OnArrived?.Invoke();
        }
    }
}

/// <summary>A listening socket of a process.</summary>
internal sealed class Listener(IPEndPoint endPoint, int backlog, Action remove) : IDescriptor
{
    private readonly Queue<ServerSocket> _waiting = new();
    private Action? _arrived;
    private bool _isClosed;

    public IPEndPoint EndPoint { get; } = endPoint;

    public IAcceptTarget? Target { get; private set; }

    public bool IsFull => _waiting.Count >= backlog;

    public void Accept(IAcceptTarget target, Action arrived)
    {
        Target = target;
        _arrived = arrived;
        if (_waiting.Count > 0)
        {
            arrived();
        }
    }

    public void Arrive(ServerSocket socket)
    {
        _waiting.Enqueue(socket);
        _arrived?.Invoke();
    }

    public ServerSocket? Take() => !_isClosed && _waiting.TryDequeue(out ServerSocket? socket) ? socket : null;

    public void OnClosed()
    {
        _isClosed = true;
        remove();
        while (_waiting.TryDequeue(out ServerSocket? socket))
        {
            socket.OnClosed();
        }
    }
}

/// <summary>The broker's end of a connection.</summary>
internal sealed class ServerSocket : IDescriptor
{
    private readonly World _world;
    private readonly Connected _connection;

    public ServerSocket(World world, Connected connection)
    {
        _world = world;
        _connection = connection;
        connection.ToServer.OnArrived = () => OnChanged?.Invoke();
        connection.ToClient.OnRoom = () => OnChanged?.Invoke();
    }

    public Action? OnChanged { get; set; }

    public long Number => _connection.Number;

    public IPEndPoint Local => _connection.Server;

    public IPEndPoint Remote => _connection.Client;

    public int Space => _connection.ToClient.Space;

    public bool IsBroken => _connection.IsBroken;

    public bool IsAtEnd => _connection.ToServer.IsAtEnd;

    public bool IsReadable => IsBroken || IsAtEnd || _connection.ToServer.Arrived > 0;

    public int Receive(Span<byte> target) => _connection.ToServer.Receive(target);

    /// <summary>As send(2): the bytes taken, or -errno.</summary>
    public long Send(ReadOnlySpan<byte> bytes)
    {
        if (IsBroken)
        {
            return -(long)Errno.ECONNRESET;
        }
        if (Space <= 0)
        {
            return -(long)Errno.EAGAIN;
        }
        int sent = _connection.ToClient.Send(bytes);
        _world.Note("send", Number, Trace.HashOf(bytes[..sent]));
        return sent;
    }

    /// <summary>close(2): what was sent still arrives, unless the client's bytes were not all read, which is a reset.</summary>
    public void OnClosed()
    {
        OnChanged = null;
        if (_connection.ToServer.Arrived > 0)
        {
            _connection.BreakLater(_world, _world.Random.Between(1_000L, 1_000_000));
        }
        _connection.ToClient.End();
    }
}
