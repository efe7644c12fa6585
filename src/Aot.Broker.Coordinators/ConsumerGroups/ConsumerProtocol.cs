using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>What a consumer of the classic protocol wrote into its subscription.</summary>
/// <param name="Names">Subscribed topics, in ascending order.</param>
/// <param name="Owned">Partitions that it still holds; those of topics that are gone are left out.</param>
internal sealed record ClassicSubscription(IReadOnlyList<string> Names, PartitionSet Owned, string? RackId);

/// <summary>
/// The bytes inside the classic protocol's requests that consumers alone understood before groups could be mixed: the
/// subscription in JoinGroup, the assignment in SyncGroup. A version, and a message of that version.
/// </summary>
internal static class ConsumerProtocol
{
    /// <summary>Null when the bytes are not a subscription.</summary>
    public static ClassicSubscription? ReadSubscription(byte[] metadata, MetadataImage image)
    {
        WireReader reader = new(metadata);
        short version = Math.Min(reader.ReadInt16(), ConsumerProtocolSubscription.HighestVersion);
        if (
            version < ConsumerProtocolSubscription.LowestVersion
            || !ConsumerProtocolSubscription.TryRead(ref reader, version, out ConsumerProtocolSubscription subscription)
        )
        {
            return null;
        }
        PartitionSet.Builder owned = new();
        foreach (ConsumerProtocolSubscription.TopicPartition topic in subscription.OwnedPartitions)
        {
            Add(owned, topic.Topic, topic.Partitions, image);
        }
        return new ClassicSubscription(
            [.. subscription.Topics.Distinct().Order(StringComparer.Ordinal)],
            owned.Build(),
            subscription.RackId
        );
    }

    /// <summary>Null when the bytes are not an assignment. The client's own data, if any, is returned beside it.</summary>
    public static PartitionSet? ReadAssignment(byte[] assignment, MetadataImage image, out byte[]? userData)
    {
        userData = null;
        if (assignment.Length == 0)
        {
            return PartitionSet.Empty;
        }
        WireReader reader = new(assignment);
        short version = Math.Min(reader.ReadInt16(), ConsumerProtocolAssignment.HighestVersion);
        if (
            version < ConsumerProtocolAssignment.LowestVersion
            || !ConsumerProtocolAssignment.TryRead(ref reader, version, out ConsumerProtocolAssignment read)
        )
        {
            return null;
        }
        userData = read.UserData;
        PartitionSet.Builder partitions = new();
        foreach (ConsumerProtocolAssignment.TopicPartition topic in read.AssignedPartitions)
        {
            Add(partitions, topic.Topic, topic.Partitions, image);
        }
        return partitions.Build();
    }

    /// <summary>An assignment in the version of the subscription that the member sent.</summary>
    public static byte[] WriteAssignment(PartitionSet partitions, MetadataImage image, byte[] subscription)
    {
        WireReader reader = new(subscription);
        short version = Math.Clamp(
            reader.ReadInt16(),
            ConsumerProtocolAssignment.LowestVersion,
            ConsumerProtocolAssignment.HighestVersion
        );
        ConsumerProtocolAssignment assignment = new() { UserData = null };
        foreach (TopicPartitions topic in partitions.Topics)
        {
            if (image.Topic(topic.Topic) is { } named)
            {
                assignment.AssignedPartitions.Add(
                    new ConsumerProtocolAssignment.TopicPartition
                    {
                        Topic = named.Name,
                        Partitions = [.. topic.Held.Select(held => held.Partition)],
                    }
                );
            }
        }
        return RecordBytes.Value(assignment, version);
    }

    private static void Add(PartitionSet.Builder set, string name, List<int> partitions, MetadataImage image)
    {
        if (image.Topic(name) is not { } topic)
        {
            return;
        }
        foreach (int partition in partitions)
        {
            if (topic.Partition(partition) is not null)
            {
                set.Add(topic.Id, new HeldPartition(partition, 0));
            }
        }
    }
}
