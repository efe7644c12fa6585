namespace Aot.Broker.Histories;

/// <summary>What all clients together say about the log of one partition.</summary>
internal sealed class PartitionHistory
{
    private long[] _visible = [];

    /// <summary>Values by offset: from sends that happened, and from all polls.</summary>
    public SortedDictionary<long, SortedSet<string>> ValuesAt { get; } = [];

    public Dictionary<string, SortedSet<long>> OffsetsOf { get; } = [];

    public HashSet<string> Polled { get; } = [];

    /// <summary>The largest offset that anybody polled; -1 = none.</summary>
    public long LastPolled { get; private set; } = -1;

    public void Add(long offset, string value)
    {
        if (!ValuesAt.TryGetValue(offset, out SortedSet<string>? values))
        {
            ValuesAt.Add(offset, values = new SortedSet<string>(StringComparer.Ordinal));
        }
        values.Add(value);
        if (!OffsetsOf.TryGetValue(value, out SortedSet<long>? offsets))
        {
            OffsetsOf.Add(value, offsets = []);
        }
        offsets.Add(offset);
    }

    public void AddPolled(long offset, string value)
    {
        Add(offset, value);
        Polled.Add(value);
        LastPolled = Math.Max(LastPolled, offset);
    }

    /// <summary>Fixes which offsets a consumer has to meet: those with a value for which the rule holds.</summary>
    public void SetVisible(Func<string, bool> isVisible) =>
        _visible = [.. ValuesAt.Where(at => at.Value.Any(isVisible)).Select(at => at.Key)];

    /// <summary>The first offset between the two, both left out, that a consumer has to meet; -1 = none.</summary>
    public long FirstVisibleBetween(long before, long after)
    {
        int at = Array.BinarySearch(_visible, before + 1);
        at = at < 0 ? ~at : at;
        return at < _visible.Length && _visible[at] < after ? _visible[at] : -1;
    }
}
