using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage;

/// <summary>
/// Which leader epoch began at which offset, in order of both. Owned by its log's core. The checkpoint file may lag
/// behind: <see cref="IsDirty"/> says so, and recovery rebuilds the cache from the batches. An epoch in which nothing was
/// written yet is not worth a file: ten thousand partitions get a new epoch at a start, and most have no record in it.
/// </summary>
public sealed class LeaderEpochCache
{
    private readonly List<EpochEntry> _entries = [];
    private long _version;
    private bool _hasUnsavedLatest;

    /// <summary>True from a change until the owner has put <see cref="ToBytes"/> on the disk.</summary>
    public bool IsDirty { get; set; }

    /// <summary>Whether the file is to be written for a log that ends at this offset.</summary>
    public bool IsDirtyFor(long logEndOffset) =>
        IsDirty || (_hasUnsavedLatest && _entries.Count > 0 && Latest.StartOffset < logEndOffset);

    public int Count => _entries.Count;

    public EpochEntry this[int index] => _entries[index];

    /// <summary>-1 when nothing is known.</summary>
    public int LatestEpoch => _entries.Count == 0 ? -1 : _entries[^1].Epoch;

    /// <summary>
    /// Records that <paramref name="epoch"/> begins at <paramref name="startOffset"/>. Entries that contradict it
    /// (same or later epoch, same or later offset) go away. An epoch that is already the latest changes nothing.
    /// </summary>
    public void Assign(int epoch, long startOffset)
    {
        if (epoch < 0 || startOffset < 0 || (_entries.Count > 0 && Latest.Epoch == epoch))
        {
            return;
        }
        while (_entries.Count > 0 && (Latest.Epoch >= epoch || Latest.StartOffset >= startOffset))
        {
            // One that begins at the same offset has no records; the file may keep it until the next is written.
            IsDirty |= Latest.Epoch >= epoch || Latest.StartOffset > startOffset;
            _entries.RemoveAt(_entries.Count - 1);
        }
        _entries.Add(new EpochEntry(epoch, startOffset));
        _hasUnsavedLatest = true;
    }

    /// <summary>The answer of OffsetForLeaderEpoch: the largest epoch not after the asked one, and where it ended.</summary>
    public (int Epoch, long EndOffset) EndOffsetFor(int epoch, long logEndOffset)
    {
        if (epoch < 0 || _entries.Count == 0)
        {
            return (-1, -1);
        }
        if (Latest.Epoch == epoch)
        {
            return (epoch, logEndOffset);
        }
        int higher = FirstAbove(epoch);
        if (higher == _entries.Count)
        {
            return (-1, -1);
        }
        long end = _entries[higher].StartOffset;
        return higher == 0 ? (epoch, end) : (_entries[higher - 1].Epoch, end);
    }

    /// <summary>The epoch that an offset was written in; -1 when nothing is known.</summary>
    public int EpochOf(long offset)
    {
        for (int i = _entries.Count - 1; i >= 0; i--)
        {
            if (_entries[i].StartOffset <= offset)
            {
                return _entries[i].Epoch;
            }
        }
        return -1;
    }

    /// <summary>Forgets what begins at or after <paramref name="endOffset"/>.</summary>
    public void TruncateFromEnd(long endOffset)
    {
        while (_entries.Count > 0 && Latest.StartOffset >= endOffset)
        {
            _entries.RemoveAt(_entries.Count - 1);
            IsDirty = true;
        }
    }

    /// <summary>Forgets what ended before <paramref name="startOffset"/>; the epoch that contains it then begins there.</summary>
    public void TruncateFromStart(long startOffset)
    {
        int keep = 0;
        while (keep + 1 < _entries.Count && _entries[keep + 1].StartOffset <= startOffset)
        {
            keep++;
        }
        if (keep > 0)
        {
            _entries.RemoveRange(0, keep);
            IsDirty = true;
        }
        if (_entries.Count > 0 && _entries[0].StartOffset < startOffset)
        {
            _entries[0] = new EpochEntry(_entries[0].Epoch, startOffset);
            IsDirty = true;
        }
    }

    public void Clear()
    {
        IsDirty |= _entries.Count > 0;
        _entries.Clear();
    }

    /// <summary>Takes a checkpoint's entries over as they are, dropping those out of order.</summary>
    public void Load(IEnumerable<EpochEntry> entries)
    {
        _entries.Clear();
        foreach (EpochEntry entry in entries)
        {
            Assign(entry.Epoch, entry.StartOffset);
        }
        IsDirty = _hasUnsavedLatest = false;
    }

    /// <summary>The checkpoint if it is to be written for a log that ends at this offset; whoever takes it writes it.</summary>
    internal (long Version, byte[] Bytes)? TakeDirty(long logEndOffset) =>
        IsDirtyFor(logEndOffset) ? ToCheckpoint() : null;

    /// <summary>The checkpoint's content, which is on its way to the disk now, and a number that ascends with each call.</summary>
    internal (long Version, byte[] Bytes) ToCheckpoint()
    {
        IsDirty = _hasUnsavedLatest = false;
        return (++_version, CheckpointText.Write(_entries.ToArray()));
    }

    private EpochEntry Latest => _entries[^1];

    private int FirstAbove(int epoch)
    {
        int low = 0;
        int high = _entries.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_entries[middle].Epoch > epoch)
            {
                high = middle;
            }
            else
            {
                low = middle + 1;
            }
        }
        return low;
    }
}
