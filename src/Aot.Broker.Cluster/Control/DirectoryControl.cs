using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>In which log directory of its broker a replica is (KIP-858), as a plan over an image.</summary>
internal static class DirectoryControl
{
    /// <summary>True: the replica is in the directory now, or was already. A partition that is gone changes nothing.</summary>
    public static ControlPlan<bool> Assign(
        MetadataImage image,
        int brokerId,
        KafkaUuid topicId,
        int index,
        KafkaUuid directory
    )
    {
        short version = MetadataVersions.PartitionRecordVersion(image.Features.MetadataVersion);
        PartitionImage? partition = image.Topic(topicId)?.Partition(index);
        int at = partition is null ? -1 : Array.IndexOf(partition.Replicas, brokerId);
        if (at < 0 || version < 1)
        {
            return new ControlPlan<bool>([], false);
        }
        if (partition!.Directories[at] == directory)
        {
            return new ControlPlan<bool>([], true);
        }
        KafkaUuid[] directories = [.. partition.Directories];
        directories[at] = directory;
        PartitionChangeRecord record = new()
        {
            PartitionId = index,
            TopicId = topicId,
            Leader = PartitionChanges.SameLeader,
            Directories = [.. directories],
        };
        return new ControlPlan<bool>([new MetadataRecord(record, version)], true);
    }
}
