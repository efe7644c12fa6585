using Aot.Broker.Base;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Interop.Tests.Produce;

internal delegate bool ReadMessage<T>(ref WireReader reader, short version, out T message);

/// <summary>One connection to a broker of either kind that sends produce requests as they are.</summary>
internal sealed class ProduceClient(int port) : IDisposable
{
    private const short FetchVersion = 12;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    private readonly Dictionary<string, KafkaUuid> _ids = [];
    private WireClient _wire = new("127.0.0.1", port, s_limit);
    private int _correlation;

    public void Dispose() => _wire.Dispose();

    public void CreateTopics(IEnumerable<(string Name, (string Name, string Value)[] Configs)> topics)
    {
        CreateTopicsRequest request = new()
        {
            TimeoutMs = 60_000,
            Topics =
            [
                .. topics.Select(topic => new CreateTopicsRequest.CreatableTopic
                {
                    Name = topic.Name,
                    NumPartitions = 1,
                    ReplicationFactor = 1,
                    Configs =
                    [
                        .. topic.Configs.Select(config => new CreateTopicsRequest.CreatableTopicConfig
                        {
                            Name = config.Name,
                            Value = config.Value,
                        }),
                    ],
                }),
            ],
        };
        CreateTopicsResponse answer = Call<CreateTopicsResponse>(
            ApiKey.CreateTopics,
            7,
            request,
            CreateTopicsResponse.TryRead
        );
        foreach (CreateTopicsResponse.CreatableTopicResult topic in answer.Topics)
        {
            Assert.Equal(
                (topic.Name, ErrorCode.None, null),
                (topic.Name, (ErrorCode)topic.ErrorCode, topic.ErrorMessage)
            );
            _ids.Add(topic.Name, topic.TopicId);
        }
        // Apache Kafka answers before its partitions have their leader.
        foreach (string name in _ids.Keys)
        {
            Until.Holds(() => (ErrorCode)Fetch(name, 0).ErrorCode == ErrorCode.None, $"{name} has a leader");
        }
    }

    /// <summary>The answer for the partition; null when the broker closed the connection instead.</summary>
    public ProduceResponse.PartitionProduceResponse? Produce(ProduceCase each)
    {
        (string topic, short version) = (each.Topic, each.Version);
        ProduceRequest request = new()
        {
            Acks = each.Acks,
            TimeoutMs = 30_000,
            TopicData =
            [
                new ProduceRequest.TopicProduceData
                {
                    Name = version < 13 ? topic : "",
                    TopicId = version < 13 ? default : _ids[topic],
                    PartitionData = [new ProduceRequest.PartitionProduceData { Index = 0, Records = each.Records }],
                },
            ],
        };
        _wire.SendFrame(Frame(ApiKey.Produce, version, request));
        byte[]? answer;
        try
        {
            answer = _wire.ReceiveFrame();
        }
        catch (System.Net.Sockets.SocketException error)
        {
            throw new HarnessException($"{topic}, {each.Name}: {error.Message}");
        }
        if (answer is null)
        {
            _wire.Dispose();
            _wire = new WireClient("127.0.0.1", port, s_limit);
            return null;
        }
        return Parse<ProduceResponse>(answer, ApiKey.Produce, version, ProduceResponse.TryRead)
            .Responses[0]
            .PartitionResponses[0];
    }

    /// <summary>All that the partition holds, as it is stored.</summary>
    public byte[] ReadAll(string topic)
    {
        List<byte> all = [];
        for (long offset = 0; ; )
        {
            FetchResponse.PartitionData data = Fetch(topic, offset);
            Assert.Equal(ErrorCode.None, (ErrorCode)data.ErrorCode);
            List<byte[]> batches = StoredBatch.Split(data.Records ?? []);
            if (batches.Count == 0)
            {
                Assert.Equal(data.HighWatermark, offset);
                return [.. all];
            }
            batches.ForEach(all.AddRange);
            offset = StoredBatch.View(batches[^1]).NextOffset;
        }
    }

    private FetchResponse.PartitionData Fetch(string topic, long offset)
    {
        FetchRequest request = new()
        {
            MaxBytes = 50_000_000,
            SessionEpoch = -1,
            Topics =
            [
                new FetchRequest.FetchTopic
                {
                    Topic = topic,
                    Partitions =
                    [
                        new FetchRequest.FetchPartition { FetchOffset = offset, PartitionMaxBytes = 50_000_000 },
                    ],
                },
            ],
        };
        return Call<FetchResponse>(ApiKey.Fetch, FetchVersion, request, FetchResponse.TryRead).Responses[0].Partitions[
            0
        ];
    }

    private T Call<T>(ApiKey key, short version, IWireRequest request, ReadMessage<T> read) =>
        Parse(_wire.Exchange(Frame(key, version, request)), key, version, read);

    private byte[] Frame(ApiKey key, short version, IWireRequest request)
    {
        byte[] body = new byte[request.Measure(version)];
        WireWriter writer = new(body);
        request.Write(ref writer, version);
        return WireClient.Request(
            (short)key,
            version,
            ++_correlation,
            body,
            ApiKeys.RequestHeaderVersion(key, version) >= 2
        );
    }

    private static T Parse<T>(ReadOnlySpan<byte> answer, ApiKey key, short version, ReadMessage<T> read)
    {
        WireReader reader = new(answer);
        reader.ReadInt32();
        if (ApiKeys.ResponseHeaderVersion(key, version) >= 1)
        {
            Assert.Equal(0u, reader.ReadUVarint());
        }
        Assert.True(read(ref reader, version, out T message), $"an answer of {key} version {version} is malformed");
        return message;
    }
}
