using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>Apache Kafka's tools for topics, settings, the cluster and its metadata quorum.</summary>
public sealed class TopicToolTests(ITestOutputHelper output)
{
    [Fact]
    public void Topics_are_created_described_changed_and_deleted()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start();
        KafkaTool kafka = new(broker);
        Assert.Contains(
            "Created topic orders.",
            kafka.Run(
                "topics",
                "--create",
                "--topic",
                "orders",
                "--partitions",
                "3",
                "--replication-factor",
                "1",
                "--config",
                "retention.ms=3600000"
            )
        );
        string described = kafka.Run("topics", "--describe", "--topic", "orders");
        Assert.Contains("PartitionCount: 3\tReplicationFactor: 1", described);
        Assert.Contains("retention.ms=3600000", described);
        Assert.Equal(3, described.Split("Leader: 1\tReplicas: 1\tIsr: 1").Length - 1);

        kafka.Run("topics", "--alter", "--topic", "orders", "--partitions", "5");
        Assert.Contains("PartitionCount: 5", kafka.Run("topics", "--describe", "--topic", "orders"));

        kafka.Run("topics", "--delete", "--topic", "orders");
        Assert.DoesNotContain("orders", kafka.Run("topics", "--list"));
        broker.Stop();
    }

    [Fact]
    public void Settings_of_topics_and_brokers_are_described_and_altered()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start();
        KafkaTool kafka = new(broker);
        kafka.Run("topics", "--create", "--topic", "tuned", "--partitions", "1");
        string[] tuned = ["--entity-type", "topics", "--entity-name", "tuned"];
        kafka.Run("configs", ["--alter", .. tuned, "--add-config", "max.message.bytes=12345,compression.type=zstd"]);
        string changed = kafka.Run("configs", ["--describe", .. tuned]);
        Assert.Contains("max.message.bytes=12345 sensitive=false", changed);
        Assert.Contains("compression.type=zstd sensitive=false", changed);
        kafka.Run("configs", ["--alter", .. tuned, "--delete-config", "compression.type"]);
        Assert.DoesNotContain("compression.type=zstd", kafka.Run("configs", ["--describe", .. tuned]));

        string[] all = ["--entity-type", "brokers", "--entity-default"];
        kafka.Run("configs", ["--alter", .. all, "--add-config", "log.retention.ms=7200000"]);
        Assert.Contains("log.retention.ms=7200000", kafka.Run("configs", ["--describe", .. all]));
        broker.Stop();

        // What was altered is in the metadata log.
        broker.Restart();
        Assert.Contains("max.message.bytes=12345", new KafkaTool(broker).Run("configs", ["--describe", .. tuned]));
        broker.Stop();
    }

    [Fact]
    public void The_cluster_describes_itself()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start();
        KafkaTool kafka = new(broker);
        string clusterId = File.ReadLines(Path.Combine(broker.DataDirectory, "meta.properties"))
            .Single(line => line.StartsWith("cluster.id=", StringComparison.Ordinal))["cluster.id=".Length..];
        Assert.Contains($"Cluster ID: {clusterId}", kafka.Run("cluster", "cluster-id"));

        string versions = kafka.Run("broker-api-versions");
        Assert.Contains($"127.0.0.1:{broker.Port} (id: 1 rack: null isFenced: false)", versions);
        Assert.Contains("Produce(0): ", versions);
        Assert.Contains("Fetch(1): ", versions);
        Assert.DoesNotContain("ERROR", versions);

        string quorum = kafka.Run("metadata-quorum", "describe", "--status");
        Assert.Contains(clusterId, quorum);
        Assert.Matches(@"LeaderId:\s+1\n", quorum);
        Assert.Matches(@"HighWatermark:\s+[0-9]+\n", quorum);
        Assert.Matches(@"1\s.*Leader", kafka.Run("metadata-quorum", "describe", "--replication"));
        broker.Stop();
    }
}
