using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>Compaction by the native binary, judged by Apache Kafka's own tools. It works on files: once is enough.</summary>
[Trait("Io", "once")]
public sealed class CompactionToolTests(ITestOutputHelper output)
{
    private static readonly BrokerOptions s_eager = new()
    {
        Set =
        [
            "log.cleaner.backoff.ms=200",
            "log.cleaner.min.cleanable.ratio=0.01",
            "log.segment.bytes=1048576",
            "group.initial.rebalance.delay.ms=0",
        ],
    };

    [Fact]
    public void Apaches_compaction_test_passes_and_the_compacted_files_are_sound()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(s_eager);
        string said = new KafkaTool(broker).Run(
            "log-compaction-test",
            ["--messages", "300000", "--duplicates", "20", "--percent-deletes", "10", "--compression-type", "lz4"]
        );
        Assert.Contains(" 0 mismatches", said);
        Until.Holds(() => broker.ReadStatistics().Cleaner.Passes > 0, "a log was compacted");
        Assert.Equal(0, broker.ReadStatistics().Cleaner.UncleanablePartitions);
        broker.Stop();
        string[] files =
        [
            .. Directory
                .GetDirectories(broker.DataDirectory, "log-cleaner-test-*")
                .SelectMany(Directory.GetFiles)
                .Where(file => Path.GetExtension(file) is ".log" or ".index" or ".timeindex"),
        ];
        ToolResult dumped = Tool.Run(
                Peers.Kafka!,
                ["dump-log", "--deep-iteration", "--index-sanity-check", "--files", string.Join(',', files)]
            )
            .Ok();
        foreach (string complaint in (string[])["isvalid: false", "Mismatches in", "timestamp mismatch", "Exception"])
        {
            Assert.DoesNotContain(complaint, dumped.Output + dumped.Errors);
        }
        Assert.Contains("passed sanity check", dumped.Output);

        // What was compacted is read again after a start, and the checkpoint is understood.
        broker.Restart();
        Assert.Equal(0, broker.ReadStatistics().Cleaner.UncleanablePartitions);
        broker.Stop();
    }

    [Fact]
    public void The_policy_of_a_topic_changes_while_the_broker_runs()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        if (Tool.Find("kcat") is null)
        {
            Peers.SkipProgram(output, "kcat");
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(s_eager);
        KafkaTool kafka = new(broker);
        kafka.Run("topics", "--create", "--topic", "switched", "--partitions", "1");
        string lines = string.Concat(
            Enumerable.Range(0, 40_000).Select(i => $"k{i % 50}:value number {i} of this key, and more\n")
        );
        Tool.Run("kcat", ["-P", "-b", broker.Bootstrap, "-t", "switched", "-K", ":"], input: lines).Ok();
        Assert.Equal(0, broker.ReadStatistics().Cleaner.Passes);

        Alter("cleanup.policy=compact");
        Until.Holds(() => broker.ReadStatistics().Cleaner.RemovedRecords > 10_000, "the topic was compacted");
        string read = Tool.Run("kcat", ["-C", "-b", broker.Bootstrap, "-t", "switched", "-e", "-q", "-K", ":"])
            .Ok()
            .Output;
        string[] records = read.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.InRange(records.Length, 50, 30_000);
        Assert.Equal(50, records.Select(r => r[..r.IndexOf(':')]).Distinct().Count());
        Assert.Contains("k49:value number 39999 of this key, and more", records);

        Alter("cleanup.policy=[compact,delete],retention.ms=1000");
        Until.Holds(
            () => kafka.Run("get-offsets", "--topic", "switched", "--time", "earliest").Trim() == "switched:0:40000",
            "the topic is empty"
        );
        broker.Stop();

        void Alter(string settings) =>
            kafka.Run(
                "configs",
                "--alter",
                "--entity-type",
                "topics",
                "--entity-name",
                "switched",
                "--add-config",
                settings
            );
    }
}
