using System.Text.Json;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>Apache Kafka's tools that produce and consume: each sees the records of the others.</summary>
public sealed class RecordToolTests(ITestOutputHelper output)
{
    private const int Count = 2000;

    [Fact]
    public void What_the_console_producer_sends_the_console_consumer_gets_in_a_group()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = Start("num.partitions=3");
        KafkaTool kafka = new(broker);
        kafka.Run("topics", "--create", "--topic", "words");
        string[] sent = [.. Enumerable.Range(0, Count).Select(i => $"key-{i % 97}\tword {i}")];
        kafka.RunWithInput(
            "console-producer",
            string.Join('\n', sent) + "\n",
            "--topic",
            "words",
            "--reader-property",
            "parse.key=true"
        );
        string[] consume = ["--topic", "words", "--group", "readers", "--from-beginning"];
        string[] format = ["--formatter-property", "print.key=true", "--timeout-ms", "60000"];
        string received = kafka.Run("console-consumer", [.. consume, .. format, "--max-messages", $"{Count}"]);
        Assert.Equal(sent.Order(StringComparer.Ordinal), LinesOf(received).Order(StringComparer.Ordinal));

        string[][] offsets =
        [
            .. LinesOf(kafka.Run("get-offsets", "--topic", "words", "--time", "-1")).Select(line => line.Split(':')),
        ];
        Assert.Equal(["0", "1", "2"], offsets.Select(parts => parts[1]));
        Assert.Equal(Count, offsets.Sum(parts => int.Parse(parts[2])));

        string[][] group =
        [
            .. LinesOf(kafka.Run("consumer-groups", "--describe", "--group", "readers"))
                .Where(line => line.StartsWith("readers", StringComparison.Ordinal))
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)),
        ];
        Assert.Equal(offsets.Select(parts => parts[2]), group.OrderBy(row => row[2]).Select(row => row[3]));
        Assert.All(group, row => Assert.Equal((row[4], "0"), (row[3], row[5])));
        broker.Stop();
    }

    [Fact]
    public void The_load_tools_count_the_same_records()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = Start("num.partitions=4");
        KafkaTool kafka = new(broker);
        string[] load = ["--topic", "load", "--num-records", "200000"];
        string produced = kafka.Run("producer-perf-test", [.. load, "--record-size", "100", "--throughput", "-1"]);
        Assert.Contains("200000 records sent", produced);
        string consumed = kafka.Run("consumer-perf-test", [.. load, "--hide-header"]);
        string[] row = LinesOf(consumed).Last().Split(", ");
        Assert.Equal("200000", row[4]);
        broker.Stop();
    }

    [Fact]
    public void What_the_verifiable_producer_had_acknowledged_the_verifiable_consumer_gets()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = Start("num.partitions=2");
        KafkaTool kafka = new(broker);
        string produced = kafka.Run("verifiable-producer", "--topic", "verified", "--max-messages", $"{Count}");
        string[] acknowledged =
        [
            .. Events(produced, "producer_send_success")
                .Select(e => $"{e.GetProperty("partition")}/{e.GetProperty("offset")}: {e.GetProperty("value")}"),
        ];
        Assert.Equal(Count, acknowledged.Length);
        Assert.Empty(Events(produced, "producer_send_error"));

        string[] arguments =
        [
            "--topic",
            "verified",
            "--group-id",
            "verifiers",
            "--max-messages",
            $"{Count}",
            "--verbose",
        ];
        string consumed = kafka.Run("verifiable-consumer", arguments);
        string[] received =
        [
            .. Events(consumed, "record_data")
                .Select(e => $"{e.GetProperty("partition")}/{e.GetProperty("offset")}: {e.GetProperty("value")}"),
        ];
        Assert.Equal(acknowledged.Order(StringComparer.Ordinal), received.Order(StringComparer.Ordinal));
        Assert.NotEmpty(Events(consumed, "partitions_assigned"));
        Assert.All(Events(consumed, "offsets_committed"), e => Assert.True(e.GetProperty("success").GetBoolean()));
        broker.Stop();
    }

    private static BrokerProcess Start(params string[] settings) =>
        BrokerProcess.Start(new BrokerOptions { Set = ["group.initial.rebalance.delay.ms=0", .. settings] });

    private static string[] LinesOf(string text) => text.TrimEnd('\n').Split('\n');

    private static List<JsonElement> Events(string lines, string name) =>
        [
            .. LinesOf(lines)
                .Where(line => line.Contains($"\"name\":\"{name}\"", StringComparison.Ordinal))
                .Select(line => JsonDocument.Parse(line).RootElement),
        ];
}
