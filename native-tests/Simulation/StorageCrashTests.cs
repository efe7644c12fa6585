namespace Aot.Broker.Simulation.Tests;

/// <summary>Logs through crashes: what was acknowledged is there afterwards, once, in order.</summary>
public class StorageCrashTests
{
    private const int SeedCount = 25;

    [Fact]
    public void Synced_records_survive_kills_and_power_losses()
    {
        foreach (ulong seed in Seeds.Of(SeedCount))
        {
            RunSeed(seed, syncedBeforeAnswer: true, losesPower: true);
        }
    }

    [Fact]
    public void Written_records_survive_kills()
    {
        foreach (ulong seed in Seeds.Of(SeedCount))
        {
            RunSeed(seed, syncedBeforeAnswer: false, losesPower: false);
        }
    }

    /// <summary>If nothing is lost here, the simulated disk does not do its work, and the tests above show nothing.</summary>
    [Fact]
    public void Records_that_were_not_synced_are_lost_by_power_losses_of_some_seeds()
    {
        int losses = 0;
        int runs = 0;
        foreach (ulong seed in Enumerable.Range(1, 10).Select(i => (ulong)i))
        {
            List<string> violations = [];
            RunSeed(seed, syncedBeforeAnswer: false, losesPower: true, violations);
            losses += violations.Count(v => v.EndsWith("is lost", StringComparison.Ordinal)) > 0 ? 1 : 0;
            runs++;
        }
        Assert.True(losses >= runs / 4, $"{losses} of {runs} runs lost a record");
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace_and_another_seed_another()
    {
        HashSet<ulong> hashes = [];
        foreach (ulong seed in Enumerable.Range(1, 5).Select(i => (ulong)i))
        {
            ulong first = RunSeed(seed, syncedBeforeAnswer: true, losesPower: true);
            ulong second = RunSeed(seed, syncedBeforeAnswer: true, losesPower: true);
            Assert.Equal(first, second);
            Assert.True(hashes.Add(first));
        }
    }

    private static ulong RunSeed(ulong seed, bool syncedBeforeAnswer, bool losesPower, List<string>? violations = null)
    {
        using World world = new(seed, "storage");
        Ledger ledger = new(world) { Violations = violations };
        StorageRun run = new(world, syncedBeforeAnswer, losesPower) { Ledger = ledger };
        run.Run();
        return world.Trace.Hash;
    }
}
