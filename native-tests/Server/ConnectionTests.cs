using System.Buffers.Binary;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Tests;

/// <summary>What a connection does with bytes: answers in order, ends on nonsense, and never disturbs another.</summary>
public sealed class ConnectionTests
{
    public static TheoryData<IoMode> Backends => new(IoMode.Auto, IoMode.Epoll);

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Every_version_of_ApiVersions_is_answered(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        using WireClient client = await rig.ConnectAsync();
        for (short version = 0; version <= ApiVersionsRequest.HighestVersion; version++)
        {
            ApiVersionsResponse response = await AskVersionsAsync(client, version);
            Assert.Equal(0, response.ErrorCode);
            ApiVersionsResponse.ApiVersion produce = response.ApiKeys.Single(api => api.ApiKey == 0);
            Assert.Equal((0, 13), (produce.MinVersion, produce.MaxVersion));
            Assert.DoesNotContain(response.ApiKeys, api => api.ApiKey == (short)ApiKey.JoinGroup);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task A_newer_ApiVersions_gets_the_range_in_the_form_of_version_0(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        using WireClient client = await rig.ConnectAsync();
        await client.SendAsync(WireClient.Frame((short)ApiKey.ApiVersions, 99, 7, [1, 2, 3], flexible: true));
        byte[]? answer = await client.ReceiveAsync();
        ApiVersionsResponse response = WireClient.Parse<ApiVersionsResponse>(
            answer!,
            ApiKey.ApiVersions,
            0,
            7,
            ApiVersionsResponse.TryRead
        );
        Assert.Equal((short)ErrorCode.UnsupportedVersion, response.ErrorCode);
        ApiVersionsResponse.ApiVersion only = Assert.Single(response.ApiKeys);
        Assert.Equal((18, 0, 5), (only.ApiKey, only.MinVersion, only.MaxVersion));
        Assert.Equal(0, (await AskVersionsAsync(client, 3)).ErrorCode);
    }

    [Fact]
    public async Task A_client_software_name_with_other_characters_is_an_invalid_request()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        ApiVersionsResponse response = await client.CallAsync<ApiVersionsResponse>(
            ApiKey.ApiVersions,
            3,
            new ApiVersionsRequest { ClientSoftwareName = "a b", ClientSoftwareVersion = "1" },
            ApiVersionsResponse.TryRead
        );
        Assert.Equal((short)ErrorCode.InvalidRequest, response.ErrorCode);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task What_cannot_be_served_ends_the_connection_and_only_that(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        using WireClient healthy = await rig.ConnectAsync();
        byte[][] nonsense =
        [
            [0xFF, 0xFF, 0xFF, 0xFF],
            [0x7F, 0xFF, 0xFF, 0xFF, 0, 0],
            [0, 0, 0, 0],
            [0, 0, 0, 3, 1, 2, 3],
            WireClient.Frame(1234, 0, 1, []),
            WireClient.Frame(-1, 0, 1, []),
            WireClient.Frame((short)ApiKey.Metadata, 99, 1, []),
            WireClient.Frame((short)ApiKey.Metadata, -1, 1, []),
            WireClient.Frame((short)ApiKey.Produce, 2, 1, new byte[20]),
            WireClient.Frame((short)ApiKey.LeaderAndIsr, 0, 1, []),
            WireClient.Frame((short)ApiKey.Vote, 0, 1, [], flexible: true),
            WireClient.Frame((short)ApiKey.Metadata, 1, 1, [0x7F, 0xFF, 0xFF, 0xFF]),
            WireClient.Frame((short)ApiKey.Produce, 9, 1, [0xFF, 0xFF, 0xFF], flexible: true),
            WireClient.Frame((short)ApiKey.Fetch, 12, 1, [1, 2, 3], flexible: true),
            WireClient.Frame((short)ApiKey.Fetch, 4, 1, [1, 2, 3]),
            [0, 0, 0, 12, 0, 3, 0, 1, 0, 0, 0, 1, 0x40, 0, 1, 2],
        ];
        foreach (byte[] bytes in nonsense)
        {
            using WireClient client = await rig.ConnectAsync();
            await client.SendAsync(bytes);
            await client.AssertClosedAsync();
            Assert.Equal(0, (await AskVersionsAsync(healthy, 3)).ErrorCode);
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task A_request_that_comes_byte_by_byte_is_answered(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        using WireClient client = await rig.ConnectAsync();
        byte[] frame = WireClient.Frame(
            ApiKey.ApiVersions,
            3,
            5,
            new ApiVersionsRequest { ClientSoftwareName = "slow", ClientSoftwareVersion = "1.0" }
        );
        foreach (byte b in frame)
        {
            await client.SendAsync(new[] { b });
        }
        Assert.NotNull(await client.ReceiveAsync());
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Pipelined_requests_of_different_kinds_are_answered_in_order(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        using WireClient client = await rig.ConnectAsync();
        List<byte> stream = [];
        const int Count = 600;
        for (int i = 0; i < Count; i++)
        {
            stream.AddRange(
                (i % 4) switch
                {
                    0 => WireClient.Frame(ApiKey.ApiVersions, 0, i, new ApiVersionsRequest()),
                    1 => WireClient.Frame(ApiKey.Produce, 7, i, ProduceTo("missing", acks: 1)),
                    2 => WireClient.Frame(ApiKey.Produce, 9, i, ProduceTo("missing", acks: -1)),
                    _ => WireClient.Frame(ApiKey.Fetch, 11, i, FetchFrom("missing")),
                }
            );
        }
        Task sending = client.SendAsync(stream.ToArray());
        for (int i = 0; i < Count; i++)
        {
            byte[]? answer = await client.ReceiveAsync();
            Assert.NotNull(answer);
            Assert.Equal(i, BinaryPrimitives.ReadInt32BigEndian(answer));
        }
        await sending;
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task A_client_that_does_not_read_is_not_read_from_and_disturbs_nobody(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        using WireClient lazy = await rig.ConnectAsync();
        using WireClient healthy = await rig.ConnectAsync();
        using WireClient otherCore = await rig.ConnectAsync();
        // The answer repeats the name, so what the client does not read soon fills every buffer on the way.
        byte[] one = WireClient.Frame(ApiKey.Produce, 7, 1, ProduceTo(new string('n', 30_000), acks: 1));
        const int Count = 2000;
        byte[] stream = new byte[one.Length * Count];
        for (int i = 0; i < Count; i++)
        {
            one.CopyTo(stream, i * one.Length);
        }
        Task sending = lazy.SendAsync(stream);
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(0, (await AskVersionsAsync(healthy, 3)).ErrorCode);
            Assert.Equal(0, (await AskVersionsAsync(otherCore, 3)).ErrorCode);
        }
        Assert.False(sending.IsCompleted);
        for (int core = 0; core < 2; core++)
        {
            Assert.InRange(await rig.OnCoreAsync(core, each => each.Buffers.RentedBytes), 0, 8 * 1024 * 1024);
        }
        for (int i = 0; i < Count; i++)
        {
            Assert.NotNull(await lazy.ReceiveAsync());
        }
        await sending;
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task A_client_that_leaves_in_the_middle_leaves_nothing_behind(IoMode io)
    {
        await using ServerRig rig = await ServerRig.StartAsync(io);
        byte[] large = WireClient.Frame((short)ApiKey.Produce, 9, 1, new byte[3_000_000], flexible: true);
        foreach (int sent in new[] { 1, 4, 100, 70_000, 1_000_000 })
        {
            using WireClient client = await rig.ConnectAsync();
            await client.SendAsync(large.AsMemory(0, sent));
        }
        using WireClient waiting = await rig.ConnectAsync();
        await waiting.SendAsync(ApiKey.Fetch, 11, 1, FetchFrom("missing"));
    }

    [Fact]
    public async Task Connections_beyond_the_limit_of_their_address_are_closed()
    {
        await using ServerRig rig = await ServerRig.StartAsync(
            IoMode.Auto,
            options => options with { ConnectionsPerAddressMax = 3 }
        );
        List<WireClient> clients = [];
        for (int i = 0; i < 3; i++)
        {
            clients.Add(await rig.ConnectAsync());
            await AskVersionsAsync(clients[i], 3);
        }
        using (WireClient extra = await rig.ConnectAsync())
        {
            await extra.AssertClosedAsync();
        }
        clients.ForEach(client => client.Dispose());
    }

    [Fact]
    public async Task An_idle_connection_is_closed()
    {
        await using ServerRig rig = await ServerRig.StartAsync(
            IoMode.Auto,
            options => options with { ConnectionIdleMillisMax = 50 }
        );
        using WireClient client = await rig.ConnectAsync();
        await client.AssertClosedAsync();
    }

    [Fact]
    public async Task Stopping_answers_a_long_poll_and_closes_what_is_idle()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient idle = await rig.ConnectAsync();
        await AskVersionsAsync(idle, 3);
        await rig.StopServerAsync(graceMillis: 5000);
        await idle.AssertClosedAsync();
    }

    [Fact]
    public async Task A_produce_without_acknowledgement_that_fails_closes_the_connection()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        await client.SendAsync(ApiKey.Produce, 9, 1, ProduceTo("missing", acks: 0));
        await client.AssertClosedAsync();
    }

    internal static Task<ApiVersionsResponse> AskVersionsAsync(WireClient client, short version) =>
        client.CallAsync<ApiVersionsResponse>(
            ApiKey.ApiVersions,
            version,
            new ApiVersionsRequest { ClientSoftwareName = "test", ClientSoftwareVersion = "1.0" },
            ApiVersionsResponse.TryRead
        );

    internal static ProduceRequest ProduceTo(string topic, short acks) =>
        new()
        {
            Acks = acks,
            TimeoutMs = 1000,
            TransactionalId = null,
            TopicData =
            [
                new ProduceRequest.TopicProduceData
                {
                    Name = topic,
                    PartitionData = [new ProduceRequest.PartitionProduceData { Index = 0, Records = new byte[61] }],
                },
            ],
        };

    internal static FetchRequest FetchFrom(string topic) =>
        new()
        {
            MaxWaitMs = 60_000,
            MinBytes = 1,
            Topics =
            [
                new FetchRequest.FetchTopic
                {
                    Topic = topic,
                    Partitions = [new FetchRequest.FetchPartition { Partition = 0, PartitionMaxBytes = 1000 }],
                },
            ],
        };
}
