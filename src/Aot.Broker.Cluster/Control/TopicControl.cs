using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster;

/// <summary>Creation and deletion of topics, as plans over an image.</summary>
internal static class TopicControl
{
    private const string TooManyRecords = "Excessively large number of partitions per request.";

    public static ControlPlan<CreateTopicsResponse> Create(
        MetadataImage image,
        ControlFacts facts,
        CreateTopicsRequest request
    )
    {
        ConfigValues broker = BrokerSettings.Of(image, facts.NodeId, facts.StartedWith);
        DirectoryChooser directories = new(image, facts.NodeId);
        List<MetadataRecord> records = [];
        CreateTopicsResponse response = new() { Topics = [] };
        Dictionary<string, int> mentions = new(StringComparer.Ordinal);
        foreach (CreateTopicsRequest.CreatableTopic topic in request.Topics)
        {
            mentions[topic.Name] = mentions.GetValueOrDefault(topic.Name) + 1;
        }
        foreach (CreateTopicsRequest.CreatableTopic topic in request.Topics)
        {
            int mentioned = mentions[topic.Name];
            if (mentioned == 0)
            {
                continue;
            }
            CreateTopicsResponse.CreatableTopicResult result = new() { Name = topic.Name, ErrorMessage = null };
            mentions[topic.Name] = 0;
            List<MetadataRecord> ofTopic = [];
            ApiError error =
                mentioned > 1
                    ? new ApiError(ErrorCode.InvalidRequest, "Duplicate topic name.")
                    : CreateOne(image, facts, broker, directories, topic, result, ofTopic);
            if (!error.IsError && records.Count + ofTopic.Count > MetadataLimits.RecordsPerChangeMax)
            {
                error = new ApiError(ErrorCode.PolicyViolation, TooManyRecords);
            }
            if (error.IsError)
            {
                result = new CreateTopicsResponse.CreatableTopicResult
                {
                    Name = topic.Name,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                    Configs = null,
                };
            }
            else if (!request.ValidateOnly)
            {
                records.AddRange(ofTopic);
            }
            response.Topics.Add(result);
        }
        return new ControlPlan<CreateTopicsResponse>(records, response);
    }

    private static ApiError CreateOne(
        MetadataImage image,
        ControlFacts facts,
        ConfigValues broker,
        DirectoryChooser directories,
        CreateTopicsRequest.CreatableTopic topic,
        CreateTopicsResponse.CreatableTopicResult result,
        List<MetadataRecord> records
    )
    {
        ApiError error = CheckName(image, topic.Name);
        if (error.IsError)
        {
            return error;
        }
        Dictionary<string, string> settings = new(StringComparer.Ordinal);
        foreach (CreateTopicsRequest.CreatableTopicConfig config in topic.Configs)
        {
            if (config.Value is null)
            {
                return new ApiError(
                    ErrorCode.InvalidConfig,
                    $"Null value not supported for topic configs: {config.Name}"
                );
            }
            settings[config.Name] = config.Value;
        }
        if (ConfigValidation.Topic(broker, settings) is { } refusal)
        {
            return new ApiError(refusal.Error, refusal.Message);
        }
        error = Assign(image, facts, broker, topic, out List<int[]> assignment, out List<int[]> isrs);
        if (error.IsError)
        {
            return error;
        }
        KafkaUuid id = facts.NewId();
        result.TopicId = id;
        result.NumPartitions = assignment.Count;
        result.ReplicationFactor = (short)assignment[0].Length;
        result.Configs = DescribeSettings(broker, settings);
        if (2 + settings.Count + assignment.Count > MetadataLimits.RecordsPerChangeMax)
        {
            return new ApiError(ErrorCode.PolicyViolation, TooManyRecords);
        }
        records.Add(new MetadataRecord(new TopicRecord { Name = topic.Name, TopicId = id }, 0));
        foreach (string name in settings.Keys.Order(StringComparer.Ordinal))
        {
            records.Add(ImageRecords.Config(ConfigResource.Topic(topic.Name), name, settings[name]));
        }
        for (int i = 0; i < assignment.Count; i++)
        {
            records.Add(PartitionControl.NewPartition(image, directories, id, i, assignment[i], isrs[i]));
        }
        return default;
    }

