using Aot.Broker.Base;
using Aot.Broker.Bench.Rivals;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// A Metadata answer with 200 topics of 6 partitions on 3 brokers, through the wire writer and reader, against the
/// runtime's binary writer and reader over a stream. Writing answers with the number of bytes, reading with that of
/// partitions. The writer measures first, as a server does that must state the length before the bytes.
/// </summary>
public class MetadataAnswers
{
    internal const short Version = 12;
    private const int PartitionsPerTopic = 6;

    private readonly MetadataResponse _response = new() { ClusterId = "aot-broker-cluster-id0", ControllerId = 1 };
    private byte[] _target = [];
    private byte[] _bytes = [];
    private MemoryStream _targetStream = null!;
    private MemoryStream _bytesStream = null!;
    private BinaryWriter _writer = null!;
    private BinaryReader _reader = null!;

    internal static int Topics => BenchSize.Of(200, 8);

    internal static int PartitionCount => Topics * PartitionsPerTopic;

    internal ReadOnlySpan<byte> Written => _target;

    internal ReadOnlySpan<byte> WrittenByStream => _targetStream.GetBuffer().AsSpan(0, (int)_targetStream.Position);

    [GlobalSetup]
    public void SetUp()
    {
        Fill();
        int length = _response.Measure(Version);
        _target = new byte[length];
        _bytes = new byte[length];
        _targetStream = new MemoryStream(length);
        _writer = new BinaryWriter(_targetStream);
        WireWriter writer = new(_bytes);
        _response.Write(ref writer, Version);
        _bytesStream = new MemoryStream(_bytes);
        _reader = new BinaryReader(_bytesStream);
    }

    [BenchmarkCategory("write"), Benchmark(Baseline = true)]
    public long StreamWrite()
    {
        _targetStream.Position = 0;
        StreamMetadata.Write(_response, _writer);
        _writer.Flush();
        return _targetStream.Position;
    }

    [BenchmarkCategory("write"), Benchmark, DataPlane]
    public long BrokerWrite()
    {
        int length = _response.Measure(Version);
        WireWriter writer = new(_target.AsSpan(0, length));
        _response.Write(ref writer, Version);
        return writer.Position;
    }

    [BenchmarkCategory("read"), Benchmark(Baseline = true)]
    public long StreamRead()
    {
        _bytesStream.Position = 0;
        return StreamMetadata.Read(_reader, out _);
    }

    [BenchmarkCategory("read"), Benchmark]
    public long BrokerRead()
    {
        WireReader reader = new(_bytes);
        if (!MetadataResponse.TryRead(ref reader, Version, out MetadataResponse response))
        {
            return -1;
        }
        int partitions = 0;
        foreach (MetadataResponse.MetadataResponseTopic topic in response.Topics)
        {
            partitions += topic.Partitions.Count;
        }
        return partitions;
    }

    private void Fill()
    {
        _response.Brokers.Clear();
        _response.Topics.Clear();
        for (int i = 1; i <= 3; i++)
        {
            _response.Brokers.Add(
                new MetadataResponse.MetadataResponseBroker
                {
                    NodeId = i,
                    Host = $"broker-{i}.example.org",
                    Port = 9092,
                    Rack = i == 1 ? null : "rack",
                }
            );
        }
        for (int i = 0; i < Topics; i++)
        {
            MetadataResponse.MetadataResponseTopic topic = new()
            {
                Name = $"orders-of-region-{i}",
                TopicId = new KafkaUuid(1, (ulong)i),
            };
            for (int p = 0; p < PartitionsPerTopic; p++)
            {
                topic.Partitions.Add(
                    new MetadataResponse.MetadataResponsePartition
                    {
                        PartitionIndex = p,
                        LeaderId = 1 + (p % 3),
                        LeaderEpoch = 4,
                        ReplicaNodes = [1, 2, 3],
                        IsrNodes = [1, 2, 3],
                    }
                );
            }
            _response.Topics.Add(topic);
        }
    }
}
