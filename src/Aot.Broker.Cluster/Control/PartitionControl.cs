using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>New partitions, and who leads them, as plans over an image.</summary>
internal static class PartitionControl
{
    private const sbyte Preferred = 0;
    private const sbyte Unclean = 1;

    public static MetadataRecord NewPartition(
        MetadataImage image,
        DirectoryChooser directories,
        KafkaUuid topicId,
        int index,
        int[] replicas,
        int[] isr
    )
    {
        short version = MetadataVersions.PartitionRecordVersion(image.Features.MetadataVersion);
        return new MetadataRecord(
            new PartitionRecord
            {
                PartitionId = index,
                TopicId = topicId,
                Replicas = [.. replicas],
                Isr = [.. isr],
                Leader = isr[0],
                LeaderEpoch = 0,
                PartitionEpoch = 0,
                Directories = version >= 1 ? [.. directories.For(replicas)] : [],
            },
            version
        );
    }

    /// <summary>The replicas that may lead, in the order of the assignment.</summary>
    public static int[] ActiveOf(MetadataImage image, int[] replicas) =>
        [.. replicas.Where(id => image.Broker(id) is { IsActive: true })];

    /// <summary>A list of brokers that somebody chose by hand.</summary>
    public static ApiError CheckAssignment(MetadataImage image, int[] replicas, int? replicationFactor)
    {
        const string The = "The manual partition assignment includes ";
        if (replicas.Length == 0)
        {
            return new ApiError(ErrorCode.InvalidReplicaAssignment, The + "an empty replica list.");
        }
        int previous = -1;
        foreach (int id in replicas.Order())
        {
            if (image.Broker(id) is null)
            {
                return new ApiError(
                    ErrorCode.InvalidReplicaAssignment,
                    $"{The}broker {id}, but no such broker is registered."
                );
            }
            if (id == previous)
            {
                return new ApiError(ErrorCode.InvalidReplicaAssignment, $"{The}the broker {id} more than once.");
            }
            previous = id;
        }
        if (replicationFactor is { } factor && factor != replicas.Length)
        {
            return new ApiError(
                ErrorCode.InvalidReplicaAssignment,
                $"{The}a partition with {replicas.Length} replica(s), but this is not consistent with previous "
                    + $"partitions, which have {factor} replica(s)."
            );
        }
        return default;
    }

