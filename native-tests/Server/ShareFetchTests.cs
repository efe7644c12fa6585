using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Server.Share;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Tests;

/// <summary>Share groups over the wire (KIP-932): sessions, records, acknowledgements.</summary>
public sealed class ShareFetchTests : IAsyncLifetime
{
    private BrokerRig _rig = null!;
    private KafkaUuid _topic;

    public async Task InitializeAsync()
    {
        _rig = await BrokerRig.StartAsync();
        _topic = await _rig.CreateTopicAsync("t", 4);
        await ShareMember.InitializeAsync(_rig, _topic, 4);
    }

    public Task DisposeAsync() => _rig.DisposeAsync().AsTask();

    [Fact]
    public async Task Records_go_to_one_member_only_and_are_gone_when_it_accepts_them()
    {
        await ProduceAsync(0, "a", "b", "c");
        using ShareMember first = await ShareMember.ConnectAsync(_rig, "first", _topic);
        using ShareMember second = await ShareMember.ConnectAsync(_rig, "second", _topic);
        ShareFetchResponse got = await first.FetchAsync([0]);
        Assert.Equal([new AcquiredRange(0, 2, 1)], ShareMember.Ranges(got, 0));
        Assert.Equal(30_000, got.AcquisitionLockTimeoutMs);
        Assert.Equal([(0, "a"), (1, "b"), (2, "c")], Batches.Read(got.Responses[0].Partitions[0].Records));
        Assert.Empty(ShareMember.Ranges(await second.FetchAsync([0], maxWaitMs: 1), 0));
        Assert.Equal(ErrorCode.InvalidRecordState, await second.AcknowledgeAsync(0, 0, 2, AcknowledgeType.Accept));
        Assert.Equal(ErrorCode.None, await first.AcknowledgeAsync(0, 0, 2, AcknowledgeType.Accept));
        await ProduceAsync(0, "d");
        Assert.Equal([new AcquiredRange(3, 3, 1)], ShareMember.Ranges(await second.FetchAsync([]), 0));
    }

    [Fact]
    public async Task A_waiting_fetch_is_woken_by_new_records_and_by_records_that_are_given_back()
    {
        using ShareMember first = await ShareMember.ConnectAsync(_rig, "first", _topic);
        using ShareMember second = await ShareMember.ConnectAsync(_rig, "second", _topic);
        Task<ShareFetchResponse> waiting = first.FetchAsync([0, 1, 2, 3], maxWaitMs: 60_000);
        await ProduceAsync(2, "a");
        Assert.Equal([new AcquiredRange(0, 0, 1)], ShareMember.Ranges(await waiting, 2));
        Task<ShareFetchResponse> other = second.FetchAsync([0, 1, 2, 3], maxWaitMs: 60_000);
        Assert.Equal(ErrorCode.None, await first.AcknowledgeAsync(2, 0, 0, AcknowledgeType.Release));
        Assert.Equal([new AcquiredRange(0, 0, 2)], ShareMember.Ranges(await other, 2));
    }

    [Fact]
    public async Task The_limit_on_records_holds_over_partitions_of_several_cores()
    {
        for (int partition = 0; partition < 4; partition++)
        {
            await ProduceAsync(partition, "a", "b", "c", "d");
        }
        using ShareMember member = await ShareMember.ConnectAsync(_rig, "member", _topic);
        ShareFetchResponse got = await member.FetchAsync([0, 1, 2, 3], maxRecords: 6, mode: AcquireMode.RecordLimit);
        long records = 0;
        for (int partition = 0; partition < 4; partition++)
        {
            records += ShareMember.Ranges(got, partition).Sum(range => range.LastOffset - range.FirstOffset + 1);
        }
        Assert.InRange(records, 1, 6);
    }

    [Fact]
    public async Task Acknowledgements_come_with_the_next_fetch()
    {
        await ProduceAsync(0, "a");
        await ProduceAsync(0, "b");
        using ShareMember member = await ShareMember.ConnectAsync(_rig, "member", _topic);
        Assert.Equal([new AcquiredRange(0, 1, 1)], ShareMember.Ranges(await member.FetchAsync([0]), 0));
        ShareFetchResponse answer = await member.FetchAsync(
            [],
            maxWaitMs: 1,
            acknowledged: [(0, 0, 0, AcknowledgeType.Accept), (3, 0, 0, AcknowledgeType.Accept)]
        );
        Dictionary<int, ErrorCode> errors = answer
            .Responses[0]
            .Partitions.ToDictionary(p => p.PartitionIndex, p => (ErrorCode)p.AcknowledgeErrorCode);
        Assert.Equal(ErrorCode.None, errors[0]);
        Assert.True(errors[3] is ErrorCode.UnknownTopicOrPartition or ErrorCode.InvalidRecordState);
        Assert.Equal(ErrorCode.None, await member.AcknowledgeAsync(0, 1, 1, AcknowledgeType.Accept));
    }

    [Fact]
    public async Task Acknowledgements_are_answered_when_the_log_begins_behind_them_before_they_are_saved()
    {
        await ProduceAsync(0, "a", "b");
        using ShareMember member = await ShareMember.ConnectAsync(_rig, "member", _topic);
        Assert.Equal([new AcquiredRange(0, 1, 1)], ShareMember.Ranges(await member.FetchAsync([0]), 0));
        int owner = PartitionPlacement.CoreOf(_topic, 0, _rig.Cores.Count).Value;
        Task<ErrorCode[]> answers = _rig.Cores[owner]
            .RunFromThreadAsync(async core =>
            {
                SharePartitions partitions = core.Get<ServerCore>().SharePartitions!;
                // The first is on its way to the share coordinator, and the second waits for it.
                Task<ErrorCode> first = AcceptAsync(partitions, 0);
                Task<ErrorCode> second = AcceptAsync(partitions, 1);
                partitions.GetOrLoad(ShareMember.Group, _topic, 0)!.Records.MoveStart(2);
                return await CoreTasks.AllAsync([first, second]);
            });
        Assert.Equal([ErrorCode.None, ErrorCode.None], await answers.WaitAsync(TimeSpan.FromSeconds(30)));

        Task<ErrorCode> AcceptAsync(SharePartitions partitions, long offset) =>
            partitions.AcknowledgeAsync(
                ShareMember.Group,
                "member",
                _topic,
                0,
                [new AcknowledgedBatch(offset, offset, [(sbyte)AcknowledgeType.Accept])]
            );
    }

