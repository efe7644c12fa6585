namespace Aot.Broker.Simulation.Tests;

/// <summary>Share groups over the wire through kills of the whole broker.</summary>
public class ShareGroupTests
{
    private const ulong SeedCount = 12;

    [Fact]
    public void Accepted_records_do_not_come_again_and_nothing_else_is_lost_through_kills()
    {
        int accepted = 0;
        int repeated = 0;
        for (ulong seed = 1; seed <= SeedCount; seed++)
        {
            using World world = new(seed, "share groups");
            ShareLedger ledger = new(world);
            new ShareRun(world, ledger).Run();
            accepted += ledger.Accepted;
            repeated += ledger.Repeated;
        }
        Assert.True(accepted > 0 && repeated > 0);
    }
}
