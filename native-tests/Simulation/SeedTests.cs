namespace Aot.Broker.Simulation.Tests;

/// <summary>Brokers and logs through kills, power losses and broken disks, with everything chosen by a seed.</summary>
public class SeedTests
{
    /// <summary>Each takes about 55 ms of a processor: a minute on two that are idle.</summary>
    private const int SeedCount = 2000;

    [Fact]
    public void Whatever_a_seed_brings_nothing_acknowledged_is_lost_and_nothing_is_invented()
    {
        List<string> failures = SeedRuns.Run(1, SeedCount);
        Assert.True(failures.Count == 0, string.Join("\n\n", failures.Take(2)));
    }

    [Fact]
    public void The_same_seed_gives_the_same_trace_and_another_seed_another()
    {
        HashSet<ulong> hashes = [];
        for (ulong seed = 1; seed <= 6; seed++)
        {
            ulong first = SeedRuns.TraceOf(seed);
            Assert.Equal(first, SeedRuns.TraceOf(seed));
            Assert.True(hashes.Add(first));
        }
    }

    /// <summary>If nothing is lost here, the simulation does not do its work, and the tests above show nothing.</summary>
    [Fact]
    public void Acknowledged_without_a_sync_power_losses_of_some_seeds_lose_records()
    {
        Assert.NotNull(FirstSeedThat(seed => Loses(seed, syncsBeforeAnswer: false, BrokenRules.None)));
    }

    /// <summary>Brokers that do not know one of the rules: each is found by what it does to records.</summary>
    [Theory]
    [InlineData(BrokenRules.FileSync)]
    [InlineData(BrokenRules.DirectorySync)]
    [InlineData(BrokenRules.SyncBeforeRename)]
    [InlineData(BrokenRules.RecoveryCut)]
    [InlineData(BrokenRules.ProducerMemory)]
    public void A_broker_that_breaks_a_rule_is_caught(object rule)
    {
        Assert.NotNull(FirstSeedThat(seed => Loses(seed, syncsBeforeAnswer: true, (BrokenRules)rule)));
    }

    private const int SeedsToFind = 600;

    private static ulong? FirstSeedThat(Func<ulong, bool> fails)
    {
        for (ulong seed = 1; seed <= SeedsToFind; seed++)
        {
            if (fails(seed))
            {
                return seed;
            }
        }
        return null;
    }

    /// <summary>The run ends with a violation, of whatever kind: a lost record, one that is there twice, a start that fails.</summary>
    private static bool Loses(ulong seed, bool syncsBeforeAnswer, BrokenRules broken)
    {
        using World world = new(seed, "broken rules");
        world.Device.Broken = broken;
        try
        {
            new BrokerRun(world, syncsBeforeAnswer, losesPower: true).Run();
            return false;
        }
        catch (SimulationFailure)
        {
            return true;
        }
    }
}
