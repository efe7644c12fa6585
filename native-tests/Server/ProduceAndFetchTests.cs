using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Tests;

/// <summary>Records through two cores: what was produced is fetched, long polls wake, limits and sessions hold.</summary>
public sealed class ProduceAndFetchTests
{
    private const int Partitions = 4;

    public static TheoryData<IoMode> Backends => new(IoMode.Auto, IoMode.Epoll);

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Records_of_every_partition_come_back_in_every_version(IoMode io)
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(io);
        KafkaUuid id = await rig.CreateTopicAsync("all", Partitions);
        using WireClient client = await rig.ConnectAsync();
        int round = 0;
        for (short version = 3; version <= 13; version++)
        {
            short acks = (short)(version % 2 == 0 ? 1 : -1);
            ProduceResponse response = await ProduceAsync(client, version, "all", id, acks, AllPartitions($"r{round}"));
            foreach (ProduceResponse.PartitionProduceResponse partition in response.Responses[0].PartitionResponses)
            {
                Assert.Equal(0, partition.ErrorCode);
                Assert.Equal(round, partition.BaseOffset);
            }
            round++;
        }
        for (short version = 4; version <= 18; version++)
        {
            FetchResponse response = await FetchAsync(client, version, Ask("all", id, minBytes: 1, From(0)));
            FetchResponse.FetchableTopicResponse topic = Assert.Single(response.Responses);
            Assert.Equal(Partitions, topic.Partitions.Count);
            foreach (FetchResponse.PartitionData partition in topic.Partitions)
            {
                Assert.Equal(((short)0, (long)round), (partition.ErrorCode, partition.HighWatermark));
                Assert.Equal(
                    Enumerable.Range(0, round).Select(i => ((long)i, $"r{i}-{partition.PartitionIndex}")),
                    Batches.Read(partition.Records)
                );
            }
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task A_long_poll_over_the_logs_of_both_cores_wakes_for_each_of_them(IoMode io)
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(io);
        KafkaUuid id = await rig.CreateTopicAsync("poll", Partitions);
        using WireClient consumer = await rig.ConnectAsync();
        using WireClient producer = await rig.ConnectAsync();
        long[] offsets = new long[Partitions];
        for (int i = 0; i < 200; i++)
        {
            int partition = i % Partitions;
            Task<FetchResponse> waiting = FetchAsync(
                consumer,
                17,
                Ask("poll", id, minBytes: 1, p => offsets[p], maxWaitMs: 25_000)
            );
            if (i % 3 == 0)
            {
                await Task.Yield();
            }
            await ProduceAsync(producer, 12, "poll", id, 1, [(partition, Batches.Of($"v{i}"))]);
            FetchResponse response = await waiting;
            FetchResponse.PartitionData found = response.Responses[0].Partitions.Single(p => p.Records!.Length > 0);
            Assert.Equal(partition, found.PartitionIndex);
            Assert.Equal((offsets[partition], $"v{i}"), Assert.Single(Batches.Read(found.Records)));
            offsets[partition]++;
        }
    }

