namespace Aot.Broker.Simulation.Tests;

/// <summary>Compaction through kills and power losses at any call to the disk.</summary>
public class CompactionTests
{
    private const int SeedCount = 20;

    [Fact]
    public void The_newest_record_of_each_key_survives_kills_and_power_losses()
    {
        long passes = 0;
        int runs = 0;
        for (ulong seed = 1; seed <= SeedCount; seed++)
        {
            using World world = new(seed, "compaction");
            CompactionRun run = new(world);
            run.Run();
            passes += run.Passes;
            runs++;
        }
        Assert.True(passes >= runs, $"{passes} passes ended in {runs} runs");
    }
}
