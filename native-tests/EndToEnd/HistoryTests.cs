using System.Diagnostics;
using Aot.Broker.EndToEnd.Tests.Matrix;
using Aot.Broker.Harness;
using Aot.Broker.Histories;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// Many clients of librdkafka and of Java at once, senders, transactions that copy, readers by assignment and in groups of both
/// protocols, while the broker is killed and made to stand still; what each of them was told is written down, and the checker
/// finds nothing that a broker may not do.
/// </summary>
public sealed class HistoryTests(ITestOutputHelper output) : IDisposable
{
    private const int LoadSeconds = 22;
    private const int Partitions = 4;
    private const int SentMin = 500;
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(3);

    /// <summary>From one fault to the next; and how long the broker stands still, which no client takes for the end.</summary>
    private static readonly TimeSpan s_betweenFaults = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(2);

    private readonly ManualResetEventSlim _never = new(false);
    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-history-").FullName;

    [Fact]
    public async Task Clients_are_told_nothing_wrong_through_kills_and_pauses_of_the_broker()
    {
        if (PythonClients.Python is not { } python)
        {
            Peers.Skip(output, PythonClients.Cause);
            return;
        }
        if (Peers.KafkaClassPath is not { } classPath)
        {
            Peers.Skip(output, "Apache Kafka's Java client and a Java compiler");
            return;
        }
        string programs = Path.Combine(Repository.Root, "native-tests", "EndToEnd", "clients", "histories");
        string classes = JavaProgram.Compile(Path.Combine(programs, "java"), classPath);
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Set = ["group.initial.rebalance.delay.ms=0"] }
        );
        TopicMaker.Create(broker.Bootstrap, "plain", Partitions, []);
        TopicMaker.Create(broker.Bootstrap, "copies", Partitions, []);
        string[] files =
        [
            Path.Combine(_folder, "rdkafka"),
            Path.Combine(_folder, "java"),
            Path.Combine(_folder, "final"),
        ];
        string load = Path.Combine(programs, "load.py");
        string[] java = ["-Xmx200m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", $"{classPath}:{classes}"];
        Task<ToolResult>[] loads =
        [
            RunAsync(python, "-B", load, broker.Bootstrap, $"{LoadSeconds}", files[0]),
            RunAsync(
                "java",
                [
                    .. java,
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=off",
                    "Load",
                    broker.Bootstrap,
                    $"{LoadSeconds}",
                    files[1],
                ]
            ),
        ];
        int faults = Disturb(broker, loads);
        foreach (Task<ToolResult> one in loads)
        {
            output.WriteLine((await one).Ok().Errors);
        }
        Tool.Run(python, ["-B", load, broker.Bootstrap, "0", files[2], "final"]).Ok();

        // All three tell the time by the machine's monotonic clock.
        List<Operation> history = [.. files.SelectMany(HistoryFile.Read).OrderBy(operation => operation.TimeNanos)];
        HistoryReport report = HistoryChecker.Check(history);
        output.WriteLine(
            $"{faults} faults, {history.Count} lines, {report.Sent} values sent, {report.Acknowledged} acknowledged, {report.Polled} polled"
        );
        Assert.Equal("", report.Describe());
        Assert.True(report.Acknowledged > SentMin, $"only {report.Acknowledged} values");
        Assert.True(faults > 3, $"only {faults} faults");
        broker.Stop();
    }

    public void Dispose()
    {
        _never.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    /// <summary>Kills and pauses in turn for as long as the loads run.</summary>
    private int Disturb(BrokerProcess broker, Task[] loads)
    {
        int faults = 0;
        long begin = Stopwatch.GetTimestamp();
        // The last life is left alone, so that what the clients began can come to its end.
        while (Stopwatch.GetElapsedTime(begin).TotalSeconds < LoadSeconds - 3 && !loads.Any(load => load.IsCompleted))
        {
            _never.Wait(s_betweenFaults);
            if (faults++ % 3 == 1)
            {
                broker.Pause();
                _never.Wait(s_pause);
                broker.Resume();
            }
            else
            {
                broker.Kill();
                broker.RestartInPlace();
            }
        }
        return faults;
    }

    private static Task<ToolResult> RunAsync(string program, params string[] arguments) =>
        Task.Run(() => Tool.Run(program, arguments, limit: s_limit));
}
