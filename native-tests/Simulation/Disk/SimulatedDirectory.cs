namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A directory: its entries as every process sees them, as the device has them, and the changes in between, in order.
/// A power loss leaves the device's entries with the first few of the changes; a rename is one change.
/// </summary>
internal sealed class SimulatedDirectory
{
    private readonly List<(string Name, object? Entry, string? Name2, object? Entry2)> _changes = [];
    private readonly SortedDictionary<string, object> _device = new(StringComparer.Ordinal);

    /// <summary>A <see cref="SimulatedFile"/> or a <see cref="SimulatedDirectory"/> by name; sorted, so that walking it is repeatable.</summary>
    public SortedDictionary<string, object> Entries { get; private set; } = new(StringComparer.Ordinal);

    public int UnsyncedChanges => _changes.Count;

    public void Set(string name, object? entry)
    {
        _changes.Add((name, entry, null, null));
        Apply(Entries, name, entry);
    }

    public void Rename(string source, string target)
    {
        object entry = Entries[source];
        _changes.Add((source, null, target, entry));
        Apply(Entries, source, null);
        Apply(Entries, target, entry);
    }

    public void Sync() => SyncFirst(_changes.Count);

    /// <summary>The first few of the changes reach the device.</summary>
    public void SyncPart(SeededRandom random) => SyncFirst(random.Between(0, _changes.Count));

    public void LosePower(SeededRandom random)
    {
        SyncFirst(random.Between(0, _changes.Count));
        _changes.Clear();
        Entries = new SortedDictionary<string, object>(_device, StringComparer.Ordinal);
        foreach (object entry in Entries.Values)
        {
            if (entry is SimulatedDirectory directory)
            {
                directory.LosePower(random);
            }
            else
            {
                ((SimulatedFile)entry).LosePower(random);
            }
        }
    }

    private void SyncFirst(int count)
    {
        foreach ((string name, object? entry, string? name2, object? entry2) in _changes.Take(count))
        {
            Apply(_device, name, entry);
            if (name2 is not null)
            {
                Apply(_device, name2, entry2);
            }
        }
        _changes.RemoveRange(0, count);
    }

    private static void Apply(SortedDictionary<string, object> entries, string name, object? entry)
    {
        if (entry is null)
        {
            entries.Remove(name);
        }
        else
        {
            entries[name] = entry;
        }
    }
}
