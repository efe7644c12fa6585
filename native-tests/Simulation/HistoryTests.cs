using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>Whatever clients do to a broker that is killed all the while, their history has none of the known errors.</summary>
public class HistoryTests
{
    private const ulong SeedCount = 100;

    [Fact]
    public void A_history_of_sends_transactions_polls_and_copies_has_no_errors()
    {
        for (ulong seed = 1; seed <= SeedCount; seed++)
        {
            using World world = new(seed, "histories");
            bool losesPower = world.Random.OneIn(2);
            new HistoryRun(world, losesPower, losesPower).Run();
        }
    }
}
