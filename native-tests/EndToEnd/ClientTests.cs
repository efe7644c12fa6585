using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// Client libraries of others, each with its own settings: creates and describes a topic, produces (plain and idempotent),
/// consumes in a group, compares what it sent with what it got, commits, and deletes the topic. The programs are in
/// <c>clients/</c>; what they expect was held against Apache Kafka too.
/// </summary>
[Trait("Io", "once")]
public sealed class ClientTests(ITestOutputHelper output)
{
    private const int Count = 5000;

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Librdkafka_of_today_sees_the_same_records(string io) =>
        RunPython(PythonClients.Python, PythonClients.Cause, "confluent_client.py", io);

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Kafka_python_of_today_sees_the_same_records(string io) =>
        RunPython(PythonClients.Python, PythonClients.Cause, "kafka_python_client.py", io);

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Kafka_python_of_old_sees_the_same_records(string io) =>
        RunPython(PythonClients.DebianPython, "Debian's python3-kafka", "kafka_python_client.py", io);

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Aiokafka_sees_the_same_records(string io) =>
        RunPython(PythonClients.Python, PythonClients.Cause, "aiokafka_client.py", io);

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Kafkajs_sees_the_same_records(string io) => RunNode("kafkajs_client.js", io);

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Platformatic_kafka_sees_the_same_records(string io) => RunNode("platformatic_client.mjs", io);

    [Theory]
    [InlineData("auto")]
    [InlineData("epoll")]
    public void Librdkafka_of_old_sees_the_same_records_in_a_group(string io)
    {
        if (!Kcat.IsHere(output))
        {
            return;
        }
        const int partitions = 3;
        using BrokerProcess broker = Start(io, $"num.partitions={partitions}");
        string[] sent = [.. Enumerable.Range(0, Count).Select(i => $"key-{i % 97} value-{i}")];
        Tool.Run(
                "kcat",
                ["-P", "-b", broker.Bootstrap, "-t", "grouped", "-K", " ", "-X", "enable.idempotence=true"],
                input: string.Join('\n', sent) + "\n"
            )
            .Ok();
        string first = Kcat.ConsumeInGroup(broker, "readers", "grouped", Count).Output;
        string[][] received = [.. first.TrimEnd('\n').Split('\n').Select(line => line.Split(' ', 3))];
        Assert.Equal(sent.Order(StringComparer.Ordinal), received.Select(r => r[2]).Order(StringComparer.Ordinal));
        foreach (IGrouping<string, string[]> partition in received.GroupBy(r => r[0]))
        {
            // In the order of their offsets, none of which is left out.
            Assert.Equal(Enumerable.Range(0, partition.Count()).Select(o => $"{o}"), partition.Select(r => r[1]));
        }
        Assert.Equal(partitions, received.Select(r => r[0]).Distinct().Count());

        // The group goes on where it was: it gets what came since then and nothing else.
        Tool.Run("kcat", ["-P", "-b", broker.Bootstrap, "-t", "grouped", "-K", " "], input: "late record\n").Ok();
        Assert.EndsWith(" late record\n", Kcat.ConsumeInGroup(broker, "readers", "grouped", 1).Output);
        broker.Stop();
    }

    [Fact]
    public void Transactions_of_librdkafka_copy_each_record_once() =>
        RunPython(PythonClients.Python, PythonClients.Cause, "confluent_transactions.py", "auto");

    [Fact]
    public void Transactions_of_aiokafka_show_what_was_committed() =>
        RunPython(PythonClients.Python, PythonClients.Cause, "aiokafka_transactions.py", "auto");

    [Fact]
    public void Transactions_of_kafkajs_show_what_was_committed() => RunNode("kafkajs_transactions.js", "auto");

    private static BrokerProcess Start(string io, params string[] settings) =>
        BrokerProcess.Start(new BrokerOptions { Io = io, Set = ["group.initial.rebalance.delay.ms=0", .. settings] });

    private static string ProgramOf(string name) =>
        Path.Combine(Repository.Root, "native-tests", "EndToEnd", "clients", name);

    private void RunPython(string? python, string whatIsMissing, string program, string io)
    {
        if (python is null)
        {
            Peers.Skip(output, whatIsMissing);
            return;
        }
        using BrokerProcess broker = Start(io);
        AssertSame(broker, Tool.Run(python, [ProgramOf(program), broker.Bootstrap, "records", $"{Count}"]));
    }

    private void RunNode(string program, string io)
    {
        if (NodeClients.Folder is not { } folder)
        {
            Peers.SkipProgram(output, NodeClients.Cause);
            return;
        }
        using BrokerProcess broker = Start(io);
        AssertSame(
            broker,
            Tool.Run(
                "node",
                [ProgramOf(program), broker.Bootstrap, "records", $"{Count}"],
                environment: new Dictionary<string, string> { ["NODE_PATH"] = Path.Combine(folder, "node_modules") }
            )
        );
    }

    private static void AssertSame(BrokerProcess broker, ToolResult result)
    {
        if (result.ExitCode != 0)
        {
            throw new HarnessException(
                $"exit code {result.ExitCode} of: {result.Command}\n{result.Errors}\n{result.Output}\n{broker.Describe()}"
            );
        }
        Assert.EndsWith($"same {Count} records\n", result.Output);
        Assert.DoesNotContain("ERROR", broker.Errors);
        broker.Stop();
    }
}
