using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>Whatever clients do to a broker that is killed all the while, their history has none of the known errors.</summary>
public class HistoryTests
{
    private const ulong SeedCount = 100;

    [Fact]
    public void A_history_of_sends_transactions_polls_and_copies_has_no_errors()
    {
        int copied = 0;
        int lost = 0;
        int moved = 0;
        for (ulong seed = 1; seed <= SeedCount; seed++)
        {
            using World world = new(seed, "histories");
            bool losesPower = world.Random.OneIn(2);
            HistoryRun run = new(world, losesPower, losesPower);
            run.Run();
            HashSet<string> hasCopied = [];
            foreach (Operation operation in run.History.Operations.Where(each => each.Type > OperationType.Invoke))
            {
                List<SendStep> sends = [.. operation.Steps.OfType<SendStep>()];
                bool isCopy = operation.Process.StartsWith("copy", StringComparison.Ordinal);
                bool isCopied = isCopy && operation.Type == OperationType.Ok && sends.Count > 0;
                moved += isCopy && operation.IsRebalanced && hasCopied.Contains(operation.Process) ? 1 : 0;
                copied += isCopied && hasCopied.Add(operation.Process) ? 1 : 0;
                lost += operation.Type == OperationType.Fail && sends.Exists(send => send.Offset is null) ? 1 : 0;
            }
        }
        // Else none of that was tried: copiers that copied, partitions that went to others, transactions that took too long.
        Assert.True(copied > 0 && moved > 0 && lost > 0, $"{copied} copied, {moved} moved, {lost} lost");
    }

    private const ulong SeedsToFind = 300;

    /// <summary>Brokers that do not know one of the rules: each is found by what its clients were told.</summary>
    [Theory]
    [InlineData(HistoryErrorType.LostWrite, BrokenRules.FileSync)]
    [InlineData(HistoryErrorType.Duplicate, BrokenRules.AnsweredOffset)]
    [InlineData(HistoryErrorType.InconsistentOffsets, BrokenRules.FileSync)]
    [InlineData(HistoryErrorType.AbortedRead, BrokenRules.AbortedList)]
    [InlineData(HistoryErrorType.PollSkip, BrokenRules.EveryBatch)]
    [InlineData(HistoryErrorType.InternalPollSkip, BrokenRules.EveryBatch)]
    [InlineData(HistoryErrorType.NonMonotonicPoll, BrokenRules.CommittedOffset)]
    [InlineData(HistoryErrorType.InternalNonMonotonicPoll, BrokenRules.BatchOrder)]
    [InlineData(HistoryErrorType.NonMonotonicSend, BrokenRules.AnsweredOffset)]
    [InlineData(HistoryErrorType.InternalNonMonotonicSend, BrokenRules.AnsweredOffset)]
    [InlineData(HistoryErrorType.Unseen, BrokenRules.EveryBatch)]
    public void A_broker_that_breaks_a_rule_is_caught(HistoryErrorType type, object rule)
    {
        for (ulong seed = 1; seed <= SeedsToFind; seed++)
        {
            if (ReportOf(seed, (BrokenRules)rule).Has(type))
            {
                return;
            }
        }
        Assert.Fail($"no history of {SeedsToFind} has the error {type}");
    }

    private static HistoryReport ReportOf(ulong seed, BrokenRules broken)
    {
        using World world = new(seed, "broken histories");
        world.Device.Broken = broken;
        HistoryRun run = new(world, syncsBeforeAnswer: true, losesPower: true);
        try
        {
            run.Run();
        }
        catch (SimulationFailure)
        {
            // By the checks of the run itself, or by the history: what was recorded up to then says which error it is.
        }
        return HistoryChecker.Check(run.History.Operations, new HistoryOptions { EndsWithFinalPolls = run.IsComplete });
    }
}
