using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Tests;

/// <summary>
/// Produce requests whose batches are judged on compute threads, to logs of the connection's core and of the other one.
/// That nothing is left behind is checked at the end of each.
/// </summary>
public sealed class DeferredProduceTests
{
    private const int Partitions = 4;
    private const int LargeRecords = 1_500;
    private const long ProducerId = 77;

    public static TheoryData<IoMode, short> BackendsAndAcks => new() { { IoMode.Auto, -1 }, { IoMode.Epoll, 1 } };

    [Theory]
    [MemberData(nameof(BackendsAndAcks))]
    public async Task Pipelined_requests_of_an_idempotent_producer_are_appended_in_order(IoMode io, short acks)
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(io);
        KafkaUuid id = await rig.CreateTopicAsync("pipelined", Partitions);
        using WireClient client = await rig.ConnectAsync();
        int[] records = [LargeRecords, 1, 2, LargeRecords, LargeRecords, 3, 1, LargeRecords, 1, 1];
        int sequence = 0;
        for (int i = 0; i < records.Length; i++)
        {
            byte[] batch = Batch(records[i], sequence);
            await client.SendAsync(ApiKey.Produce, 12, i, Produce("pipelined", id, acks, 20_000, batch));
            sequence += records[i];
        }
        int expected = 0;
        for (int i = 0; i < records.Length; i++)
        {
            ProduceResponse answer = await ReceiveAsync(client, i);
            foreach (ProduceResponse.PartitionProduceResponse partition in answer.Responses[0].PartitionResponses)
            {
                Assert.Equal((ErrorCode.None, expected), ((ErrorCode)partition.ErrorCode, partition.BaseOffset));
            }
            expected += records[i];
        }
    }

    [Fact]
    public async Task A_time_limit_that_runs_out_meanwhile_loses_no_buffer_and_no_record()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("late", Partitions, ("compression.type", "gzip"));
        using WireClient client = await rig.ConnectAsync();
        const int Requests = 6;
        for (int i = 0; i < Requests; i++)
        {
            await client.SendAsync(
                ApiKey.Produce,
                12,
                i,
                Produce("late", id, acks: -1, timeoutMs: 1, Batch(LargeRecords, -1))
            );
        }
        for (int i = 0; i < Requests; i++)
        {
            ProduceResponse answer = await ReceiveAsync(client, i);
            foreach (ProduceResponse.PartitionProduceResponse partition in answer.Responses[0].PartitionResponses)
            {
                ErrorCode error = (ErrorCode)partition.ErrorCode;
                Assert.True(error is ErrorCode.None or ErrorCode.RequestTimedOut, $"{error}");
                Assert.Equal(error == ErrorCode.None ? (long)i * LargeRecords : -1, partition.BaseOffset);
            }
        }
        await client.SendAsync(ApiKey.Produce, 12, 99, Produce("late", id, acks: 1, 20_000, Batch(1, -1)));
        ProduceResponse last = await ReceiveAsync(client, 99);
        Assert.All(
            last.Responses[0].PartitionResponses,
            partition => Assert.Equal((long)Requests * LargeRecords, partition.BaseOffset)
        );
    }

    [Fact]
    public async Task A_client_that_leaves_while_its_batches_wait_leaves_nothing_behind()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("gone", Partitions);
        for (int round = 0; round < 3; round++)
        {
            using WireClient client = await rig.ConnectAsync();
            for (int i = 0; i < 4; i++)
            {
                short acks = (short)(i % 3 - 1);
                await client.SendAsync(
                    ApiKey.Produce,
                    12,
                    i,
                    Produce("gone", id, acks, 20_000, Batch(LargeRecords, -1))
                );
            }
        }
        using WireClient other = await rig.ConnectAsync();
        await other.SendAsync(ApiKey.Produce, 12, 7, Produce("gone", id, acks: 1, 20_000, Batch(1, -1)));
        ProduceResponse answer = await ReceiveAsync(other, 7);
        Assert.All(answer.Responses[0].PartitionResponses, partition => Assert.Equal(0, partition.ErrorCode));
    }

    [Fact]
    public async Task A_refusal_reaches_the_client_with_its_records()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("compacted", Partitions, ("cleanup.policy", "compact"));
        using WireClient client = await rig.ConnectAsync();
        await client.SendAsync(
            ApiKey.Produce,
            12,
            1,
            Produce("compacted", id, acks: -1, 20_000, Batch(LargeRecords, -1))
        );
        ProduceResponse answer = await ReceiveAsync(client, 1);
        foreach (ProduceResponse.PartitionProduceResponse partition in answer.Responses[0].PartitionResponses)
        {
            Assert.Equal(ErrorCode.InvalidRecord, (ErrorCode)partition.ErrorCode);
            Assert.Equal(LargeRecords, partition.RecordErrors.Count);
        }
    }

    private static async Task<ProduceResponse> ReceiveAsync(WireClient client, int correlationId)
    {
        byte[]? answer = await client.ReceiveAsync();
        Assert.NotNull(answer);
        return WireClient.Parse<ProduceResponse>(answer, ApiKey.Produce, 12, correlationId, ProduceResponse.TryRead);
    }

    /// <summary>Without keys; with many records it is too much for a core.</summary>
    private static byte[] Batch(int records, int sequence)
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                ProducerId = sequence < 0 ? -1 : ProducerId,
                ProducerEpoch = (short)(sequence < 0 ? -1 : 0),
                BaseSequence = sequence,
                Codec = CompressionCodec.Gzip,
            }
        );
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        byte[] value = new byte[100];
        for (int i = 0; i < records; i++)
        {
            builder.Append(now, NullableBytes.Null, value);
        }
        return builder.ToArray();
    }

    private static ProduceRequest Produce(string topic, KafkaUuid id, short acks, int timeoutMs, byte[] batch) =>
        new()
        {
            Acks = acks,
            TimeoutMs = timeoutMs,
            TopicData =
            [
                new ProduceRequest.TopicProduceData
                {
                    Name = topic,
                    TopicId = id,
                    PartitionData =
                    [
                        .. Enumerable
                            .Range(0, Partitions)
                            .Select(p => new ProduceRequest.PartitionProduceData { Index = p, Records = [.. batch] }),
                    ],
                },
            ],
        };
}
