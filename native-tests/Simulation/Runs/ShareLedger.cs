namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// What the members of a share group know of its records: which were accepted, and whether the broker has said so. An accepted
/// record must never come again, and every other one has to.
/// </summary>
internal sealed class ShareLedger(World world)
{
    /// <summary>When the broker confirmed that a record was accepted.</summary>
    private readonly Dictionary<(int Partition, long Offset), long> _accepted = [];

    /// <summary>Accepted by a request of which nobody knows what became.</summary>
    private readonly HashSet<(int Partition, long Offset)> _uncertain = [];

    public int Accepted => _accepted.Count;

    /// <summary>How many deliveries were not the first of their record.</summary>
    public int Repeated { get; private set; }

    public void Delivered(int partition, long offset, short count, long askedNanos)
    {
        world.Check(
            !_accepted.TryGetValue((partition, offset), out long when) || askedNanos <= when,
            $"offset {offset} of partition {partition} was accepted, and is delivered again ({count})"
        );
        Repeated += count > 1 ? 1 : 0;
    }

    public void Accepting(int partition, long first, long last)
    {
        for (long offset = first; offset <= last; offset++)
        {
            _uncertain.Add((partition, offset));
        }
    }

    public void Confirmed(int partition, long first, long last)
    {
        for (long offset = first; offset <= last; offset++)
        {
            _accepted.TryAdd((partition, offset), world.NowNanos);
        }
    }

    /// <summary>The group is through with the partition: nothing of it was lost on the way.</summary>
    public void CheckAll(int partition, long end)
    {
        for (long offset = 0; offset < end; offset++)
        {
            world.Check(
                _accepted.ContainsKey((partition, offset)) || _uncertain.Contains((partition, offset)),
                $"offset {offset} of partition {partition} is gone, and nobody accepted it"
            );
        }
    }
}