    private static ApiError CheckName(MetadataImage image, string name)
    {
        if (name == TopicImage.ClusterMetadataTopic)
        {
            return new ApiError(ErrorCode.InvalidRequest, $"Creation of internal topic {name} is prohibited.");
        }
        if (TopicNames.Problem(name) is { } problem)
        {
            return new ApiError(ErrorCode.InvalidTopicException, problem);
        }
        if (image.Topic(name) is not null)
        {
            return new ApiError(ErrorCode.TopicAlreadyExists, $"Topic '{name}' already exists.");
        }
        if (TopicNames.Collision(image, name) is { } other)
        {
            return new ApiError(
                ErrorCode.InvalidTopicException,
                $"Topic '{name}' collides with existing topic: {other}"
            );
        }
        return default;
    }

    private static ApiError Assign(
        MetadataImage image,
        ControlFacts facts,
        ConfigValues broker,
        CreateTopicsRequest.CreatableTopic topic,
        out List<int[]> assignment,
        out List<int[]> isrs
    )
    {
        assignment = [];
        isrs = [];
        if (topic.Assignments.Count > 0)
        {
            return AssignAsAsked(image, topic, assignment, isrs);
        }
        if (topic.ReplicationFactor is < -1 or 0)
        {
            return new ApiError(
                ErrorCode.InvalidReplicationFactor,
                "Replication factor must be larger than 0, or -1 to use the default value."
            );
        }
        if (topic.NumPartitions is < -1 or 0)
        {
            return new ApiError(
                ErrorCode.InvalidPartitions,
                "Number of partitions was set to an invalid non-positive value."
            );
        }
        int partitions = topic.NumPartitions == -1 ? broker.GetInt("num.partitions") : topic.NumPartitions;
        int factor =
            topic.ReplicationFactor == -1 ? broker.GetInt("default.replication.factor") : topic.ReplicationFactor;
        if (partitions > MetadataLimits.RecordsPerChangeMax)
        {
            return new ApiError(ErrorCode.PolicyViolation, TooManyRecords);
        }
        int[][]? placed = ReplicaPlacement.Place(image, 0, partitions, factor, facts.Random, out string problem);
        if (placed is null)
        {
            return new ApiError(ErrorCode.InvalidReplicationFactor, problem);
        }
        assignment.AddRange(placed);
        isrs.AddRange(placed.Select(replicas => PartitionControl.ActiveOf(image, replicas)));
        return default;
    }

    private static ApiError AssignAsAsked(
        MetadataImage image,
        CreateTopicsRequest.CreatableTopic topic,
        List<int[]> assignment,
        List<int[]> isrs
    )
    {
        if (topic.ReplicationFactor != -1)
        {
            return new ApiError(
                ErrorCode.InvalidRequest,
                "A manual partition assignment was specified, but replication factor was not set to -1."
            );
        }
        if (topic.NumPartitions != -1)
        {
            return new ApiError(
                ErrorCode.InvalidRequest,
                "A manual partition assignment was specified, but numPartitions was not set to -1."
            );
        }
        SortedDictionary<int, int[]> asked = [];
        int? factor = null;
        foreach (CreateTopicsRequest.CreatableReplicaAssignment partition in topic.Assignments)
        {
            int[] replicas = [.. partition.BrokerIds];
            if (!asked.TryAdd(partition.PartitionIndex, replicas))
            {
                return new ApiError(
                    ErrorCode.InvalidReplicaAssignment,
                    $"Found multiple manual partition assignments for partition {partition.PartitionIndex}"
                );
            }
            ApiError error = PartitionControl.CheckAssignment(image, replicas, factor);
            if (error.IsError)
            {
                return error;
            }
            factor = replicas.Length;
        }
        foreach ((int partition, int[] replicas) in asked)
        {
            int[] isr = PartitionControl.ActiveOf(image, replicas);
            if (isr.Length == 0)
            {
                return new ApiError(
                    ErrorCode.InvalidReplicaAssignment,
                    "All brokers specified in the manual partition assignment for partition "
                        + $"{partition} are fenced or in controlled shutdown."
                );
            }
            if (partition != assignment.Count)
            {
                return new ApiError(
                    ErrorCode.InvalidReplicaAssignment,
                    "partitions should be a consecutive 0-based integer sequence"
                );
            }
            assignment.Add(replicas);
            isrs.Add(isr);
        }
        return default;
    }

