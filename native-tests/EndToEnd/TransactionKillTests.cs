using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// A transactional copy of a topic while the broker is killed again and again: whatever a transaction had reached (partitions
/// added, records written, decided, markers half written), the copy holds each record once.
/// </summary>
public sealed class TransactionKillTests(ITestOutputHelper output)
{
    private const int Count = 60_000;
    private const int KillsMax = 5;

    [Fact]
    public async Task A_transactional_copy_holds_each_record_once_through_kills_of_the_broker()
    {
        if (PythonClients.Python is not { } python)
        {
            Peers.Skip(output, PythonClients.Cause);
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Set = ["group.initial.rebalance.delay.ms=0"] }
        );
        string program = Path.Combine(
            Repository.Root,
            "native-tests",
            "EndToEnd",
            "clients",
            "confluent_transactions.py"
        );
        string copied = Path.Combine(broker.DataDirectory, "records-copied-0");
        Task<ToolResult> copying = Task.Run(() =>
            Tool.Run(python, [program, broker.Bootstrap, "records", $"{Count}"], limit: TimeSpan.FromMinutes(3))
        );
        int kills = 0;
        for (; kills < KillsMax; kills++)
        {
            // Not before the copy has grown by some transactions, so that every life of the broker gets somewhere.
            long before = SizeOf(copied);
            Until.Holds(() => copying.IsCompleted || SizeOf(copied) > before + 4_000, "the copy grows");
            if (copying.IsCompleted)
            {
                break;
            }
            broker.Kill();
            broker.RestartInPlace();
        }
        ToolResult result = await copying;
        Assert.True(
            result.ExitCode == 0,
            $"after {kills} kills: exit code {result.ExitCode}\n{result.Errors}\n{broker.Describe()}"
        );
        Assert.EndsWith($"same {Count} records\n", result.Output);
        Assert.True(kills > 3, $"the broker was killed {kills} times");
        output.WriteLine($"{kills} kills");
        broker.Stop();
    }

    private static long SizeOf(string directory) =>
        Directory.Exists(directory) ? new DirectoryInfo(directory).EnumerateFiles("*.log").Sum(SizeOf) : 0;

    /// <summary>Pre-allocated space does not count: what was written does.</summary>
    private static long SizeOf(FileInfo file)
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    }
}
