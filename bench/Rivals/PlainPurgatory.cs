using Aot.Broker.Reactor;

namespace Aot.Broker.Bench.Rivals;

/// <summary>A wait of <see cref="PlainPurgatory"/>. A new one per wait, because dead ones stay in lists for a while.</summary>
internal sealed class PlainWait(Func<bool> condition)
{
    public bool IsOver { get; set; }

    public bool Holds() => condition();
}

/// <summary>
/// What one would write first: lists of waits by key in a dictionary, a priority queue for the deadlines, one lock. A
/// wait that is over is dropped where it is next met: in a list at that key's next event, in the queue at its deadline.
/// </summary>
internal sealed class PlainPurgatory
{
    private readonly Lock _lock = new();
    private readonly Dictionary<WatchKey, List<PlainWait>> _byKey = [];
    private readonly PriorityQueue<PlainWait, long> _byDeadline = new();

    public long Completed { get; private set; }

    public long Expired { get; private set; }

    public void Watch(PlainWait wait, ReadOnlySpan<WatchKey> keys, long deadlineMillis)
    {
        if (wait.Holds())
        {
            Completed++;
            return;
        }
        lock (_lock)
        {
            foreach (WatchKey key in keys)
            {
                if (!_byKey.TryGetValue(key, out List<PlainWait>? waits))
                {
                    _byKey.Add(key, waits = []);
                }
                waits.Add(wait);
            }
            _byDeadline.Enqueue(wait, deadlineMillis);
        }
    }

    public int CheckAndComplete(WatchKey key)
    {
        int completed = 0;
        lock (_lock)
        {
            if (!_byKey.TryGetValue(key, out List<PlainWait>? waits))
            {
                return 0;
            }
            int kept = 0;
            for (int i = 0; i < waits.Count; i++)
            {
                PlainWait wait = waits[i];
                if (wait.IsOver)
                {
                    continue;
                }
                if (wait.Holds())
                {
                    wait.IsOver = true;
                    completed++;
                    continue;
                }
                waits[kept++] = wait;
            }
            waits.RemoveRange(kept, waits.Count - kept);
            if (kept == 0)
            {
                _byKey.Remove(key);
            }
        }
        Completed += completed;
        return completed;
    }

    public void Advance(long nowMillis)
    {
        lock (_lock)
        {
            while (_byDeadline.TryPeek(out PlainWait? wait, out long deadline) && deadline <= nowMillis)
            {
                _byDeadline.Dequeue();
                if (!wait.IsOver)
                {
                    wait.IsOver = true;
                    Expired++;
                }
            }
        }
    }
}
