using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Cluster.Tests;

/// <summary>Small clusters, and requests to try on them.</summary>
internal static class Plans
{
    public const string Unknown =
        "The manual partition assignment includes broker 7, but no such broker is registered.";

    internal static readonly ControlFacts Facts = new()
    {
        NodeId = 1,
        StartedWith = ConfigValues.ForBroker(new Dictionary<string, string>()),
        Random = new Random(1).NextInt64ToUlong,
        Voter = new VoterImage(
            1,
            new KafkaUuid(200, 1),
            [new EndPointImage("CONTROLLER", "localhost", 9093, 0)],
            KRaftVersionLowest: 0,
            KRaftVersionHighest: 1
        ),
    };

    internal static MetadataImage ClusterOf(params (int Id, string? Rack, bool Fenced)[] brokers)
    {
        List<MetadataRecord> records = [];
        records.AddRange(FeatureSelection.Select(null, [], false, out _, out _)!);
        foreach ((int id, string? rack, bool fenced) in brokers)
        {
            BrokerImage broker = new()
            {
                Id = id,
                Epoch = id,
                IncarnationId = new KafkaUuid(1, (ulong)id),
                EndPoints = [],
                Features = Features.Supported,
                Rack = rack,
                Fenced = fenced,
                Directories = [new KafkaUuid(200, (ulong)id)],
                CordonedDirectories = [],
            };
            records.Add(ImageRecords.OfBroker(broker, MetadataVersions.Latest));
        }
        return Images.Replay(MetadataImage.Empty, records);
    }

    internal static MetadataImage One => ClusterOf((1, null, false));

    internal static CreateTopicsRequest.CreatableTopic Topic(
        string name,
        int partitions = 1,
        short factor = 1,
        params (string, string?)[] configs
    ) =>
        new()
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = factor,
            Assignments = [],
            Configs =
            [
                .. configs.Select(pair => new CreateTopicsRequest.CreatableTopicConfig
                {
                    Name = pair.Item1,
                    Value = pair.Item2,
                }),
            ],
        };

    internal static CreateTopicsRequest.CreatableTopic Assigned(
        string name,
        params (int Partition, int[] Brokers)[] by
    ) =>
        new()
        {
            Name = name,
            NumPartitions = -1,
            ReplicationFactor = -1,
            Configs = [],
            Assignments =
            [
                .. by.Select(one => new CreateTopicsRequest.CreatableReplicaAssignment
                {
                    PartitionIndex = one.Partition,
                    BrokerIds = [.. one.Brokers],
                }),
            ],
        };

    internal static (MetadataImage Image, CreateTopicsResponse Response) Create(
        MetadataImage image,
        params CreateTopicsRequest.CreatableTopic[] topics
    )
    {
        ControlPlan<CreateTopicsResponse> plan = TopicControl.Create(
            image,
            Facts,
            new CreateTopicsRequest { Topics = [.. topics] }
        );
        return (Images.Replay(image, plan.Records), plan.Response);
    }

    internal static (ErrorCode Code, string? Message) CreateError(
        MetadataImage image,
        CreateTopicsRequest.CreatableTopic topic
    )
    {
        CreateTopicsResponse.CreatableTopicResult result = Create(image, topic).Response.Topics[0];
        return ((ErrorCode)result.ErrorCode, result.ErrorMessage);
    }
}

internal static class RandomNumbers
{
    public static ulong NextInt64ToUlong(this Random random) => (ulong)random.NextInt64();
}