    [Fact]
    public async Task What_a_member_holds_is_free_when_its_connection_ends()
    {
        await ProduceAsync(1, "a");
        ShareMember gone = await ShareMember.ConnectAsync(_rig, "gone", _topic);
        using ShareMember other = await ShareMember.ConnectAsync(_rig, "other", _topic);
        await other.FetchAsync([1], maxWaitMs: 0, maxRecords: 0);
        Assert.Equal([new AcquiredRange(0, 0, 1)], ShareMember.Ranges(await gone.FetchAsync([1]), 1));
        Task<ShareFetchResponse> waiting = other.FetchAsync([1], maxWaitMs: 60_000);
        gone.Dispose();
        Assert.Equal([new AcquiredRange(0, 0, 2)], ShareMember.Ranges(await waiting, 1));
    }

    [Fact]
    public async Task A_connection_that_ends_does_not_wait_for_what_its_member_was_to_wait_for()
    {
        BrokerRig rig = await BrokerRig.StartAsync(
            settings: new Dictionary<string, string> { ["group.share.max.share.sessions"] = "1" }
        );
        KafkaUuid topic = await rig.CreateTopicAsync("t", 4);
        await ShareMember.InitializeAsync(rig, topic, 4);
        ShareMember first = await ShareMember.ConnectAsync(rig, "first", topic);
        await first.FetchAsync([0], maxWaitMs: 1);
        ShareMember refused = await ShareMember.ConnectAsync(rig, "refused", topic);
        _ = refused.FetchAsync([0, 1, 2, 3], maxWaitMs: int.MaxValue);
        _ = first.FetchAsync([1, 2, 3], maxWaitMs: int.MaxValue);
        refused.Dispose();
        first.Dispose();
        // It finds connections that are not gone.
        await rig.DisposeAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task A_session_that_ends_gives_back_what_its_member_holds_and_the_next_one_begins_there()
    {
        await ProduceAsync(0, "a", "b");
        using ShareMember member = await ShareMember.ConnectAsync(_rig, "member", _topic);
        await member.FetchAsync([0]);
        int epoch = member.Epoch;
        member.Epoch = ShareSession.FinalEpoch;
        Assert.Equal(ErrorCode.None, await member.AcknowledgeAsync(0, 0, 0, AcknowledgeType.Accept));
        member.Epoch = epoch;
        ShareFetchResponse refused = await member.FetchAsync([0], maxWaitMs: 1);
        Assert.Equal(ErrorCode.ShareSessionNotFound, (ErrorCode)refused.ErrorCode);
        // The group was without members for a moment: what is known comes from the share coordinator.
        member.Epoch = ShareSession.InitialEpoch;
        Assert.Equal([new AcquiredRange(1, 1, 2)], ShareMember.Ranges(await member.FetchAsync([0]), 0));
    }

    [Fact]
    public async Task Sessions_are_checked_as_Apache_Kafka_does_it()
    {
        using ShareMember member = await ShareMember.ConnectAsync(_rig, "member", _topic);
        member.Epoch = 1;
        Assert.Equal(ErrorCode.ShareSessionNotFound, (ErrorCode)(await member.FetchAsync([0])).ErrorCode);
        member.Epoch = 0;
        ShareFetchResponse withData = await member.FetchAsync([0], acknowledged: [(0, 0, 0, AcknowledgeType.Accept)]);
        Assert.Equal(ErrorCode.InvalidRequest, (ErrorCode)withData.ErrorCode);
        member.Epoch = 0;
        await member.FetchAsync([0], maxWaitMs: 1);
        member.Epoch = 5;
        Assert.Equal(ErrorCode.InvalidShareSessionEpoch, (ErrorCode)(await member.FetchAsync([0])).ErrorCode);
        member.Epoch = 0;
        Assert.Equal(
            ErrorCode.InvalidShareSessionEpoch,
            await member.AcknowledgeAsync(0, 0, 0, AcknowledgeType.Accept)
        );
        member.Epoch = 1;
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, await member.AcknowledgeAsync(7, 0, 0, AcknowledgeType.Accept));
        Assert.Equal(ErrorCode.InvalidRequest, await member.AcknowledgeAsync(0, 1, 0, AcknowledgeType.Accept));
        Assert.Equal(ErrorCode.InvalidRequest, await member.AcknowledgeAsync(0, 0, 0, AcknowledgeType.Renew));
    }

    private Task ProduceAsync(int partition, params string[] values) => ProduceAsync(partition, Batches.Of(values));

    private async Task ProduceAsync(int partition, byte[] batch)
    {
        using WireClient client = await _rig.ConnectAsync();
        ProduceResponse response = await client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            13,
            new ProduceRequest
            {
                Acks = -1,
                TimeoutMs = 10_000,
                TopicData =
                [
                    new() { TopicId = _topic, PartitionData = [new() { Index = partition, Records = batch }] },
                ],
            },
            ProduceResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)response.Responses[0].PartitionResponses[0].ErrorCode);
    }
}
