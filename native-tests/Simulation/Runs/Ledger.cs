namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// What the clients of a run know: what they sent, what was acknowledged at which offset, and what consumers have seen.
/// A log is right when it agrees with all of that.
/// </summary>
/// <remarks>
/// A value is "session-number" with any filling behind it; the numbers of one session are sent in order to one partition.
/// A record without an answer may be there or not, but once.
/// </remarks>
internal sealed class Ledger(World world)
{
    private readonly Dictionary<(int Partition, string Value), Sent> _sent = [];
    private readonly Dictionary<(int Partition, long Offset), string> _seen = [];
    private readonly Dictionary<string, int> _numbers = [];

    private readonly Dictionary<int, long> _mayBegin = [];
    private readonly Dictionary<int, long> _begins = [];

    private sealed class Sent
    {
        public long AckedOffset = -1;
    }

    /// <summary>One value in ten is so long.</summary>
    public int LongValueBytes { get; init; } = 900;

    public string NewValue(int partition, string session)
    {
        int number = _numbers.GetValueOrDefault(session);
        _numbers[session] = number + 1;
        string value =
            $"{session}-{number}-{new string('x', world.Random.OneIn(10) ? LongValueBytes : world.Random.Below(60))}";
        _sent.Add((partition, value), new Sent());
        return value;
    }

    public void Acked(int partition, string value, long offset)
    {
        Sent sent = _sent[(partition, value)];
        world.Check(
            sent.AckedOffset < 0 || sent.AckedOffset == offset,
            $"{Name(partition, value)} was acknowledged twice"
        );
        world.Check(
            !_seen.TryGetValue((partition, offset), out string? there) || there == value,
            $"{Name(partition, value)} was acknowledged at {offset}, where a consumer saw {there}"
        );
        sent.AckedOffset = offset;
    }

    /// <summary>A consumer got the record: nobody may ever see another one at this offset.</summary>
    public void Saw(int partition, long offset, string value)
    {
        world.Check(_sent.ContainsKey((partition, value)), $"{Name(partition, value)} at {offset} was never sent");
        if (_seen.TryAdd((partition, offset), value))
        {
            return;
        }
        string before = _seen[(partition, offset)];
        world.Check(before == value, $"offset {offset} of partition {partition} was {before} and is {value}");
    }

    /// <summary>Somebody asked for the deletion of what is below the offset: it may be gone from now on.</summary>
    public void Delete(int partition, long offset) =>
        _mayBegin[partition] = Math.Max(offset, _mayBegin.GetValueOrDefault(partition));

    /// <summary>The broker said that the log begins there: what is below must not come back.</summary>
    public void Deleted(int partition, long offset) =>
        _begins[partition] = Math.Max(offset, _begins.GetValueOrDefault(partition));

    public bool MayBegin(int partition, long offset) => offset <= _mayBegin.GetValueOrDefault(partition);

    /// <summary>The offset after the last one that was acknowledged.</summary>
    public long AcknowledgedEnd(int partition) =>
        _sent.Where(s => s.Key.Partition == partition).Select(s => s.Value.AckedOffset + 1).Append(0).Max();

    /// <summary>The log of a partition, from its first offset to its end.</summary>
    public void CheckLog(int partition, IReadOnlyList<(long Offset, string Value)> log, long first = 0)
    {
        world.Check(
            first >= _begins.GetValueOrDefault(partition),
            $"partition {partition} was said to begin at {_begins.GetValueOrDefault(partition)}, and {first} is there again"
        );
        world.Check(MayBegin(partition, first), $"partition {partition} begins at {first}");
        Dictionary<string, long> offsets = [];
        Dictionary<string, int> numbers = [];
        for (int i = 0; i < log.Count; i++)
        {
            (long offset, string value) = log[i];
            world.Check(offset == first + i, $"partition {partition} has offset {offset} where {first + i} is due");
            world.Check(_sent.ContainsKey((partition, value)), $"{Name(partition, value)} at {offset} was never sent");
            world.Check(
                offsets.TryAdd(value, offset),
                $"{Name(partition, value)} is there twice, at {offsets[value]} and {offset}"
            );
            string[] parts = value.Split('-');
            int number = int.Parse(parts[1]);
            world.Check(
                numbers.GetValueOrDefault(parts[0], -1) < number,
                $"{Name(partition, value)} at {offset} comes behind number {numbers.GetValueOrDefault(parts[0])}"
            );
            numbers[parts[0]] = number;
        }
        foreach (((int of, string value), Sent sent) in _sent)
        {
            if (of == partition && sent.AckedOffset >= first)
            {
                world.Check(
                    offsets.TryGetValue(value, out long at) && at == sent.AckedOffset,
                    $"{Name(partition, value)} was acknowledged at {sent.AckedOffset} and is lost"
                );
            }
        }
        foreach (((int of, long offset), string value) in _seen)
        {
            world.Check(
                of != partition
                    || offset < first
                    || (offset - first < log.Count && log[(int)(offset - first)].Value == value),
                $"{Name(partition, value)} was seen at {offset} and is lost"
            );
        }
    }

    private static string Name(int partition, string value) => $"record {value.TrimEnd('x')} of partition {partition}";
}
