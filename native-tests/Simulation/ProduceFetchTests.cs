namespace Aot.Broker.Simulation.Tests;

/// <summary>Produce and fetch over the wire through crashes of the whole broker.</summary>
public class ProduceFetchTests
{
    private const int SeedCount = 12;

    [Fact]
    public void With_flush_messages_1_acknowledged_records_survive_kills_and_power_losses()
    {
        foreach (ulong seed in Seeds.Of(SeedCount))
        {
            RunSeed(seed, syncedBeforeAnswer: true, losesPower: true);
        }
    }

    [Fact]
    public void By_default_acknowledged_records_survive_kills()
    {
        foreach (ulong seed in Seeds.Of(SeedCount))
        {
            RunSeed(seed, syncedBeforeAnswer: false, losesPower: false);
        }
    }

    /// <summary>If nothing is lost here, the simulation does not do its work, and the tests above show nothing.</summary>
    [Fact]
    public void By_default_power_losses_of_some_seeds_lose_acknowledged_records()
    {
        int losses = 0;
        for (ulong seed = 1; seed <= 10; seed++)
        {
            List<string> violations = [];
            RunSeed(seed, syncedBeforeAnswer: false, losesPower: true, violations);
            losses += violations.Exists(v => v.EndsWith("is lost", StringComparison.Ordinal)) ? 1 : 0;
        }
        Assert.True(losses >= 3, $"{losses} of 10 runs lost a record");
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace_and_another_seed_another()
    {
        HashSet<ulong> hashes = [];
        for (ulong seed = 1; seed <= 3; seed++)
        {
            ulong first = RunSeed(seed, syncedBeforeAnswer: true, losesPower: true);
            Assert.Equal(first, RunSeed(seed, syncedBeforeAnswer: true, losesPower: true));
            Assert.True(hashes.Add(first));
        }
    }

    private static ulong RunSeed(ulong seed, bool syncedBeforeAnswer, bool losesPower, List<string>? violations = null)
    {
        using World world = new(seed, "produce-fetch");
        Ledger ledger = new(world) { Violations = violations };
        new BrokerRun(world, ledger, syncedBeforeAnswer, losesPower).Run();
        Assert.True(ledger.Acknowledged > 0 && ledger.Seen > 0);
        return world.Trace.Hash;
    }
}
