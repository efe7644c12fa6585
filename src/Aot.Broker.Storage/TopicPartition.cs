using Aot.Broker.Base;

namespace Aot.Broker.Storage;

/// <summary>A partition by its topic's name. The name can be reused after a deletion; the topic id cannot.</summary>
public readonly record struct TopicPartition(string Topic, int Partition)
{
    /// <summary>The one partition of the cluster metadata log.</summary>
    public static TopicPartition ClusterMetadata => new("__cluster_metadata", 0);

    public override string ToString() => Topic + "-" + Partition;
}

/// <summary>Which core owns a partition. Stable over restarts as long as the number of cores is.</summary>
public static class PartitionPlacement
{
    /// <summary>
    /// The partitions of one topic follow each other around the cores, from a start that the topic id decides, so that
    /// a topic with as many partitions as cores uses all of them.
    /// </summary>
    public static CoreIndex CoreOf(KafkaUuid topicId, int partition, int coreCount)
    {
        if (topicId == KafkaUuid.Metadata)
        {
            return new CoreIndex(0);
        }
        ulong mixed = (topicId.High ^ (topicId.Low * 0x9E3779B97F4A7C15UL)) * 0xD6E8FEB86659FD93UL;
        ulong start = (mixed >> 32) % (ulong)coreCount;
        return new CoreIndex((int)((start + (uint)partition) % (ulong)coreCount));
    }
}
