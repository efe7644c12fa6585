using System.Net.Sockets;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Tests;

/// <summary>Settings of the broker that may change while it runs hold from the answer of the change on.</summary>
public sealed class DynamicSettingsTests
{
    private static readonly ConfigResource s_all = ConfigResource.AllBrokers;
    private static readonly ConfigResource s_self = ConfigResource.Broker(1);

    [Fact]
    public async Task The_number_of_connections()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using WireClient admin = await rig.ConnectAsync();
        await AlterAsync(admin, s_all, "max.connections", "1");
        using (WireClient second = await rig.ConnectAsync())
        {
            Assert.False(await IsServedAsync(second));
        }
        // What one broker has goes over what all have.
        await AlterAsync(admin, s_self, "max.connections", "2");
        using WireClient other = await ServedAsync(rig);
        Assert.True(await IsServedAsync(other));
        using (WireClient third = await rig.ConnectAsync())
        {
            Assert.False(await IsServedAsync(third));
        }
        await AlterAsync(admin, s_self, "max.connections", null);
        await AlterAsync(admin, s_all, "max.connections", null);
        using WireClient last = await ServedAsync(rig);
        Assert.True(await IsServedAsync(last));
        Assert.True(await IsServedAsync(admin));
    }

    [Fact]
    public async Task The_number_of_connections_of_an_address()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using WireClient admin = await rig.ConnectAsync();
        await AlterAsync(admin, s_all, "max.connections.per.ip", "1");
        using (WireClient second = await rig.ConnectAsync())
        {
            await EndsAsync(second);
        }
        await AlterAsync(admin, s_all, "max.connections.per.ip.overrides", "localhost:2,10.0.0.1:5");
        using WireClient other = await ServedAsync(rig);
        Assert.True(await IsServedAsync(other));
        using (WireClient third = await rig.ConnectAsync())
        {
            await EndsAsync(third);
        }
        Assert.Equal(
            ErrorCode.InvalidRequest,
            await TryAlterAsync(admin, s_all, "max.connections.per.ip.overrides", "nonsense")
        );
    }

    [Fact]
    public async Task What_topics_take_from_the_broker()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        await rig.CreateTopicAsync("plain", 1);
        await rig.CreateTopicAsync("own", 1, ("max.message.bytes", "2000"));
        using WireClient client = await rig.ConnectAsync();
        byte[] batch = Batches.Of(new string('x', 1000));
        await AlterAsync(client, s_all, "message.max.bytes", "500");
        Assert.Equal(ErrorCode.MessageTooLarge, await ProduceAsync(client, "plain", batch));
        Assert.Equal(ErrorCode.None, await ProduceAsync(client, "own", batch));
        await AlterAsync(client, s_all, "min.insync.replicas", "2");
        await AlterAsync(client, s_all, "message.max.bytes", null);
        Assert.Equal(ErrorCode.NotEnoughReplicas, await ProduceAsync(client, "plain", batch));
        await AlterAsync(client, s_all, "min.insync.replicas", "1");
        Assert.Equal(ErrorCode.None, await ProduceAsync(client, "plain", batch));
    }

    private static async Task AlterAsync(WireClient client, ConfigResource resource, string name, string? value) =>
        Assert.Equal(ErrorCode.None, await TryAlterAsync(client, resource, name, value));

    /// <summary>Null takes the value away.</summary>
    private static async Task<ErrorCode> TryAlterAsync(
        WireClient client,
        ConfigResource resource,
        string name,
        string? value
    )
    {
        IncrementalAlterConfigsResponse response = await client.CallAsync<IncrementalAlterConfigsResponse>(
            ApiKey.IncrementalAlterConfigs,
            1,
            new IncrementalAlterConfigsRequest
            {
                Resources =
                [
                    new IncrementalAlterConfigsRequest.AlterConfigsResource
                    {
                        ResourceType = (sbyte)resource.Type,
                        ResourceName = resource.Name,
                        Configs =
                        [
                            new IncrementalAlterConfigsRequest.AlterableConfig
                            {
                                Name = name,
                                ConfigOperation = (sbyte)(value is null ? 1 : 0),
                                Value = value,
                            },
                        ],
                    },
                ],
            },
            IncrementalAlterConfigsResponse.TryRead
        );
        return (ErrorCode)response.Responses[0].ErrorCode;
    }

    private static async Task<ErrorCode> ProduceAsync(WireClient client, string topic, byte[] batch)
    {
        ProduceRequest request = ConnectionTests.ProduceTo(topic, acks: -1);
        request.TopicData[0].PartitionData[0].Records = batch;
        ProduceResponse response = await client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            9,
            request,
            ProduceResponse.TryRead
        );
        return (ErrorCode)response.Responses[0].PartitionResponses[0].ErrorCode;
    }

    /// <summary>A connection that is served; one that the count of a closed one still stands against is tried again.</summary>
    private static async Task<WireClient> ServedAsync(BrokerRig rig)
    {
        for (long end = Environment.TickCount64 + 30_000; ; )
        {
            WireClient client = await rig.ConnectAsync();
            if (await IsServedAsync(client) || Environment.TickCount64 > end)
            {
                return client;
            }
            client.Dispose();
        }
    }

    /// <summary>One too many for its address is closed as soon as it was counted; a request may have been answered before.</summary>
    private static async Task EndsAsync(WireClient client)
    {
        for (long end = Environment.TickCount64 + 30_000; await IsServedAsync(client); )
        {
            Assert.True(Environment.TickCount64 < end, "the connection is still served");
        }
    }

    private static async Task<bool> IsServedAsync(WireClient client)
    {
        try
        {
            await client.SendAsync(ApiKey.ApiVersions, 0, 1, new ApiVersionsRequest());
            return await client.ReceiveAsync() is not null;
        }
        catch (SocketException)
        {
            return false;
        }
    }
}
