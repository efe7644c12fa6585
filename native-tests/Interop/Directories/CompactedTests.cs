using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>The coordinators' own topics are compacted here, and Apache Kafka loads the same from what is left.</summary>
[Trait("Io", "once")]
public sealed class CompactedTests(ITestOutputHelper output)
{
    private const int Times = 700;

    /// <summary>The segment that is written stays as it is; of those before it a few records are left.</summary>
    private const long BytesMax = 1_200_000;

    private static readonly string[] s_topics = ["__consumer_offsets-0", "__transaction_state-0"];

    [Fact]
    public void The_topics_of_coordinators_shrink_and_say_the_same_to_either_broker()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new(
            directories: 1,
            "offsets.topic.num.partitions=1",
            "transaction.state.log.num.partitions=1",
            "offsets.topic.segment.bytes=1048576",
            "transaction.state.log.segment.bytes=1048576",
            "log.cleaner.min.cleanable.ratio=0.01"
        );
        Description described;
        using (BrokerProcess broker = directory.StartBroker())
        {
            java.Run("rewrite", directory.Bootstrap, $"{Times}");
            Until.Holds(
                () => Array.TrueForAll(s_topics, topic => BytesOf(directory, topic) is > 0 and < BytesMax),
                "the topics of the coordinators are compacted"
            );
            Assert.Equal(0, broker.ReadStatistics().Cleaner.UncleanablePartitions);
            described = directory.Describe(java);
            Assert.Equal(5, described.Count("committed\trewritten."));
            Assert.Equal(3, described.Count("transaction\trewriter."));
            Assert.Equal(0, described.Count("group\tgone."));
            broker.Stop();
        }
        new DirectoryDump(java, directory).Check();
        int logged = java.Errors.Count;
        java.Run("start", directory.ConfigFile);
        described.MustEqual(directory.Describe(java), "what Apache Kafka loads");
        BothWaysTests.MustNotComplain([.. java.Errors.Skip(logged)]);
        java.Run("stop");
        using (BrokerProcess broker = directory.StartBroker())
        {
            described.MustEqual(directory.Describe(java), "what this broker loads");
            broker.Stop();
        }
    }

    private static long BytesOf(SharedDirectory directory, string partition) =>
        Directory
            .GetFiles(Path.Combine(directory.LogDirs[0], partition), "*.log")
            .Sum(path => new FileInfo(path) is { Exists: true } file ? file.Length : 0);
}
