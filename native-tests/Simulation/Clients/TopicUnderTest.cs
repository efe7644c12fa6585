using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>The topic that the clients of a run use, and what they have in common.</summary>
internal sealed class TopicUnderTest(World world, Ledger ledger)
{
    public string Name { get; init; } = "records";

    public int Partitions { get; init; } = 6;

    /// <summary>Settings of the topic, beside its size of segments.</summary>
    public IReadOnlyList<(string Name, string Value)> Configs { get; init; } = [];

    /// <summary>Small segments, so that they are rolled all the time.</summary>
    public int SegmentBytes { get; init; } = world.Random.Pick<int>([6_000, 20_000, 1_000_000]);

    /// <summary>How long a client waits before it tries again.</summary>
    public const long RetryNanos = 20_000_000;

    public World World { get; } = world;

    public Ledger Ledger { get; } = ledger;

    public KafkaUuid Id { get; private set; }

    public bool Exists => !Id.IsZero;

    /// <summary>
    /// Errors that an answer may have now: those of a broker that stops or comes up, and, where the disk has a fault,
    /// that of a broken disk.
    /// </summary>
    public bool MayAnswer(ErrorCode error) =>
        error
            is ErrorCode.NotLeaderOrFollower
                or ErrorCode.UnknownTopicOrPartition
                or ErrorCode.CoordinatorNotAvailable
                or ErrorCode.CoordinatorLoadInProgress
                or ErrorCode.NotCoordinator
        || (error == ErrorCode.KafkaStorageError && World.Device.Faults.HasFired);

    /// <summary>Producers send nothing new; they bring what they have under way to its end.</summary>
    public bool IsEnding { get; set; }

    /// <summary>
    /// Its logs may come up late, one request after the other. A producer then has to wait for its first answer: to a log
    /// that does not know it, its second batch is as good as its first.
    /// </summary>
    public bool IsCautious { get; set; }

    /// <summary>Its deletion was acknowledged.</summary>
    public bool IsDeleted { get; set; }

    /// <summary>Everybody stops where they are.</summary>
    public bool IsOver { get; set; }

    /// <summary>Creates the topic. Once a broker has said that it is there, it has to stay.</summary>
    public async Task CreateAsync()
    {
        while (!Exists)
        {
            WireClient? client = await WireClient.ConnectAsync(World, () => IsOver);
            if (client is null)
            {
                return;
            }
            try
            {
                await CreateOnceAsync(client);
            }
            catch (ConnectionLost)
            {
                continue;
            }
            client.Close();
        }
    }

    /// <summary>After a restart: the topic is the same.</summary>
    public async Task CheckAsync(WireClient client)
    {
        MetadataResponse response = await client.CallAsync<MetadataResponse>(
            ApiKey.Metadata,
            12,
            new MetadataRequest { Topics = [new() { Name = Name }], AllowAutoTopicCreation = false },
            MetadataResponse.TryRead
        );
        MetadataResponse.MetadataResponseTopic topic = response.Topics.Single();
        World.Check(
            topic.ErrorCode == 0 && topic.TopicId == Id && topic.Partitions.Count == Partitions,
            $"the topic was created and is now {(ErrorCode)topic.ErrorCode} {topic.TopicId}"
        );
    }

    public byte[] BatchOf(IReadOnlyList<string> values, RecordBatchOptions options)
    {
        RecordBatchBuilder builder = new(options);
        foreach (string value in values)
        {
            builder.Append(World.WallMillis, NullableBytes.Null, Encoding.ASCII.GetBytes(value));
        }
        return builder.ToArray();
    }

    /// <summary>A request for one batch of each partition.</summary>
    public ProduceRequest ProduceOf(IEnumerable<(int Partition, byte[] Batch)> batches, short acks) =>
        new()
        {
            Acks = acks,
            TimeoutMs = 10_000,
            TopicData =
            [
                new()
                {
                    Name = Name,
                    TopicId = Id,
                    PartitionData =
                    [
                        .. batches.Select(b => new ProduceRequest.PartitionProduceData
                        {
                            Index = b.Partition,
                            Records = b.Batch,
                        }),
                    ],
                },
            ],
        };

    private async Task CreateOnceAsync(WireClient client)
    {
        CreateTopicsResponse created = await client.CallAsync<CreateTopicsResponse>(
            ApiKey.CreateTopics,
            7,
            new CreateTopicsRequest
            {
                Topics =
                [
                    new()
                    {
                        Name = Name,
                        NumPartitions = Partitions,
                        ReplicationFactor = 1,
                        Configs = TopicConfigs(),
                    },
                ],
                TimeoutMs = 10_000,
            },
            CreateTopicsResponse.TryRead
        );
        CreateTopicsResponse.CreatableTopicResult result = created.Topics.Single();
        ErrorCode error = (ErrorCode)result.ErrorCode;
        if (error == ErrorCode.KafkaStorageError && MayAnswer(error))
        {
            await World.DelayAsync(RetryNanos);
            return;
        }
        World.Check(error is ErrorCode.None or ErrorCode.TopicAlreadyExists, $"create: {error} {result.ErrorMessage}");
        if (error == ErrorCode.None)
        {
            Id = result.TopicId;
            return;
        }
        MetadataResponse response = await client.CallAsync<MetadataResponse>(
            ApiKey.Metadata,
            12,
            new MetadataRequest { Topics = [new() { Name = Name }], AllowAutoTopicCreation = false },
            MetadataResponse.TryRead
        );
        World.Check(response.Topics.Single().ErrorCode == 0, "a topic that exists is not in the metadata");
        Id = response.Topics.Single().TopicId;
    }

    private List<CreateTopicsRequest.CreatableTopicConfig> TopicConfigs() =>
        [
            new() { Name = "internal.segment.bytes", Value = SegmentBytes.ToString() },
            .. Configs.Select(c => new CreateTopicsRequest.CreatableTopicConfig { Name = c.Name, Value = c.Value }),
        ];
}
