namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// What transactional producers were told about their records, held against what a reader of committed records finds in the
/// end: all of a committed transaction, once and in order; nothing of an aborted one, or of one that was never ended.
/// </summary>
internal sealed class TransactionLedger(World world)
{
    private readonly Dictionary<string, bool?> _fate = [];
    private readonly Dictionary<string, int> _partitionOf = [];

    /// <summary>A record of a transaction.</summary>
    internal readonly record struct Written(int Partition, string Value);

    public int Committed { get; private set; }

    public int Aborted { get; private set; }

    public string[] NewValues(int producer, int transaction, int batch, int count) =>
        [.. Enumerable.Range(0, count).Select(i => $"{producer}.{transaction}.{batch}.{i}")];

    public void Sent(int partition, IEnumerable<string> values)
    {
        foreach (string value in values)
        {
            _fate.Add(value, null);
            _partitionOf.Add(value, partition);
        }
    }

    public void Ended(IEnumerable<Written> records, bool commit)
    {
        foreach (Written record in records)
        {
            _fate[record.Value] = commit;
        }
        Committed += commit ? 1 : 0;
        Aborted += commit ? 0 : 1;
    }

    /// <summary>What a reader of committed records got of a partition, from its beginning to its end.</summary>
    public void Check(int partition, IReadOnlyList<string> values)
    {
        HashSet<string> seen = [];
        foreach (string value in values)
        {
            world.Check(_fate.ContainsKey(value), $"{value} was never sent");
            world.Check(seen.Add(value), $"{value} is there twice");
            world.Check(
                _fate[value] == true,
                $"{value} is visible and {(_fate[value] is null ? "was never committed" : "was aborted")}"
            );
        }
        foreach ((string value, bool? fate) in _fate)
        {
            world.Check(
                fate != true || _partitionOf[value] != partition || seen.Contains(value),
                $"{value} was committed and is lost"
            );
        }
    }
}
