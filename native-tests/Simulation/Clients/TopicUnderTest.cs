using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>The topic that the clients of a run use, and what they have in common.</summary>
internal sealed class TopicUnderTest(World world, Ledger ledger, bool syncedBeforeAnswer)
{
    public const string Name = "records";
    public const int Partitions = 6;

    public World World { get; } = world;

    public Ledger Ledger { get; } = ledger;

    public KafkaUuid Id { get; private set; }

    public bool Exists => !Id.IsZero;

    /// <summary>Producers send nothing new; they bring what they have under way to its end.</summary>
    public bool IsEnding { get; set; }

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

    /// <summary>Small segments, so that they are rolled all the time.</summary>
    private List<CreateTopicsRequest.CreatableTopicConfig> TopicConfigs()
    {
        int segmentBytes = World.Random.Pick<int>([6_000, 20_000, 1_000_000]);
        List<CreateTopicsRequest.CreatableTopicConfig> configs =
        [
            new() { Name = "internal.segment.bytes", Value = segmentBytes.ToString() },
        ];
        if (syncedBeforeAnswer)
        {
            configs.Add(new() { Name = "flush.messages", Value = "1" });
        }
        return configs;
    }
}
