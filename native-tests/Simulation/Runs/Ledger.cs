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

    private sealed class Sent
    {
        public long AckedOffset = -1;
    }

    /// <summary>Null: a violation ends the run. Else it is counted here (for runs that have to lose something).</summary>
    public List<string>? Violations { get; init; }

    public int Acknowledged { get; private set; }

    public int Seen => _seen.Count;

    public string NewValue(int partition, string session)
    {
        int number = _numbers.GetValueOrDefault(session);
        _numbers[session] = number + 1;
        string value = $"{session}-{number}-{new string('x', world.Random.OneIn(10) ? 900 : world.Random.Below(60))}";
        _sent.Add((partition, value), new Sent());
        return value;
    }

    public void Acked(int partition, string value, long offset)
    {
        Sent sent = _sent[(partition, value)];
        Check(sent.AckedOffset < 0 || sent.AckedOffset == offset, $"{Name(partition, value)} was acknowledged twice");
        Check(
            !_seen.TryGetValue((partition, offset), out string? there) || there == value,
            $"{Name(partition, value)} was acknowledged at {offset}, where a consumer saw {there}"
        );
        if (sent.AckedOffset < 0)
        {
            Acknowledged++;
        }
        sent.AckedOffset = offset;
    }

    /// <summary>A consumer got the record: nobody may ever see another one at this offset.</summary>
    public void Saw(int partition, long offset, string value)
    {
        Check(_sent.ContainsKey((partition, value)), $"{Name(partition, value)} at {offset} was never sent");
        if (_seen.TryAdd((partition, offset), value))
        {
            return;
        }
        string before = _seen[(partition, offset)];
        Check(before == value, $"offset {offset} of partition {partition} was {before} and is {value}");
    }

    /// <summary>The whole log of a partition, from its first offset to its end.</summary>
    public void CheckLog(int partition, IReadOnlyList<(long Offset, string Value)> log)
    {
        Dictionary<string, long> offsets = [];
        Dictionary<string, int> numbers = [];
        for (int i = 0; i < log.Count; i++)
        {
            (long offset, string value) = log[i];
            Check(offset == i, $"partition {partition} has offset {offset} where {i} is due");
            Check(_sent.ContainsKey((partition, value)), $"{Name(partition, value)} at {offset} was never sent");
            Check(
                offsets.TryAdd(value, offset),
                $"{Name(partition, value)} is there twice, at {offsets[value]} and {offset}"
            );
            string[] parts = value.Split('-');
            int number = int.Parse(parts[1]);
            Check(
                numbers.GetValueOrDefault(parts[0], -1) < number,
                $"{Name(partition, value)} at {offset} comes behind number {numbers.GetValueOrDefault(parts[0])}"
            );
            numbers[parts[0]] = number;
        }
        foreach (((int of, string value), Sent sent) in _sent)
        {
            if (of == partition && sent.AckedOffset >= 0)
            {
                Check(
                    offsets.TryGetValue(value, out long at) && at == sent.AckedOffset,
                    $"{Name(partition, value)} was acknowledged at {sent.AckedOffset} and is lost"
                );
            }
        }
        foreach (((int of, long offset), string value) in _seen)
        {
            Check(
                of != partition || (offset < log.Count && log[(int)offset].Value == value),
                $"{Name(partition, value)} was seen at {offset} and is lost"
            );
        }
    }

    private static string Name(int partition, string value) => $"record {value.TrimEnd('x')} of partition {partition}";

    private void Check(bool condition, string violation)
    {
        if (condition)
        {
            return;
        }
        if (Violations is not null)
        {
            Violations.Add(violation);
            return;
        }
        world.Check(false, violation);
    }
}
