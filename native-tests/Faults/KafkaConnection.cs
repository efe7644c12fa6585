using Aot.Broker.Base;
using Aot.Broker.Harness;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Faults.Tests;

internal delegate bool ReadMessage<T>(ref WireReader reader, short version, out T message);

internal delegate void OnRecord(long offset, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

/// <summary>Requests and answers as objects over one connection. Not for several threads.</summary>
internal sealed class KafkaConnection(BrokerProcess broker) : IDisposable
{
    public const short ProduceVersion = 12;
    private const short FetchVersion = 12;
    private const long EarliestTimestamp = -2;

    private readonly ScratchBuffer _plain = new();
    private int _correlation;

    public WireClient Wire { get; } = broker.Connect();

    public void Dispose()
    {
        Wire.Dispose();
        _plain.Dispose();
    }

    /// <summary>A request's bytes without the length.</summary>
    public static byte[] Frame(ApiKey key, short version, int correlation, IWireRequest request)
    {
        byte[] body = new byte[request.Measure(version)];
        WireWriter writer = new(body);
        request.Write(ref writer, version);
        return WireClient.Request(
            (short)key,
            version,
            correlation,
            body,
            ApiKeys.RequestHeaderVersion(key, version) >= 2
        );
    }

    public static T Parse<T>(ReadOnlySpan<byte> answer, ApiKey key, short version, ReadMessage<T> read)
    {
        WireReader reader = new(answer);
        reader.ReadInt32();
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            Assert.Equal(0u, reader.ReadUVarint());
        }
        Assert.True(read(ref reader, version, out T message), $"an answer of {key} version {version} is malformed");
        Assert.Equal(0, reader.Remaining);
        return message;
    }

    public int Send(ApiKey key, short version, IWireRequest request)
    {
        _correlation++;
        Wire.SendFrame(Frame(key, version, _correlation, request));
        return _correlation;
    }

    public T Call<T>(ApiKey key, short version, IWireRequest request, ReadMessage<T> read) =>
        Parse(Wire.Exchange(Frame(key, version, ++_correlation, request)), key, version, read);

    public ApiVersionsResponse ApiVersions() =>
        Call<ApiVersionsResponse>(
            ApiKey.ApiVersions,
            3,
            new ApiVersionsRequest { ClientSoftwareName = "faults", ClientSoftwareVersion = "1" },
            ApiVersionsResponse.TryRead
        );

    public void CreateTopic(string name, int partitions, params (string Name, string Value)[] configs) =>
        Assert.Equal((ErrorCode.None, null), TryCreateTopic(name, partitions, configs));

    public (ErrorCode Error, string? Why) TryCreateTopic(
        string name,
        int partitions,
        params (string Name, string Value)[] configs
    )
    {
        CreateTopicsRequest request = new()
        {
            TimeoutMs = 30_000,
            Topics =
            [
                new CreateTopicsRequest.CreatableTopic
                {
                    Name = name,
                    NumPartitions = partitions,
                    ReplicationFactor = 1,
                    Configs =
                    [
                        .. configs.Select(config => new CreateTopicsRequest.CreatableTopicConfig
                        {
                            Name = config.Name,
                            Value = config.Value,
                        }),
                    ],
                },
            ],
        };
        CreateTopicsResponse answer = Call<CreateTopicsResponse>(
            ApiKey.CreateTopics,
            7,
            request,
            CreateTopicsResponse.TryRead
        );
        return ((ErrorCode)answer.Topics[0].ErrorCode, answer.Topics[0].ErrorMessage);
    }

    public int PartitionsOf(string topic)
    {
        (ErrorCode error, int partitions) = TryFindTopic(topic);
        Assert.Equal(ErrorCode.None, error);
        return partitions;
    }

    public (ErrorCode Error, int Partitions) TryFindTopic(string topic)
    {
        MetadataResponse answer = Call<MetadataResponse>(
            ApiKey.Metadata,
            12,
            new MetadataRequest
            {
                Topics = [new MetadataRequest.MetadataRequestTopic { Name = topic }],
                AllowAutoTopicCreation = false,
            },
            MetadataResponse.TryRead
        );
        return ((ErrorCode)answer.Topics[0].ErrorCode, answer.Topics[0].Partitions.Count);
    }

    public (long Id, short Epoch) InitProducerId()
    {
        InitProducerIdResponse answer = Call<InitProducerIdResponse>(
            ApiKey.InitProducerId,
            4,
            new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = 60_000 },
            InitProducerIdResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)answer.ErrorCode);
        return (answer.ProducerId, answer.ProducerEpoch);
    }

    public static ProduceRequest ProduceRequest(string topic, int partition, byte[] records, short acks = -1) =>
        new()
        {
            Acks = acks,
            TimeoutMs = 30_000,
            TopicData =
            [
                new ProduceRequest.TopicProduceData
                {
                    Name = topic,
                    PartitionData = [new ProduceRequest.PartitionProduceData { Index = partition, Records = records }],
                },
            ],
        };

    public static ProduceResponse.PartitionProduceResponse ReadProduceAnswer(ReadOnlySpan<byte> answer) =>
        Parse<ProduceResponse>(answer, ApiKey.Produce, ProduceVersion, Protocol.Messages.ProduceResponse.TryRead)
            .Responses[0]
            .PartitionResponses[0];

    public ProduceResponse.PartitionProduceResponse Produce(string topic, int partition, byte[] records) =>
        ReadProduceAnswer(
            Wire.Exchange(
                Frame(ApiKey.Produce, ProduceVersion, ++_correlation, ProduceRequest(topic, partition, records))
            )
        );

    public static FetchRequest FetchRequest(string topic, int partition, long offset, int bytesMax, int waitMs = 0) =>
        new()
        {
            MaxWaitMs = waitMs,
            MinBytes = 1,
            MaxBytes = bytesMax,
            SessionEpoch = -1,
            Topics =
            [
                new FetchRequest.FetchTopic
                {
                    Topic = topic,
                    Partitions =
                    [
                        new FetchRequest.FetchPartition
                        {
                            Partition = partition,
                            FetchOffset = offset,
                            PartitionMaxBytes = bytesMax,
                        },
                    ],
                },
            ],
        };

    public FetchResponse.PartitionData Fetch(string topic, int partition, long offset, int bytesMax = 4 << 20)
    {
        FetchResponse answer = Call<FetchResponse>(
            ApiKey.Fetch,
            FetchVersion,
            FetchRequest(topic, partition, offset, bytesMax),
            FetchResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)answer.ErrorCode);
        return answer.Responses[0].Partitions[0];
    }

    /// <summary>
    /// Every record from an offset to the high watermark, with offsets that must be dense; returns the next offset.
    /// </summary>
    public long ReadAll(string topic, int partition, long offset, Action<long, ReadOnlySpan<byte>> onRecord)
    {
        while (true)
        {
            FetchResponse.PartitionData data = Fetch(topic, partition, offset);
            Assert.Equal(ErrorCode.None, (ErrorCode)data.ErrorCode);
            if (data.Records is not { Length: > 0 } records)
            {
                Assert.Equal(data.HighWatermark, offset);
                return offset;
            }
            BatchScanner batches = new(records);
            long before = offset;
            while (batches.MoveNext())
            {
                RecordBatchView batch = batches.Batch;
                Assert.Equal(batch.ComputeCrc(), batch.Crc);
                if (batch.LastOffset < offset)
                {
                    continue;
                }
                foreach (RecordView record in Batches.Records(batch, _plain))
                {
                    long at = batch.BaseOffset + record.OffsetDelta;
                    if (at >= offset)
                    {
                        Assert.Equal(offset, at);
                        onRecord(at, record.Value.Span);
                        offset++;
                    }
                }
                Assert.Equal(batch.NextOffset, offset);
            }
            Assert.True(offset > before, $"{topic}-{partition}: nothing whole at offset {offset}");
        }
    }

    /// <summary>
    /// Every record that is left in a log whose old records go away while it is read, by their offsets, which grow; returns
    /// where the log begins and where it ends.
    /// </summary>
    public (long Start, long End) ReadLeft(string topic, int partition, OnRecord onRecord)
    {
        long start = EarliestOffset(topic, partition);
        long offset = start;
        while (true)
        {
            FetchResponse.PartitionData data = Fetch(topic, partition, offset);
            if ((ErrorCode)data.ErrorCode == ErrorCode.OffsetOutOfRange)
            {
                long moved = EarliestOffset(topic, partition);
                Assert.True(moved > offset, $"{topic}-{partition}: {offset} is out of range, and {moved} is the first");
                start = offset = moved;
                continue;
            }
            Assert.Equal(ErrorCode.None, (ErrorCode)data.ErrorCode);
            if (data.Records is not { Length: > 0 } records)
            {
                Assert.Equal(data.HighWatermark, offset);
                return (start, offset);
            }
            BatchScanner batches = new(records);
            long before = offset;
            while (batches.MoveNext())
            {
                RecordBatchView batch = batches.Batch;
                Assert.Equal(batch.ComputeCrc(), batch.Crc);
                foreach (RecordView record in Batches.Records(batch, _plain))
                {
                    long at = batch.BaseOffset + record.OffsetDelta;
                    if (at >= offset)
                    {
                        onRecord(at, record.Key.Span, record.Value.Span);
                        offset = at + 1;
                    }
                }
                offset = Math.Max(offset, batch.NextOffset);
            }
            Assert.True(offset > before, $"{topic}-{partition}: nothing whole at offset {offset}");
        }
    }

    private long EarliestOffset(string topic, int partition)
    {
        ListOffsetsResponse answer = Call<ListOffsetsResponse>(
            ApiKey.ListOffsets,
            7,
            new ListOffsetsRequest
            {
                ReplicaId = -1,
                Topics =
                [
                    new ListOffsetsRequest.ListOffsetsTopic
                    {
                        Name = topic,
                        Partitions =
                        [
                            new ListOffsetsRequest.ListOffsetsPartition
                            {
                                PartitionIndex = partition,
                                Timestamp = EarliestTimestamp,
                            },
                        ],
                    },
                ],
            },
            ListOffsetsResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)answer.Topics[0].Partitions[0].ErrorCode);
        return answer.Topics[0].Partitions[0].Offset;
    }
}
