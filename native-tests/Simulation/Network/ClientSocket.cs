namespace Aot.Broker.Simulation.Tests;

/// <summary>The connection of a client is gone; what was asked for may have happened or not.</summary>
internal sealed class ConnectionLost : Exception;

/// <summary>A client's end of a connection, for async code of the world.</summary>
internal sealed class ClientSocket
{
    private readonly World _world;
    private readonly Connected _connection;
    private TaskCompletionSource? _changed;

    public ClientSocket(World world, Connected connection)
    {
        _world = world;
        _connection = connection;
        connection.ToClient.OnArrived = Changed;
        connection.ToServer.OnRoom = RoomCame;
    }

    private TaskCompletionSource? _room;

    public bool IsBroken => _connection.IsBroken;

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (IsBroken)
            {
                throw new ConnectionLost();
            }
            int sent = _connection.ToServer.Send(bytes.Span);
            bytes = bytes[sent..];
            if (bytes.Length > 0 && _connection.ToServer.Space <= 0)
            {
                _room = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await _room.Task;
            }
        }
    }

    /// <summary>Fills the target; false = the stream ended before its first byte.</summary>
    public async Task<bool> ReceiveAsync(Memory<byte> target)
    {
        int done = 0;
        while (done < target.Length)
        {
            if (IsBroken || (_connection.ToClient.IsAtEnd && done > 0))
            {
                throw new ConnectionLost();
            }
            if (_connection.ToClient.IsAtEnd)
            {
                return false;
            }
            int count = _connection.ToClient.Receive(target.Span[done..]);
            done += count;
            if (count == 0)
            {
                _changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                await _changed.Task;
            }
        }
        return true;
    }

    /// <summary>An orderly close, or, one time in two, a reset.</summary>
    public void Close()
    {
        if (_world.Random.OneIn(2))
        {
            _connection.Break();
            return;
        }
        _connection.ToServer.End();
    }

    private void Changed()
    {
        _changed?.TrySetResult();
        // A reset ends the wait for room as well.
        if (IsBroken)
        {
            RoomCame();
        }
    }

    private void RoomCame() => _room?.TrySetResult();
}
