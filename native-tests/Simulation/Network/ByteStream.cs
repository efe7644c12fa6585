namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// One direction of a connection: bytes arrive in order, in fragments and after delays of the seed's choice. What is
/// under way and what the receiver has not taken yet are bounded together, so that a sender runs into a full socket.
/// </summary>
internal sealed class ByteStream(World world, int capacityBytes, long delayNanosMax)
{
    private readonly Queue<byte[]> _arrived = new();
    private int _headTaken;
    private int _arrivedBytes;
    private int _underWayBytes;
    private long _lastArrival;
    private bool _isEnded;

    /// <summary>Something arrived, the end included.</summary>
    public Action? OnArrived { get; set; }

    /// <summary>There is room for the sender again.</summary>
    public Action? OnRoom { get; set; }

    public int Space => capacityBytes - _arrivedBytes - _underWayBytes;

    public int Arrived => _arrivedBytes;

    /// <summary>The sender has finished, and all that it sent has been taken.</summary>
    public bool IsAtEnd { get; private set; }

    public bool HasEndArrived { get; private set; }

    /// <summary>Takes some of the bytes, all of them more often than not; 0 = no room.</summary>
    public int Send(ReadOnlySpan<byte> bytes)
    {
        int count = Math.Min(bytes.Length, Space);
        if (count > 1 && world.Random.OneIn(4))
        {
            count = world.Random.Between(1, count);
        }
        for (int at = 0; at < count; )
        {
            int fragment = world.Random.OneIn(3) ? world.Random.Between(1, count - at) : count - at;
            Launch(bytes.Slice(at, fragment).ToArray());
            at += fragment;
        }
        return count;
    }

    /// <summary>No more bytes come after those that were sent.</summary>
    public void End()
    {
        if (!_isEnded)
        {
            _isEnded = true;
            Arrive(() =>
            {
                HasEndArrived = true;
                IsAtEnd = _arrivedBytes == 0;
            });
        }
    }

    /// <summary>Takes some of what has arrived.</summary>
    public int Receive(Span<byte> target)
    {
        int wanted = Math.Min(target.Length, _arrivedBytes);
        if (wanted > 1 && world.Random.OneIn(6))
        {
            wanted = world.Random.Between(1, wanted);
        }
        int taken = 0;
        while (taken < wanted)
        {
            byte[] head = _arrived.Peek();
            int count = Math.Min(wanted - taken, head.Length - _headTaken);
            head.AsSpan(_headTaken, count).CopyTo(target[taken..]);
            taken += count;
            _headTaken += count;
            if (_headTaken == head.Length)
            {
                _arrived.Dequeue();
                _headTaken = 0;
            }
        }
        _arrivedBytes -= taken;
        IsAtEnd = HasEndArrived && _arrivedBytes == 0;
        if (taken > 0)
        {
            world.Schedule(world.Random.Between(1_000L, delayNanosMax), "room", () => OnRoom?.Invoke());
        }
        return taken;
    }

    private void Launch(byte[] bytes)
    {
        _underWayBytes += bytes.Length;
        Arrive(() =>
        {
            _underWayBytes -= bytes.Length;
            _arrivedBytes += bytes.Length;
            _arrived.Enqueue(bytes);
        });
    }

    private void Arrive(Action effect)
    {
        _lastArrival = Math.Max(_lastArrival, world.NowNanos + world.Random.Between(1_000L, delayNanosMax));
        world.Schedule(
            _lastArrival - world.NowNanos,
            "arrive",
            () =>
            {
                effect();
                OnArrived?.Invoke();
            }
        );
    }
}
