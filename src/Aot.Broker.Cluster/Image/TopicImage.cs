using Aot.Broker.Base;

namespace Aot.Broker.Cluster;

/// <summary>A topic: name, id, and its partitions by index. Immutable.</summary>
public sealed class TopicImage
{
    public const string GroupMetadataTopic = "__consumer_offsets";
    public const string TransactionStateTopic = "__transaction_state";
    public const string ShareStateTopic = "__share_group_state";
    public const string ClusterMetadataTopic = "__cluster_metadata";

    public TopicImage(string name, KafkaUuid id, PartitionImage[] partitions)
    {
        Name = name;
        Id = id;
        Partitions = partitions;
        IsInternal = IsInternalName(name);
    }

    public string Name { get; }
    public KafkaUuid Id { get; }
    public PartitionImage[] Partitions { get; }

    /// <summary>Topics that coordinators keep their state in; clients do not write to them.</summary>
    public bool IsInternal { get; }

    public PartitionImage? Partition(int index) => (uint)index < (uint)Partitions.Length ? Partitions[index] : null;

    public static bool IsInternalName(string name) =>
        name is GroupMetadataTopic or TransactionStateTopic or ShareStateTopic;
}
