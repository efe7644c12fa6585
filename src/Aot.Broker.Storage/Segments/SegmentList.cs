using Aot.Broker.Base;

namespace Aot.Broker.Storage.Segments;

/// <summary>The segments of a log in the order of their base offsets; never empty once the log is open. The last is active.</summary>
internal sealed class SegmentList
{
    private readonly List<Segment> _segments = new(1);

    public int Count => _segments.Count;

    public Segment this[int index] => _segments[index];

    public Segment Active => _segments[^1];

    public Segment First => _segments[0];

    public void Add(Segment segment)
    {
        Invariant.That(_segments.Count == 0 || segment.BaseOffset > Active.BaseOffset);
        _segments.Add(segment);
    }

    public void RemoveAt(int index) => _segments.RemoveAt(index);

    public void RemoveFirst(int count) => _segments.RemoveRange(0, count);

    /// <summary>A run of segments becomes one that covers the same offsets.</summary>
    public void Replace(int first, int count, Segment segment)
    {
        Invariant.That(
            count > 0 && first + count < _segments.Count && _segments[first].BaseOffset == segment.BaseOffset
        );
        _segments.RemoveRange(first + 1, count - 1);
        _segments[first] = segment;
    }

    /// <summary>The same segment in another directory; who reads the old file finishes with its descriptors.</summary>
    public void MoveTo(int index, string directory, long logEndOffset)
    {
        Segment old = _segments[index];
        _segments[index] = old.CopiedTo(directory, EndOf(index, logEndOffset), isSealed: index + 1 < Count);
        old.IsGone = true;
        old.Handle?.Retire();
        old.Handle = null;
    }

    /// <summary>Those of another list in place of all that were here.</summary>
    public void TakeOver(SegmentList other)
    {
        _segments.Clear();
        _segments.AddRange(other._segments);
    }

    public void Clear() => _segments.Clear();

    /// <summary>The segment that an offset belongs to: the last that begins at or before it; -1 before the first.</summary>
    [HotPath]
    public int IndexOf(long offset)
    {
        int low = 0;
        int high = _segments.Count;
        while (low < high)
        {
            int middle = (low + high) >>> 1;
            if (_segments[middle].BaseOffset <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        return low - 1;
    }

    /// <summary>Where the segment's offsets end: the next one's base, or the end of the log.</summary>
    [HotPath]
    public long EndOf(int index, long logEndOffset) =>
        index + 1 < _segments.Count ? _segments[index + 1].BaseOffset : logEndOffset;

    public long SizeInBytes
    {
        get
        {
            long bytes = 0;
            foreach (Segment segment in _segments)
            {
                bytes += segment.Bytes;
            }
            return bytes;
        }
    }
}