    public static ControlPlan<CreatePartitionsResponse> Create(
        MetadataImage image,
        ControlFacts facts,
        CreatePartitionsRequest request
    )
    {
        List<MetadataRecord> records = [];
        DirectoryChooser directories = new(image, facts.NodeId);
        CreatePartitionsResponse response = new() { Results = [] };
        HashSet<string> duplicates =
        [
            .. request
                .Topics.GroupBy(static topic => topic.Name, StringComparer.Ordinal)
                .Where(static group => group.Count() > 1)
                .Select(static group => group.Key),
        ];
        HashSet<string> answered = new(StringComparer.Ordinal);
        foreach (CreatePartitionsRequest.CreatePartitionsTopic topic in request.Topics)
        {
            if (!answered.Add(topic.Name))
            {
                continue;
            }
            List<MetadataRecord> ofTopic = [];
            ApiError error = duplicates.Contains(topic.Name)
                ? new ApiError(ErrorCode.InvalidRequest, "Duplicate topic name.")
                : CreateOne(image, facts, directories, topic, ofTopic);
            if (!error.IsError && records.Count + ofTopic.Count > MetadataLimits.RecordsPerChangeMax)
            {
                error = new ApiError(ErrorCode.PolicyViolation, "Excessively large number of partitions per request.");
            }
            if (!error.IsError && !request.ValidateOnly)
            {
                records.AddRange(ofTopic);
            }
            response.Results.Add(
                new CreatePartitionsResponse.CreatePartitionsTopicResult
                {
                    Name = topic.Name,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<CreatePartitionsResponse>(records, response);
    }

    private static ApiError CreateOne(
        MetadataImage image,
        ControlFacts facts,
        DirectoryChooser directories,
        CreatePartitionsRequest.CreatePartitionsTopic request,
        List<MetadataRecord> records
    )
    {
        if (image.Topic(request.Name) is not { } topic)
        {
            return new ApiError(ErrorCode.UnknownTopicOrPartition);
        }
        int existing = topic.Partitions.Length;
        if (request.Count == existing)
        {
            return new ApiError(ErrorCode.InvalidPartitions, $"Topic already has {existing} partition(s).");
        }
        if (request.Count < existing)
        {
            return new ApiError(
                ErrorCode.InvalidPartitions,
                $"The topic {topic.Name} currently has {existing} partition(s); {request.Count} would not be an "
                    + "increase."
            );
        }
        int added = request.Count - existing;
        if (request.Assignments is { } asked && asked.Count != added)
        {
            return new ApiError(
                ErrorCode.InvalidReplicaAssignment,
                $"Attempted to add {added} additional partition(s), but only {asked.Count} assignment(s) were specified."
            );
        }
        if (added > MetadataLimits.RecordsPerChangeMax)
        {
            return new ApiError(ErrorCode.PolicyViolation, "Excessively large number of partitions per request.");
        }
        int factor = topic.Partitions[0].Replicas.Length;
        List<int[]> assignment = [];
        if (request.Assignments is not null)
        {
            foreach (CreatePartitionsRequest.CreatePartitionsAssignment partition in request.Assignments)
            {
                int[] replicas = [.. partition.BrokerIds];
                ApiError error = CheckAssignment(image, replicas, factor);
                if (error.IsError)
                {
                    return error;
                }
                assignment.Add(replicas);
            }
        }
        else
        {
            int[][]? placed = ReplicaPlacement.Place(image, existing, added, factor, facts.Random, out string problem);
            if (placed is null)
            {
                return new ApiError(ErrorCode.InvalidReplicationFactor, problem);
            }
            assignment.AddRange(placed);
        }
        for (int i = 0; i < added; i++)
        {
            int[] isr = ActiveOf(image, assignment[i]);
            if (isr.Length == 0)
            {
                return new ApiError(
                    ErrorCode.InvalidReplicaAssignment,
                    "All brokers specified in the manual partition assignment for partition "
                        + $"{existing + i} are fenced or in controlled shutdown."
                );
            }
            records.Add(NewPartition(image, directories, topic.Id, existing + i, assignment[i], isr));
        }
        return default;
    }

    public static ControlPlan<ElectLeadersResponse> Elect(
        MetadataImage image,
        ElectLeadersRequest request,
        short version
    )
    {
        bool isNothing = request.TopicPartitions is { Count: 0 };
        if (version >= 1 && !isNothing && request.ElectionType is not (Preferred or Unclean))
        {
            return new ControlPlan<ElectLeadersResponse>([], RefuseElections(request));
        }
        List<MetadataRecord> records = [];
        ElectLeadersResponse response = new() { ReplicaElectionResults = [] };
        bool unclean = version >= 1 && request.ElectionType == Unclean;
        bool all = request.TopicPartitions is null;
        IEnumerable<(string Topic, IEnumerable<int> Partitions)> asked = request.TopicPartitions is { } given
            ? given.Select(static topic => (topic.Topic, (IEnumerable<int>)topic.Partitions))
            : image.Topics.Select(static topic => (topic.Name, Enumerable.Range(0, topic.Partitions.Length)));
        foreach ((string name, IEnumerable<int> partitions) in asked)
        {
            ElectLeadersResponse.ReplicaElectionResult ofTopic = new() { Topic = name, PartitionResult = [] };
            foreach (int partition in partitions)
            {
                ApiError error = ElectOne(image, name, partition, unclean, records);
                if (!all || error.Code != ErrorCode.ElectionNotNeeded)
                {
                    ofTopic.PartitionResult.Add(
                        new ElectLeadersResponse.PartitionResult
                        {
                            PartitionId = partition,
                            ErrorCode = (short)error.Code,
                            ErrorMessage = error.Message,
                        }
                    );
                }
            }
            response.ReplicaElectionResults.Add(ofTopic);
        }
        return new ControlPlan<ElectLeadersResponse>(records, response);
    }

    /// <summary>The error stands at the top and at each partition that was named.</summary>
    private static ElectLeadersResponse RefuseElections(ElectLeadersRequest request)
    {
        ElectLeadersResponse response = new()
        {
            ErrorCode = (short)ErrorCode.InvalidRequest,
            ReplicaElectionResults = [],
        };
        foreach (ElectLeadersRequest.TopicPartitionsData topic in request.TopicPartitions ?? [])
        {
            response.ReplicaElectionResults.Add(
                new ElectLeadersResponse.ReplicaElectionResult
                {
                    Topic = topic.Topic,
                    PartitionResult =
                    [
                        .. topic.Partitions.Select(partition => new ElectLeadersResponse.PartitionResult
                        {
                            PartitionId = partition,
                            ErrorCode = (short)ErrorCode.InvalidRequest,
                            ErrorMessage = $"Unknown election type {request.ElectionType}",
                        }),
                    ],
                }
            );
        }
        return response;
    }

    private static ApiError ElectOne(
        MetadataImage image,
        string name,
        int index,
        bool unclean,
        List<MetadataRecord> records
    )
    {
        if (image.Topic(name) is not { } topic)
        {
            return new ApiError(ErrorCode.UnknownTopicOrPartition, $"No such topic as {name}");
        }
        if (topic.Partition(index) is not { } partition)
        {
            return new ApiError(ErrorCode.UnknownTopicOrPartition, $"No such partition as {name}-{index}");
        }
        if (unclean ? partition.Leader != PartitionImage.NoLeader : partition.Leader == partition.Replicas[0])
        {
            return new ApiError(ErrorCode.ElectionNotNeeded, "Leader election not needed for topic partition.");
        }
        int[] active = ActiveOf(image, partition.Replicas);
        if (unclean)
        {
            if (active.Length == 0)
            {
                return new ApiError(
                    ErrorCode.EligibleLeadersNotAvailable,
                    "Eligible topic partition leaders are not available."
                );
            }
            bool isClean = partition.Isr.Contains(active[0]) || partition.Elr.Contains(active[0]);
            records.Add(Lead(image, topic.Id, index, active[0], isClean ? null : [active[0]], isClean));
            return default;
        }
        int preferred = partition.Replicas[0];
        if (!active.Contains(preferred) || !partition.Isr.Contains(preferred))
        {
            return new ApiError(ErrorCode.PreferredLeaderNotAvailable, "The preferred leader was not available.");
        }
        records.Add(Lead(image, topic.Id, index, preferred, null, isClean: true));
        return default;
    }

    /// <summary>Gives a partition a leader; the epoch rises with it.</summary>
    public static MetadataRecord Lead(
        MetadataImage image,
        KafkaUuid topicId,
        int index,
        int leader,
        int[]? isr,
        bool isClean
    ) =>
        new(
            new PartitionChangeRecord
            {
                PartitionId = index,
                TopicId = topicId,
                Leader = leader,
                Isr = isr is null ? null : [.. isr],
                LeaderRecoveryState = isClean ? (sbyte)-1 : PartitionImage.Recovering,
            },
            MetadataVersions.PartitionRecordVersion(image.Features.MetadataVersion)
        );
}
