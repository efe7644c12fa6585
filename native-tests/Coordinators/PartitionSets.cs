using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Tests;

internal static class PartitionSets
{
    public static PartitionSet Of(KafkaUuid topic, params IEnumerable<int> partitions)
    {
        PartitionSet.Builder set = new();
        foreach (int partition in partitions)
        {
            set.Add(topic, new HeldPartition(partition, 0));
        }
        return set.Build();
    }

    public static IEnumerable<(KafkaUuid Topic, HeldPartition Held)> All(this PartitionSet set) =>
        set.Topics.SelectMany(topic => topic.Held.Select(held => (topic.Topic, held)));
}
