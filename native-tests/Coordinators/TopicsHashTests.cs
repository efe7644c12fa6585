using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.Tests;

/// <summary>The hash that Apache Kafka 4.4 has for the same topics, computed with its own classes.</summary>
public sealed class TopicsHashTests
{
    private static readonly string?[] s_racks = [null, "r1", "rack-two"];

    [Theory]
    [InlineData("a", 0x21f576978b24c967)]
    [InlineData("a topic", 0x7b25659fb1aa9a06)]
    [InlineData("größe orders.of.today topic a", 0x5c39e1788a16c716)]
    [InlineData("a missing", 0x21f576978b24c967)]
    [InlineData("missing", 0)]
    [InlineData("", 0)]
    public void Groups_have_the_hash_of_Apache_Kafka(string names, long expected) =>
        Assert.Equal(expected, TopicsHash.Of(names.Split(' ', StringSplitOptions.RemoveEmptyEntries), Image()));

    /// <summary>Topics of 1, 3, 30 and 200 partitions: each form of the hash, from short inputs to several blocks.</summary>
    private static MetadataImage Image()
    {
        MetadataDelta delta = new(MetadataImage.Empty);
        for (int broker = 1; broker <= s_racks.Length; broker++)
        {
            RegisterBrokerRecord registration = new()
            {
                BrokerId = broker,
                BrokerEpoch = broker,
                Rack = s_racks[broker - 1],
            };
            delta.Replay(new MetadataRecord(registration, 1));
        }
        AddTopic(delta, "a", 0, 1, _ => [1]);
        AddTopic(delta, "topic", 1, 3, _ => [3, 2]);
        AddTopic(delta, "orders.of.today", 2, 30, _ => [1]);
        AddTopic(delta, "größe", 3, 200, partition => [1 + (partition % 3)]);
        return delta.Apply(0, 0, 0);
    }

    private static void AddTopic(
        MetadataDelta delta,
        string name,
        ulong number,
        int partitions,
        Func<int, int[]> replicas
    )
    {
        KafkaUuid id = new(7UL << 40, 1000 + number);
        delta.Replay(new MetadataRecord(new TopicRecord { Name = name, TopicId = id }, 0));
        for (int partition = 0; partition < partitions; partition++)
        {
            int[] brokers = replicas(partition);
            PartitionRecord record = new()
            {
                PartitionId = partition,
                TopicId = id,
                Replicas = [.. brokers],
                Isr = [.. brokers],
                Leader = brokers[0],
            };
            delta.Replay(new MetadataRecord(record, 0));
        }
    }
}
