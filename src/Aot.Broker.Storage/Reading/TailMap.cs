using Aot.Broker.Base;

namespace Aot.Broker.Storage.Reading;

/// <summary>
/// Where the newest batches of the active segment are, so that a reader near the end needs no system call to find its
/// place. Memory comes with the first append and goes when the log is idle.
/// </summary>
internal sealed class TailMap
{
    /// <summary>Two kilobytes per busy log: what a consumer that polls each 100 ms misses at 600 batches a second.</summary>
    private const int Capacity = 64;

    private struct Entry
    {
        public long BaseOffset;
        public long LastOffset;
        public int Position;
        public int Bytes;
    }

    private Entry[]? _entries;
    private int _head;
    private int _count;

    [HotPath]
    public void Add(long baseOffset, long lastOffset, int position, int bytes)
    {
        _entries ??= AllocateSlow();
        if (_count == Capacity)
        {
            _head = (_head + 1) & (Capacity - 1);
            _count--;
        }
        ref Entry entry = ref _entries[(_head + _count) & (Capacity - 1)];
        entry.BaseOffset = baseOffset;
        entry.LastOffset = lastOffset;
        entry.Position = position;
        entry.Bytes = bytes;
        _count++;
    }

    /// <summary>The first batch whose last offset is at least <paramref name="offset"/>, if it is among the newest.</summary>
    [HotPath]
    public bool TryFind(long offset, out long baseOffset, out int position, out int bytes)
    {
        baseOffset = -1;
        position = bytes = 0;
        if (_count == 0 || offset < _entries![_head].BaseOffset)
        {
            return false;
        }
        int low = 0;
        int high = _count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_entries[(_head + middle) & (Capacity - 1)].LastOffset >= offset)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        if (low == _count)
        {
            return false;
        }
        ref Entry entry = ref _entries[(_head + low) & (Capacity - 1)];
        baseOffset = entry.BaseOffset;
        position = entry.Position;
        bytes = entry.Bytes;
        return true;
    }

    /// <summary>The active segment is another one, or was cut.</summary>
    public void Clear() => _head = _count = 0;

    public void ReleaseMemory()
    {
        Clear();
        _entries = null;
    }

    private static Entry[] AllocateSlow() => new Entry[Capacity];
}
