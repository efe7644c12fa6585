using Aot.Broker.Base;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Server;
using Aot.Broker.Server.Fetch;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// A fetch request read into reused arrays, against the generated reader that makes an object of each part. By topic name
/// (version 12) and by topic id (18). The answer is the number of partitions.
/// </summary>
public class FetchRequests
{
    private const int PartitionsPerTopic = 4;

    private FetchRequestReader _reader = null!;
    private byte[] _body = [];

    [Params(1, 32)]
    public int Partitions { get; set; }

    [Params(12, 18)]
    public short Version { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _reader = new FetchRequestReader(new TopicNameTable());
        FetchRequest request = Sample();
        _body = new byte[request.Measure(Version)];
        WireWriter writer = new(_body);
        request.Write(ref writer, Version);
    }

    [Benchmark(Baseline = true)]
    public long Objects()
    {
        WireReader reader = new(_body);
        if (!FetchRequest.TryRead(ref reader, Version, out FetchRequest request))
        {
            return -1;
        }
        int partitions = 0;
        foreach (FetchRequest.FetchTopic topic in request.Topics)
        {
            partitions += topic.Partitions.Count;
        }
        return partitions;
    }

    [Benchmark, DataPlane]
    public long Broker() => _reader.TryRead(_body, Version) ? _reader.Count : -1;

    private FetchRequest Sample()
    {
        FetchRequest request = new()
        {
            MaxWaitMs = 500,
            MinBytes = 1,
            SessionId = 77,
            SessionEpoch = 3,
        };
        for (int i = 0; i < Partitions; i++)
        {
            if (i % PartitionsPerTopic == 0)
            {
                int topic = request.Topics.Count;
                request.Topics.Add(
                    new FetchRequest.FetchTopic
                    {
                        Topic = Version >= 13 ? "" : $"orders-of-region-{topic}",
                        TopicId = Version >= 13 ? new KafkaUuid(1, (ulong)topic) : default,
                    }
                );
            }
            request
                .Topics[^1]
                .Partitions.Add(
                    new FetchRequest.FetchPartition
                    {
                        Partition = i,
                        FetchOffset = 1000 + i,
                        PartitionMaxBytes = 1024 * 1024,
                    }
                );
        }
        return request;
    }
}
