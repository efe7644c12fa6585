using Aot.Broker.Base;
using Aot.Broker.Bench.Rig;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;
using Aot.Broker.Server;
using Aot.Broker.Server.Connections;
using Aot.Broker.Server.Produce;
using BenchmarkDotNet.Attributes;
using RequestHeader = Aot.Broker.Server.Connections.RequestHeader;

namespace Aot.Broker.Bench;

/// <summary>
/// A produce request with a batch of 1 KiB per partition, read in place into reused arrays, against the generated reader
/// that makes an object of each part. By topic name (version 12) and by topic id (13). The answer is the number of
/// partitions.
/// </summary>
public class ProduceRequests
{
    private const int PartitionsPerTopic = 4;

    private SteppedCore _core = null!;
    private ProduceWork _work = null!;
    private RequestSlot _slot = null!;
    private BufferHandle _buffer;

    [Params(1, 32)]
    public int Partitions { get; set; }

    [Params(12, 13)]
    public short Version { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _core = new SteppedCore();
        ServerCore server = ServerOnCore.Start(_core);
        _work = new ProduceWork(server);
        _slot = new RequestSlot(server);
        ProduceRequest request = Sample();
        int length = request.Measure(Version);
        Invariant.That(_core.Core.Buffers.TryRent(length, out _buffer));
        WireWriter writer = new(_core.Core.Buffers.Span(_buffer)[..length]);
        request.Write(ref writer, Version);
        Frame frame = new() { Buffer = _buffer, Length = length };
        RequestHeader header = new() { Version = Version };
        // Who asked does not matter to the reader.
        _slot.Begin(null!, null!, ref frame, header);
    }

    [GlobalCleanup]
    public void TearDown()
    {
        _core.Core.Buffers.Release(ref _buffer);
        _core.Dispose();
    }

    [Benchmark(Baseline = true)]
    public long Objects()
    {
        WireReader reader = new(_slot.Body);
        if (!ProduceRequest.TryRead(ref reader, Version, out ProduceRequest request))
        {
            return -1;
        }
        int partitions = 0;
        foreach (ProduceRequest.TopicProduceData topic in request.TopicData)
        {
            partitions += topic.PartitionData.Count;
        }
        return partitions;
    }

    [Benchmark, DataPlane]
    public long Broker() => _work.TryRead(_slot) ? Partitions : -1;

    private ProduceRequest Sample()
    {
        byte[] batch = SampleBatches.OfSize(1024);
        ProduceRequest request = new() { Acks = -1, TimeoutMs = 30_000 };
        for (int i = 0; i < Partitions; i++)
        {
            if (i % PartitionsPerTopic == 0)
            {
                int topic = request.TopicData.Count;
                request.TopicData.Add(
                    new ProduceRequest.TopicProduceData
                    {
                        Name = Version >= 13 ? "" : $"orders-of-region-{topic}",
                        TopicId = Version >= 13 ? new KafkaUuid(1, (ulong)topic) : default,
                    }
                );
            }
            request
                .TopicData[^1]
                .PartitionData.Add(new ProduceRequest.PartitionProduceData { Index = i, Records = batch });
        }
        return request;
    }
}
