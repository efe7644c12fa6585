using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Server.Tests;

/// <summary>The hand-written answers of the data plane have the shape that the schemas give, in every version.</summary>
public sealed class UnknownTopicTests
{
    private static readonly KafkaUuid s_id = new(3, 4);

    [Fact]
    public async Task Produce_tells_of_unknown_topics_in_every_version()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        for (short version = 3; version <= 13; version++)
        {
            ProduceRequest request = ConnectionTests.ProduceTo("missing", acks: 1);
            request.TopicData[0].TopicId = s_id;
            ProduceResponse response = await client.CallAsync<ProduceResponse>(
                ApiKey.Produce,
                version,
                request,
                ProduceResponse.TryRead
            );
            ProduceResponse.TopicProduceResponse topic = Assert.Single(response.Responses);
            Assert.Equal(version >= 13 ? "" : "missing", topic.Name);
            Assert.Equal(version >= 13 ? s_id : default, topic.TopicId);
            ProduceResponse.PartitionProduceResponse partition = Assert.Single(topic.PartitionResponses);
            Assert.Equal(
                version >= 13 ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition,
                (ErrorCode)partition.ErrorCode
            );
            Assert.Equal((-1, -1), (partition.BaseOffset, partition.LogAppendTimeMs));
        }
    }

    [Fact]
    public async Task Produce_refuses_other_acks()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        ProduceResponse response = await client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            9,
            ConnectionTests.ProduceTo("missing", acks: 2),
            ProduceResponse.TryRead
        );
        Assert.Equal((short)ErrorCode.InvalidRequiredAcks, response.Responses[0].PartitionResponses[0].ErrorCode);
    }

    [Fact]
    public async Task Fetch_tells_of_unknown_topics_at_once_in_every_version()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        for (short version = 4; version <= 18; version++)
        {
            FetchRequest request = ConnectionTests.FetchFrom("missing");
            request.Topics[0].TopicId = s_id;
            request.IsolationLevel = (sbyte)(version % 2);
            FetchResponse response = await FetchAsync(client, version, request);
            FetchResponse.FetchableTopicResponse topic = Assert.Single(response.Responses);
            FetchResponse.PartitionData partition = Assert.Single(topic.Partitions);
            Assert.Equal(
                version >= 13 ? ErrorCode.UnknownTopicId : ErrorCode.UnknownTopicOrPartition,
                (ErrorCode)partition.ErrorCode
            );
            Assert.Equal(-1, partition.HighWatermark);
            Assert.Equal(version % 2 == 0, partition.AbortedTransactions is null);
            Assert.Empty(partition.Records!);
        }
    }

    [Fact]
    public async Task A_fetch_session_answers_errors_each_time_and_ends_with_its_last_partition()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        FetchRequest request = ConnectionTests.FetchFrom("missing");
        request.SessionEpoch = 0;
        FetchResponse first = await FetchAsync(client, 12, request);
        Assert.NotEqual(0, first.SessionId);
        FetchRequest next = new()
        {
            MaxWaitMs = 60_000,
            MinBytes = 1,
            SessionId = first.SessionId,
            SessionEpoch = 1,
        };
        FetchResponse second = await FetchAsync(client, 12, next);
        Assert.Equal((short)ErrorCode.UnknownTopicOrPartition, second.Responses[0].Partitions[0].ErrorCode);
        Assert.Equal((short)ErrorCode.InvalidFetchSessionEpoch, (await FetchAsync(client, 12, next)).ErrorCode);
        next.SessionEpoch = 2;
        next.ForgottenTopicsData.Add(new FetchRequest.ForgottenTopic { Topic = "missing", Partitions = [0] });
        FetchResponse empty = await FetchAsync(client, 12, next);
        Assert.Equal((0, 0), (empty.ErrorCode, empty.SessionId));
        Assert.Empty(empty.Responses);
        next.SessionEpoch = 3;
        Assert.Equal((short)ErrorCode.FetchSessionIdNotFound, (await FetchAsync(client, 12, next)).ErrorCode);
    }

    [Fact]
    public async Task An_empty_fetch_is_answered_at_once()
    {
        await using ServerRig rig = await ServerRig.StartAsync(IoMode.Auto);
        using WireClient client = await rig.ConnectAsync();
        FetchResponse response = await FetchAsync(client, 12, new FetchRequest { MaxWaitMs = 60_000, MinBytes = 1 });
        Assert.Empty(response.Responses);
    }

    private static Task<FetchResponse> FetchAsync(WireClient client, short version, FetchRequest request) =>
        client.CallAsync<FetchResponse>(ApiKey.Fetch, version, request, FetchResponse.TryRead);
}
