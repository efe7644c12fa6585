namespace Aot.Broker.Simulation.Tests;

/// <summary>Runs by seed: the seed says which kind of run it is, and everything that happens in it.</summary>
internal static class SeedRuns
{
    private const int FailuresMax = 5;

    public static List<string> Run(ulong first, int count) =>
        Parallel.Run([.. Enumerable.Range(0, count).Select(i => first + (ulong)i)], RunOne, FailuresMax);

    /// <summary>What went wrong: one message, or none.</summary>
    public static List<string> RunOne(ulong seed)
    {
        try
        {
            TraceOf(seed);
            return [];
        }
        catch (SimulationFailure failure)
        {
            return [failure.Message];
        }
    }

    /// <summary>The hash of everything that happened in a run.</summary>
    public static ulong TraceOf(ulong seed)
    {
        using World world = new(seed, "mixed load");
        bool losesPower = world.Random.OneIn(2);
        if (world.Random.OneIn(4))
        {
            new StorageRun(world, losesPower, losesPower) { Ledger = new Ledger(world) }.Run();
        }
        else if (world.Random.OneIn(4))
        {
            new HistoryRun(world, losesPower, losesPower).Run();
        }
        else
        {
            new BrokerRun(world, losesPower, losesPower).Run();
        }
        return world.Trace.Hash;
    }
}
