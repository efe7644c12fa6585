using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Aot.Broker.Bench.Rivals;
using Aot.Broker.Memory;

namespace Aot.Broker.Bench.Rig;

/// <summary>A message of two words.</summary>
internal readonly record struct Message(long Number, long Sender);

/// <summary>One form for all queues. Implemented by structs, so that calls are direct.</summary>
internal interface IMessageQueue
{
    bool TryEnqueue(in Message message);

    bool TryDequeue(out Message message);
}

internal readonly struct SpscQueue(int capacity) : IMessageQueue
{
    private readonly SpscRing<Message> _ring = new(capacity);

    public bool TryEnqueue(in Message message) => _ring.TryEnqueue(message);

    public bool TryDequeue(out Message message) => _ring.TryDequeue(out message);

    public int Drain(Span<Message> target) => _ring.Drain(target);
}

internal readonly struct MpscQueue(int capacity) : IMessageQueue
{
    private readonly MpscRing<Message> _ring = new(capacity);

    public bool TryEnqueue(in Message message) => _ring.TryEnqueue(message);

    public bool TryDequeue(out Message message) => _ring.TryDequeue(out message);
}

internal readonly struct UncachedQueue(int capacity) : IMessageQueue
{
    private readonly UncachedRing _ring = new(capacity);

    public bool TryEnqueue(in Message message) => _ring.TryEnqueue(message);

    public bool TryDequeue(out Message message) => _ring.TryDequeue(out message);
}

internal readonly struct PlainQueue(int capacity) : IMessageQueue
{
    private readonly PlainRing _ring = new(capacity);

    public bool TryEnqueue(in Message message) => _ring.TryEnqueue(message);

    public bool TryDequeue(out Message message) => _ring.TryDequeue(out message);
}

/// <summary>Never full: what it holds is bounded only by how much a run sends.</summary>
internal readonly struct RuntimeQueue() : IMessageQueue
{
    private readonly ConcurrentQueue<Message> _queue = new();

    public bool TryEnqueue(in Message message)
    {
        _queue.Enqueue(message);
        return true;
    }

    public bool TryDequeue(out Message message) => _queue.TryDequeue(out message);
}

internal readonly struct LockedQueue(int capacity) : IMessageQueue
{
    private readonly Lock _lock = new();
    private readonly Queue<Message> _queue = new(capacity);

    public bool TryEnqueue(in Message message)
    {
        lock (_lock)
        {
            if (_queue.Count == capacity)
            {
                return false;
            }
            _queue.Enqueue(message);
            return true;
        }
    }

    public bool TryDequeue(out Message message)
    {
        lock (_lock)
        {
            return _queue.TryDequeue(out message);
        }
    }
}

/// <summary>
/// Messages from other threads to the benchmark's own through one queue. The result is the sum of all numbers, so a lost
/// or doubled message is seen.
/// </summary>
internal sealed class Transfer<TQueue> : IDisposable
    where TQueue : struct, IMessageQueue
{
    private readonly TQueue _queue;
    private readonly int _messages;
    private readonly Partner[] _producers;

    public Transfer(TQueue queue, int producers, int messages)
    {
        _queue = queue;
        _messages = messages;
        _producers = new Partner[producers];
        for (int i = 0; i < producers; i++)
        {
            int sender = i;
            _producers[i] = new Partner(() => Send(sender, messages / producers));
        }
    }

    /// <summary>Of all producers in the last run.</summary>
    public long ProducersAllocatedBytes => _producers.Sum(one => one.AllocatedBytes);

    public static long SumOf(int messages, int producers)
    {
        long each = messages / producers;
        return producers * (each * (each + 1) / 2);
    }

    public long Run()
    {
        foreach (Partner producer in _producers)
        {
            producer.Begin();
        }
        long sum = Receive();
        foreach (Partner producer in _producers)
        {
            producer.End();
        }
        return sum;
    }

    public void Dispose()
    {
        foreach (Partner producer in _producers)
        {
            producer.Dispose();
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void Send(int sender, int count)
    {
        TQueue queue = _queue;
        Backoff backoff = default;
        for (int i = 1; i <= count; i++)
        {
            Message message = new(i, sender);
            while (!queue.TryEnqueue(message))
            {
                backoff.Wait();
            }
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private long Receive()
    {
        TQueue queue = _queue;
        Backoff backoff = default;
        long sum = 0;
        for (int left = _messages / _producers.Length * _producers.Length; left > 0; left--)
        {
            Message message;
            while (!queue.TryDequeue(out message))
            {
                backoff.Wait();
            }
            sum += message.Number;
        }
        return sum;
    }
}