    [Fact]
    public async Task A_long_poll_answers_when_the_logs_together_have_the_bytes_it_wants()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("sum", Partitions);
        using WireClient consumer = await rig.ConnectAsync();
        using WireClient producer = await rig.ConnectAsync();
        byte[] batch = Batches.Of(new string('x', 1000));
        Task<FetchResponse> waiting = FetchAsync(
            consumer,
            12,
            Ask("sum", id, minBytes: (6 * batch.Length) - 10, From(0), maxWaitMs: 25_000)
        );
        for (int i = 0; i < 6; i++)
        {
            Assert.False(waiting.IsCompleted);
            await ProduceAsync(producer, 9, "sum", id, 1, [(i % Partitions, batch)]);
        }
        FetchResponse response = await waiting;
        Assert.Equal(6 * batch.Length, response.Responses[0].Partitions.Sum(p => p.Records!.Length));
    }

    [Fact]
    public async Task A_long_poll_answers_empty_when_its_time_is_over()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("quiet", Partitions);
        using WireClient client = await rig.ConnectAsync();
        FetchResponse response = await FetchAsync(client, 12, Ask("quiet", id, 1, From(0), maxWaitMs: 30));
        Assert.All(response.Responses[0].Partitions, p => Assert.Equal((0, 0), (p.ErrorCode, p.Records!.Length)));
    }

    [Fact]
    public async Task A_client_that_leaves_during_its_long_poll_leaves_no_watch_behind()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("gone", Partitions);
        using WireClient producer = await rig.ConnectAsync();
        for (int i = 0; i < 20; i++)
        {
            using WireClient client = await rig.ConnectAsync();
            await client.SendAsync(ApiKey.Fetch, 12, 1, Ask("gone", id, 1, From(0), maxWaitMs: 20_000));
        }
        await ProduceAsync(producer, 9, "gone", id, 1, AllPartitions("x"));
        FetchResponse response = await FetchAsync(producer, 12, Ask("gone", id, 1, From(0)));
        Assert.All(response.Responses[0].Partitions, p => Assert.Single(Batches.Read(p.Records)));
        for (int core = 0; core < 2; core++)
        {
            for (int tries = 0; await rig.OnCoreAsync(core, each => each.Purgatory.Delayed) > 0; tries++)
            {
                Assert.True(tries < 100_000, "a watch stayed");
            }
        }
    }

    [Fact]
    public async Task The_limit_on_bytes_holds_after_the_first_batch()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("limit", Partitions);
        using WireClient client = await rig.ConnectAsync();
        await ProduceAsync(client, 9, "limit", id, 1, AllPartitions(new string('y', 5000)));
        FetchRequest request = Ask("limit", id, 1, From(0));
        request.MaxBytes = 100;
        FetchResponse small = await FetchAsync(client, 12, request);
        Assert.Single(small.Responses[0].Partitions, p => p.Records!.Length > 0);
        Assert.Single(Batches.Read(small.Responses[0].Partitions.Single(p => p.Records!.Length > 0).Records));
        request.MaxBytes = 11_000;
        FetchResponse two = await FetchAsync(client, 12, request);
        Assert.Equal(2, two.Responses[0].Partitions.Sum(p => Batches.Read(p.Records).Count));
    }

    [Fact]
    public async Task A_session_tells_only_what_is_new()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("session", Partitions);
        using WireClient client = await rig.ConnectAsync();
        await ProduceAsync(client, 9, "session", id, 1, AllPartitions("a"));
        FetchRequest full = Ask("session", id, 1, From(1), maxWaitMs: 1);
        full.SessionEpoch = 0;
        FetchResponse first = await FetchAsync(client, 16, full);
        Assert.NotEqual(0, first.SessionId);
        Assert.Equal(Partitions, first.Responses[0].Partitions.Count);

        FetchRequest next = new()
        {
            MaxWaitMs = 10,
            MinBytes = 1,
            SessionId = first.SessionId,
            SessionEpoch = 1,
        };
        Assert.Empty((await FetchAsync(client, 16, next)).Responses);

        await ProduceAsync(client, 9, "session", id, 1, [(2, Batches.Of("b"))]);
        next.SessionEpoch = 2;
        FetchResponse second = await FetchAsync(client, 16, next);
        FetchResponse.PartitionData only = Assert.Single(Assert.Single(second.Responses).Partitions);
        Assert.Equal((2, 2L), (only.PartitionIndex, only.HighWatermark));
        Assert.Equal((1L, "b"), Assert.Single(Batches.Read(only.Records)));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Pipelined_batches_keep_their_order_in_every_partition(IoMode io)
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(io);
        KafkaUuid id = await rig.CreateTopicAsync("order", Partitions);
        using WireClient client = await rig.ConnectAsync();
        const int Count = 400;
        List<byte> stream = [];
        for (int i = 0; i < Count; i++)
        {
            short acks = (short)((i % 3) - 1);
            stream.AddRange(WireClient.Frame(ApiKey.Produce, 9, i, Produce("order", id, acks, AllPartitions($"n{i}"))));
        }
        Task sending = client.SendAsync(stream.ToArray());
        for (int i = 0; i < Count; i++)
        {
            if ((i % 3) - 1 != 0)
            {
                byte[]? answer = await client.ReceiveAsync();
                ProduceResponse response = WireClient.Parse<ProduceResponse>(
                    answer!,
                    ApiKey.Produce,
                    9,
                    i,
                    ProduceResponse.TryRead
                );
                Assert.All(
                    response.Responses[0].PartitionResponses,
                    p => Assert.Equal(((short)0, (long)i), (p.ErrorCode, p.BaseOffset))
                );
            }
        }
        await sending;
        FetchResponse all = await FetchAsync(client, 12, Ask("order", id, 1, From(0)));
        foreach (FetchResponse.PartitionData partition in all.Responses[0].Partitions)
        {
            Assert.Equal(
                Enumerable.Range(0, Count).Select(i => ((long)i, $"n{i}-{partition.PartitionIndex}")),
                Batches.Read(partition.Records)
            );
        }
    }

    [Fact]
    public async Task A_repeated_batch_of_an_idempotent_producer_gets_its_first_offset()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("idem", 2);
        using WireClient client = await rig.ConnectAsync();
        InitProducerIdResponse producer = await client.CallAsync<InitProducerIdResponse>(
            ApiKey.InitProducerId,
            4,
            new InitProducerIdRequest { TransactionalId = null },
            InitProducerIdResponse.TryRead
        );
        Assert.Equal(0, producer.ErrorCode);
        foreach (int partition in new[] { 0, 1 })
        {
            for (int i = 0; i < 2; i++)
            {
                byte[] batch = Batches.Of(["a", "b"], producer.ProducerId, producer.ProducerEpoch, sequence: 0);
                ProduceResponse response = await ProduceAsync(client, 9, "idem", id, -1, [(partition, batch)]);
                Assert.Equal(((short)0, 0L), ErrorAndOffset(response));
            }
            byte[] gap = Batches.Of(["d"], producer.ProducerId, producer.ProducerEpoch, sequence: 3);
            ProduceResponse refused = await ProduceAsync(client, 9, "idem", id, -1, [(partition, gap)]);
            Assert.Equal(((short)ErrorCode.OutOfOrderSequenceNumber, -1L), ErrorAndOffset(refused));
        }
    }

    [Fact]
    public async Task Bad_batches_get_Kafkas_errors_and_leave_the_others_alone()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("bad", Partitions, ("max.message.bytes", "1000"));
        using WireClient client = await rig.ConnectAsync();
        byte[] wrongCrc = Batches.Of("x");
        wrongCrc[^1] ^= 1;
        ProduceResponse response = await ProduceAsync(
            client,
            9,
            "bad",
            id,
            1,
            [
                (0, wrongCrc),
                (1, Batches.Of("good")),
                (2, Batches.Of(new string('l', 2000))),
                (3, []),
                (9, Batches.Of("x")),
            ]
        );
        Assert.Equal(
            [
                ErrorCode.CorruptMessage,
                ErrorCode.None,
                ErrorCode.MessageTooLarge,
                ErrorCode.InvalidRecord,
                ErrorCode.UnknownTopicOrPartition,
            ],
            response.Responses[0].PartitionResponses.Select(p => (ErrorCode)p.ErrorCode)
        );
    }

    [Fact]
    public async Task Too_few_replicas_refuse_acks_all_only()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("isr", 2, ("min.insync.replicas", "2"));
        using WireClient client = await rig.ConnectAsync();
        for (int partition = 0; partition < 2; partition++)
        {
            (int, byte[])[] one = [(partition, Batches.Of("x"))];
            Assert.Equal(
                ((short)ErrorCode.NotEnoughReplicas, -1L),
                ErrorAndOffset(await ProduceAsync(client, 9, "isr", id, -1, one))
            );
            Assert.Equal(((short)0, 0L), ErrorAndOffset(await ProduceAsync(client, 9, "isr", id, 1, one)));
        }
    }

    [Fact]
    public async Task Steady_produce_and_fetch_allocate_nothing_on_the_cores()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid id = await rig.CreateTopicAsync("steady", 2);
        using WireClient client = await rig.ConnectAsync();
        byte[] produce = WireClient.Frame(
            ApiKey.Produce,
            9,
            1,
            Produce("steady", id, -1, [(0, Batches.Of("a")), (1, Batches.Of("b"))])
        );
        byte[] fetch = WireClient.Frame(ApiKey.Fetch, 12, 2, Ask("steady", id, 1, From(0)));
        for (int i = 0; i < 3000; i++)
        {
            await RoundAsync(client, produce, fetch);
        }
        long[] before = [await AllocatedAsync(rig, 0), await AllocatedAsync(rig, 1)];
        // What looking itself costs, which is not steady work.
        long[] looked = [await AllocatedAsync(rig, 0), await AllocatedAsync(rig, 1)];
        for (int i = 0; i < 500; i++)
        {
            await RoundAsync(client, produce, fetch);
        }
        for (int core = 0; core < 2; core++)
        {
            long cost = looked[core] - before[core];
            Assert.InRange(await AllocatedAsync(rig, core) - looked[core], 0, (2 * cost) + 4096);
        }
    }

    private static async Task RoundAsync(WireClient client, byte[] produce, byte[] fetch)
    {
        await client.SendAsync(produce);
        Assert.NotNull(await client.ReceiveAsync());
        await client.SendAsync(fetch);
        Assert.NotNull(await client.ReceiveAsync());
    }

    private static Task<long> AllocatedAsync(BrokerRig rig, int core) =>
        rig.OnCoreAsync(core, _ => GC.GetAllocatedBytesForCurrentThread());

    private static (short, long) ErrorAndOffset(ProduceResponse response)
    {
        ProduceResponse.PartitionProduceResponse one = response.Responses[0].PartitionResponses[0];
        return (one.ErrorCode, one.BaseOffset);
    }

    private static (int, byte[])[] AllPartitions(string value) =>
        [.. Enumerable.Range(0, Partitions).Select(p => (p, Batches.Of($"{value}-{p}")))];

    private static Func<int, long> From(long offset) => _ => offset;

    private static ProduceRequest Produce(string topic, KafkaUuid id, short acks, (int, byte[])[] batches) =>
        new()
        {
            Acks = acks,
            TimeoutMs = 10_000,
            TransactionalId = null,
            TopicData =
            [
                new ProduceRequest.TopicProduceData
                {
                    Name = topic,
                    TopicId = id,
                    PartitionData =
                    [
                        .. batches.Select(batch => new ProduceRequest.PartitionProduceData
                        {
                            Index = batch.Item1,
                            Records = batch.Item2,
                        }),
                    ],
                },
            ],
        };

    private static FetchRequest Ask(
        string topic,
        KafkaUuid id,
        int minBytes,
        Func<int, long> offset,
        int maxWaitMs = 10_000
    ) =>
        new()
        {
            MaxWaitMs = maxWaitMs,
            MinBytes = minBytes,
            Topics =
            [
                new FetchRequest.FetchTopic
                {
                    Topic = topic,
                    TopicId = id,
                    Partitions =
                    [
                        .. Enumerable
                            .Range(0, topic is "steady" or "idem" ? 2 : Partitions)
                            .Select(p => new FetchRequest.FetchPartition
                            {
                                Partition = p,
                                FetchOffset = offset(p),
                                PartitionMaxBytes = 1024 * 1024,
                            }),
                    ],
                },
            ],
        };

    private static Task<ProduceResponse> ProduceAsync(
        WireClient client,
        short version,
        string topic,
        KafkaUuid id,
        short acks,
        (int, byte[])[] batches
    ) =>
        client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            version,
            Produce(topic, id, acks, batches),
            ProduceResponse.TryRead
        );

    private static Task<FetchResponse> FetchAsync(WireClient client, short version, FetchRequest request) =>
        client.CallAsync<FetchResponse>(ApiKey.Fetch, version, request, FetchResponse.TryRead);
}
