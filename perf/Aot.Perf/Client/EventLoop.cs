using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Perf.Client;

/// <summary>One thread's connections and its wait for them, by epoll.</summary>
internal sealed class EventLoop : IDisposable
{
    /// <summary>A wait shorter than this is not worth a sleep: waking up takes some 4 us, twice.</summary>
    private const long SleepNanosecondsMin = 20_000;

    private readonly Fd _epoll = Readiness.CreateEpoll().OrThrow("epoll_create1");
    private readonly epoll_event[] _events = new epoll_event[512];
    private readonly Dictionary<int, Connection> _connections = [];

    /// <summary>The loop looks again and again instead of sleeping.</summary>
    public bool Spins { get; init; }

    public static long Now => Clocks.MonotonicNanoseconds();

    public void Add(Connection connection)
    {
        int fd = connection.Socket.Value;
        _connections.Add(fd, connection);
        Readiness.EpollAdd(_epoll, connection.Socket, EpollEvents.EPOLLIN, (ulong)fd).OrThrow("epoll_ctl");
    }

    public void Remove(Connection connection)
    {
        _connections.Remove(connection.Socket.Value);
        Readiness.EpollRemove(_epoll, connection.Socket);
    }

    public void Watch(Connection connection, bool forWriting)
    {
        EpollEvents events = EpollEvents.EPOLLIN | (forWriting ? EpollEvents.EPOLLOUT : EpollEvents.None);
        Readiness.EpollModify(_epoll, connection.Socket, events, (ulong)connection.Socket.Value).OrThrow("epoll_ctl");
    }

    /// <summary>Waits until something happens or the time has come, and lets the connections act.</summary>
    public void Turn(long untilNanoseconds)
    {
        long wait = Math.Max(0, untilNanoseconds - Now);
        if (Spins || wait < SleepNanosecondsMin)
        {
            wait = 0;
        }
        int count = Readiness.EpollWait(_epoll, _events, wait).OrThrow("epoll_wait");
        for (int i = 0; i < count; i++)
        {
            // An earlier event of this turn may have closed it.
            if (!_connections.TryGetValue((int)_events[i].data, out Connection? connection))
            {
                continue;
            }
            if ((_events[i].events & EpollEvents.EPOLLOUT) != 0)
            {
                connection.OnWritable();
            }
            if (connection.IsOpen && (_events[i].events & ~EpollEvents.EPOLLOUT) != 0)
            {
                connection.OnReadable();
            }
        }
    }

    public void Dispose()
    {
        foreach (Connection connection in _connections.Values.ToArray())
        {
            connection.Dispose();
        }
        Files.Close(_epoll);
    }
}
