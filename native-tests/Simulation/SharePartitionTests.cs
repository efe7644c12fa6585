using Aot.Broker.Base;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Server;
using Aot.Broker.Server.Share;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Simulation.Tests;

/// <summary>What share partitions and sessions leave behind: locks, memory, timers.</summary>
public sealed class SharePartitionTests : IDisposable
{
    private const string Group = "group";
    private const string Member = "member";

    private readonly OneBroker _one = new("share partitions");

    public void Dispose() => _one.Dispose();

    [Fact]
    public void A_lock_ends_also_when_its_acknowledgement_could_not_be_saved()
    {
        ShareStateKey key = new(Group, _one.Topic.Id, 0);
        List<long> free = [];
        _one.Tell(async () =>
            await _one.OwnerOf(_one.Topic.Id, 0)
                .RunFromThreadAsync(async core =>
                {
                    SharePartitions partitions = core.Get<ServerCore>().SharePartitions!;
                    Assert.Equal(ErrorCode.None, await partitions.Persister.InitializeAsync(core, key, 1, 0));
                    LoadedSharePartition share = partitions.GetOrLoad(key.GroupId, key.TopicId, key.Partition)!;
                    Assert.Equal(ErrorCode.None, await share.WhenLoaded);
                    BatchExtent[] log = [new(0, 0, 0, 1, -1, false, false), new(1, 1, 1, 1, -1, false, false)];
                    for (int offset = 0; offset < log.Length; offset++)
                    {
                        long lockEnd = core.NowMillis + 30_000;
                        AcquireRequest request = new(Member, AcquireMode.RecordLimit, 1, 1, offset, lockEnd);
                        Assert.Equal(1, share.Acquire(request, log.AsSpan(offset), []));
                    }
                    await core.DelayAsync(28_000);
                    Assert.Equal(ErrorCode.None, await share.AcknowledgeAsync(Member, Of(AcknowledgeType.Renew)));
                    // The lock of the second record ends while the first is on its way to the share coordinator.
                    _one.World.Device.Faults.SetFull(true);
                    Assert.Equal(
                        ErrorCode.CoordinatorNotAvailable,
                        await share.AcknowledgeAsync(Member, Of(AcknowledgeType.Accept))
                    );
                    _one.World.Device.Faults.Repair();
                    free.Add(share.Records.NextFetchOffset);
                    await core.DelayAsync(30_000);
                    free.Add(share.Records.NextFetchOffset);
                })
        );
        Assert.Equal([1, 0], free);

        static AcknowledgedBatch[] Of(AcknowledgeType type) => [new(0, 0, [(sbyte)type])];
    }

    [Fact]
    public void A_session_with_too_many_unknown_partitions_ends_after_a_wait_that_its_connection_can_end()
    {
        _one.World.RunFor(OneBroker.Second);
        int[] before = _one.CountTimers();
        _one.Tell(async () =>
        {
            WireClient client = (await WireClient.ConnectAsync(_one.World, () => false))!;
            ShareFetchResponse good = await FetchAsync(client, epoch: 0, ShareSession.UnknownMax, maxWaitMs: 10);
            Assert.Equal(ErrorCode.None, (ErrorCode)good.ErrorCode);
            ShareFetchResponse refused = await FetchAsync(client, epoch: 1, ShareSession.UnknownMax + 1, maxWaitMs: 10);
            Assert.Equal(ErrorCode.ShareSessionLimitReached, (ErrorCode)refused.ErrorCode);
            ShareFetchResponse gone = await FetchAsync(client, epoch: 2, 1, maxWaitMs: 10);
            Assert.Equal(ErrorCode.ShareSessionNotFound, (ErrorCode)gone.ErrorCode);
            Task lost = Assert.ThrowsAsync<ConnectionLost>(() =>
                FetchAsync(client, epoch: 0, ShareSession.UnknownMax + 1, maxWaitMs: int.MaxValue)
            );
            await _one.World.DelayAsync(OneBroker.Second);
            client.Close();
            await lost;
        });
        _one.World.RunFor(OneBroker.Second);
        Assert.Equal(before, _one.CountTimers());
    }

    [Fact]
    public void Share_partitions_of_a_deleted_topic_go_also_when_nobody_asks_for_them_again()
    {
        TopicUnderTest deleted = new(_one.World, new Ledger(_one.World)) { Name = "deleted", Partitions = 1 };
        _one.Tell(deleted.CreateAsync);
        Core owner = _one.OwnerOf(deleted.Id, 0);
        int kept = _one.OwnerOf(_one.Topic.Id, 0) == owner ? 0 : 1;
        const int groups = 100;
        Load(deleted.Id, 0);
        _one.Tell(() => new Administrator(_one.World, () => false).DeleteTopicAsync(deleted));
        _one.World.RunFor(OneBroker.Second);
        Load(_one.Topic.Id, kept);
        Assert.InRange(owner.Get<ServerCore>().SharePartitions!.Count, groups, groups + groups / 2);

        void Load(KafkaUuid topic, int partition) =>
            _one.Tell(async () =>
                await owner.RunFromThreadAsync(async core =>
                {
                    SharePartitions partitions = core.Get<ServerCore>().SharePartitions!;
                    for (int i = 0; i < groups; i++)
                    {
                        ShareStateKey key = new($"group-{i}", topic, partition);
                        Assert.Equal(ErrorCode.None, await partitions.Persister.InitializeAsync(core, key, 1, 0));
                        await partitions.GetOrLoad(key.GroupId, topic, partition)!.WhenLoaded;
                    }
                })
            );
    }

    private static Task<ShareFetchResponse> FetchAsync(WireClient client, int epoch, int unknown, int maxWaitMs)
    {
        ShareFetchRequest.FetchTopic topic = new() { TopicId = new KafkaUuid(1, 1) };
        for (int i = 0; i < unknown; i++)
        {
            topic.Partitions.Add(new ShareFetchRequest.FetchPartition { PartitionIndex = i });
        }
        return client.CallAsync<ShareFetchResponse>(
            ApiKey.ShareFetch,
            2,
            new ShareFetchRequest
            {
                GroupId = Group,
                MemberId = Member,
                ShareSessionEpoch = epoch,
                MaxWaitMs = maxWaitMs,
                MinBytes = 1,
                MaxBytes = 1 << 20,
                MaxRecords = 1,
                BatchSize = 1,
                Topics = [topic],
            },
            ShareFetchResponse.TryRead
        );
    }
}
