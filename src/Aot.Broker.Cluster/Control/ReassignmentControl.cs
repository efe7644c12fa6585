using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>
/// Moving partitions between brokers, as plans over an image. A move first widens the replicas to old and new ones
/// together; it ends when the new ones are in sync, which the leader reports.
/// </summary>
internal static class ReassignmentControl
{
    public static ControlPlan<AlterPartitionReassignmentsResponse> Alter(
        MetadataImage image,
        AlterPartitionReassignmentsRequest request
    )
    {
        List<MetadataRecord> records = [];
        AlterPartitionReassignmentsResponse response = new()
        {
            AllowReplicationFactorChange = request.AllowReplicationFactorChange,
            Responses = [],
            ErrorMessage = null,
        };
        foreach (AlterPartitionReassignmentsRequest.ReassignableTopic topic in request.Topics)
        {
            AlterPartitionReassignmentsResponse.ReassignableTopicResponse ofTopic = new()
            {
                Name = topic.Name,
                Partitions = [],
            };
            foreach (AlterPartitionReassignmentsRequest.ReassignablePartition partition in topic.Partitions)
            {
                ApiError error = AlterOne(image, request, topic.Name, partition, records);
                ofTopic.Partitions.Add(
                    new AlterPartitionReassignmentsResponse.ReassignablePartitionResponse
                    {
                        PartitionIndex = partition.PartitionIndex,
                        ErrorCode = (short)error.Code,
                        ErrorMessage = error.Message,
                    }
                );
            }
            response.Responses.Add(ofTopic);
        }
        return new ControlPlan<AlterPartitionReassignmentsResponse>(records, response);
    }

    private static ApiError AlterOne(
        MetadataImage image,
        AlterPartitionReassignmentsRequest request,
        string name,
        AlterPartitionReassignmentsRequest.ReassignablePartition asked,
        List<MetadataRecord> records
    )
    {
        if (image.Topic(name) is not { } topic)
        {
            return new ApiError(ErrorCode.UnknownTopicOrPartition, $"Unable to find a topic named {name}.");
        }
        if (topic.Partition(asked.PartitionIndex) is not { } partition)
        {
            return new ApiError(
                ErrorCode.UnknownTopicOrPartition,
                $"Unable to find partition {name}:{asked.PartitionIndex}."
            );
        }
        int[] settled = [.. partition.Replicas.Except(partition.Adding)];
        if (asked.Replicas is null)
        {
            if (!partition.IsReassigning)
            {
                return new ApiError(ErrorCode.NoReassignmentInProgress);
            }
            records.Add(Change(image, topic, asked.PartitionIndex, partition, settled, [], []));
            return default;
        }
        int[] target = [.. asked.Replicas];
        ApiError error = PartitionControl.CheckAssignment(image, target, replicationFactor: null);
        if (error.IsError)
        {
            return error;
        }
        if (!request.AllowReplicationFactorChange && target.Length != settled.Except(partition.Removing).Count())
        {
            return new ApiError(
                ErrorCode.InvalidReplicationFactor,
                "The replication factor is changed from "
                    + $"{settled.Except(partition.Removing).Count()} to {target.Length}"
            );
        }
        if (target.SequenceEqual(partition.Replicas) && !partition.IsReassigning)
        {
            return default;
        }
        int[] adding = [.. target.Except(settled)];
        int[] removing = [.. settled.Except(target)];
        int[] together = adding.Length == 0 && removing.Length == 0 ? target : [.. target, .. removing];
        records.Add(Change(image, topic, asked.PartitionIndex, partition, together, adding, removing));
        return default;
    }

    private static MetadataRecord Change(
        MetadataImage image,
        TopicImage topic,
        int index,
        PartitionImage before,
        int[] replicas,
        int[] adding,
        int[] removing
    )
    {
        short version = MetadataVersions.PartitionRecordVersion(image.Features.MetadataVersion);
        int[] isr = [.. before.Isr.Where(replicas.Contains)];
        bool leaderStays = replicas.Contains(before.Leader);
        DirectoryChooser directories = new(image, nodeId: -1);
        return new MetadataRecord(
            new PartitionChangeRecord
            {
                PartitionId = index,
                TopicId = topic.Id,
                Replicas = [.. replicas],
                AddingReplicas = [.. adding],
                RemovingReplicas = [.. removing],
                Isr = isr.SequenceEqual(before.Isr) ? null : [.. isr],
                Leader =
                    leaderStays ? PartitionChanges.SameLeader
                    : isr.Length > 0 ? isr[0]
                    : PartitionImage.NoLeader,
                Directories =
                    version >= 1
                        ?
                        [
                            .. replicas.Select(id =>
                                before.Replicas.Contains(id) ? before.DirectoryOf(id) : directories.For([id])[0]
                            ),
                        ]
                        : null,
            },
            version
        );
    }

    public static ListPartitionReassignmentsResponse List(
        MetadataImage image,
        ListPartitionReassignmentsRequest request
    )
    {
        ListPartitionReassignmentsResponse response = new() { Topics = [], ErrorMessage = null };
        IEnumerable<(string Name, IEnumerable<int>? Partitions)> asked = request.Topics is { } topics
            ? topics.Select(static topic => (topic.Name, (IEnumerable<int>?)topic.PartitionIndexes))
            : image.Topics.Select(static topic => (topic.Name, (IEnumerable<int>?)null));
        foreach ((string name, IEnumerable<int>? partitions) in asked)
        {
            if (image.Topic(name) is not { } topic)
            {
                continue;
            }
            ListPartitionReassignmentsResponse.OngoingTopicReassignment ofTopic = new()
            {
                Name = name,
                Partitions = [],
            };
            foreach (int index in partitions ?? Enumerable.Range(0, topic.Partitions.Length))
            {
                if (topic.Partition(index) is { IsReassigning: true } partition)
                {
                    ofTopic.Partitions.Add(
                        new ListPartitionReassignmentsResponse.OngoingPartitionReassignment
                        {
                            PartitionIndex = index,
                            Replicas = [.. partition.Replicas],
                            AddingReplicas = [.. partition.Adding],
                            RemovingReplicas = [.. partition.Removing],
                        }
                    );
                }
            }
            if (ofTopic.Partitions.Count > 0)
            {
                response.Topics.Add(ofTopic);
            }
        }
        return response;
    }
}
