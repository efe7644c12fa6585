namespace Aot.Broker.Simulation.Tests;

/// <summary>Transactions over the wire through kills of the whole broker, at every step of a transaction that a seed hits.</summary>
public class TransactionTests
{
    private const ulong SeedCount = 12;

    [Fact]
    public void Committed_transactions_are_whole_and_aborted_ones_invisible_through_kills()
    {
        int committed = 0;
        int aborted = 0;
        for (ulong seed = 1; seed <= SeedCount; seed++)
        {
            using World world = new(seed, "transactions");
            TransactionLedger ledger = new(world);
            new TransactionRun(world, ledger).Run();
            committed += ledger.Committed;
            aborted += ledger.Aborted;
        }
        Assert.True(committed > 0 && aborted > 0);
    }
}