    private static List<CreateTopicsResponse.CreatableTopicConfigs> DescribeSettings(
        ConfigValues broker,
        Dictionary<string, string> settings
    )
    {
        List<CreateTopicsResponse.CreatableTopicConfigs> described = [];
        foreach (DescribedConfig config in ConfigDescriber.Topic(broker, settings))
        {
            described.Add(
                new CreateTopicsResponse.CreatableTopicConfigs
                {
                    Name = config.Name,
                    Value = config.IsSensitive ? null : config.Value,
                    ReadOnly = config.IsReadOnly,
                    ConfigSource = (sbyte)config.Source,
                    IsSensitive = config.IsSensitive,
                }
            );
        }
        return described;
    }

    /// <summary>
    /// By name or by id. <paramref name="version"/> is the request's: topics are named apart before version 6, and an
    /// older client is told in the words of its time that deletion is switched off.
    /// </summary>
    public static ControlPlan<DeleteTopicsResponse> Delete(
        MetadataImage image,
        ControlFacts facts,
        DeleteTopicsRequest request,
        short version
    )
    {
        List<MetadataRecord> records = [];
        DeleteTopicsResponse response = new() { Responses = [] };
        bool isEnabled = BrokerSettings.Of(image, facts.NodeId, facts.StartedWith).GetBoolean("delete.topic.enable");
        List<(string? Name, KafkaUuid Id)> asked =
            version >= 6
                ? [.. request.Topics.Select(static topic => (topic.Name, topic.TopicId))]
                : [.. request.TopicNames.Select(static name => ((string?)name, default(KafkaUuid)))];
        HashSet<string> names = new(StringComparer.Ordinal);
        HashSet<KafkaUuid> ids = [];
        foreach ((string? name, KafkaUuid id) in asked)
        {
            TopicImage? topic = name is not null ? image.Topic(name) : image.Topic(id);
            ApiError error = CheckDeletion(name, id, topic, names, ids);
            if (!isEnabled)
            {
                error =
                    version < 3
                        ? new ApiError(ErrorCode.InvalidRequest, "Topic deletion is disabled.")
                        : new ApiError(ErrorCode.TopicDeletionDisabled, "Topic deletion is disabled.");
            }
            if (!error.IsError && records.Count >= MetadataLimits.RecordsPerChangeMax)
            {
                error = new ApiError(ErrorCode.PolicyViolation, "Excessively large number of topics per request.");
            }
            if (!error.IsError)
            {
                records.Add(new MetadataRecord(new RemoveTopicRecord { TopicId = topic!.Id }, 0));
            }
            response.Responses.Add(
                new DeleteTopicsResponse.DeletableTopicResult
                {
                    Name = error.IsError ? name : topic!.Name,
                    TopicId = error.IsError ? id : topic!.Id,
                    ErrorCode = (short)error.Code,
                    ErrorMessage = error.Message,
                }
            );
        }
        return new ControlPlan<DeleteTopicsResponse>(records, response);
    }

    private static ApiError CheckDeletion(
        string? name,
        KafkaUuid id,
        TopicImage? topic,
        HashSet<string> names,
        HashSet<KafkaUuid> ids
    )
    {
        if (name is not null && !id.IsZero)
        {
            return new ApiError(ErrorCode.InvalidRequest, "You may not specify both topic name and topic id.");
        }
        if (name is null && id.IsZero)
        {
            return new ApiError(ErrorCode.InvalidRequest, "Neither topic name nor id were specified.");
        }
        if (topic is null)
        {
            return name is not null
                ? new ApiError(ErrorCode.UnknownTopicOrPartition, "This server does not host this topic-partition.")
                : new ApiError(ErrorCode.UnknownTopicId, "This server does not host this topic ID.");
        }
        if (name is not null && !names.Add(name))
        {
            return new ApiError(ErrorCode.InvalidRequest, "Duplicate topic name.");
        }
        if (!ids.Add(topic.Id))
        {
            return name is null
                ? new ApiError(ErrorCode.InvalidRequest, "Duplicate topic id.")
                : new ApiError(
                    ErrorCode.InvalidRequest,
                    "The provided topic name maps to an ID that was already supplied."
                );
        }
        return default;
    }
}
