using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Tests;

/// <summary>Groups of KIP-848, heartbeat by heartbeat.</summary>
public class ConsumerGroupTests
{
    private const string Group = "consumers";
    private const int LimitMs = 60_000;

    [Fact]
    public async Task A_second_member_gets_partitions_only_after_the_first_gave_them_up()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 4);
        using WireClient client = await ConnectAsync(rig);
        Heart first = new(client, "a");
        int[] all = (await first.JoinAsync("topic")).Partitions(topic);
        Assert.Equal([0, 1, 2, 3], all);
        first.Owns(topic, all);
        Heart second = new(client, "b");
        Assert.Empty((await second.JoinAsync("topic")).Partitions(topic));

        // The first is told to keep two, and is asked until it says that it does.
        ConsumerGroupHeartbeatResponse told = await first.UntilAsync(answer => answer.Assignment is not null);
        int[] kept = told.Partitions(topic);
        Assert.Equal(2, kept.Length);
        int before = first.Epoch;
        Assert.Null((await second.BeatAsync()).Assignment);
        first.Owns(topic, kept);
        await first.UntilAsync(answer => answer.MemberEpoch > before);
        ConsumerGroupHeartbeatResponse got = await second.UntilAsync(answer => answer.Partitions(topic).Length > 0);
        Assert.Equal([0, 1, 2, 3], got.Partitions(topic).Concat(kept).Order());
    }

    [Fact]
    public async Task A_member_that_leaves_frees_its_partitions_and_strangers_are_refused()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 2);
        using WireClient client = await ConnectAsync(rig);
        Heart first = new(client, "a");
        await first.JoinAsync("topic");
        Heart second = new(client, "b");
        await second.JoinAsync("topic");
        ConsumerGroupHeartbeatResponse left = await first.BeatAsync(epoch: -1);
        Assert.Equal((ErrorCode.None, -1), ((ErrorCode)left.ErrorCode, left.MemberEpoch));
        ConsumerGroupHeartbeatResponse got = await second.UntilAsync(answer => answer.Partitions(topic).Length == 2);
        Assert.Equal([0, 1], got.Partitions(topic));
        Assert.Equal(ErrorCode.UnknownMemberId, (ErrorCode)(await first.BeatAsync(epoch: 1)).ErrorCode);
        Assert.Equal(ErrorCode.FencedMemberEpoch, (ErrorCode)(await second.BeatAsync(epoch: 100)).ErrorCode);
        Assert.Equal(ErrorCode.InvalidRequest, (ErrorCode)(await second.BeatAsync(epoch: -3)).ErrorCode);
    }

    [Fact]
    public async Task A_regular_expression_follows_the_topics_that_come()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid one = await rig.CreateTopicAsync("logs-1", 1);
        await rig.CreateTopicAsync("other", 1);
        using WireClient client = await ConnectAsync(rig);
        Heart member = new(client, "a");
        await member.JoinAsync(null, "logs-.*");
        await member.UntilAsync(answer => answer.Partitions(one).Length == 1);
        member.Owns(one, [0]);
        KafkaUuid two = await rig.CreateTopicAsync("logs-2", 1);
        ConsumerGroupHeartbeatResponse got = await member.UntilAsync(answer => answer.Partitions(two).Length == 1);
        Assert.Equal(2, got.Assignment!.TopicPartitions.Count);
        Heart wrong = new(client, "b");
        ConsumerGroupHeartbeatResponse refused = await wrong.JoinAsync(null, "(");
        Assert.Equal(ErrorCode.InvalidRegularExpression, (ErrorCode)refused.ErrorCode);
    }

    [Fact]
    public async Task A_static_member_that_was_away_gets_its_partitions_back_under_a_new_id()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 3);
        using WireClient client = await ConnectAsync(rig);
        Heart old = new(client, "a") { Instance = "instance" };
        await old.JoinAsync("topic");
        Heart next = new(client, "b") { Instance = "instance" };
        Assert.Equal(ErrorCode.UnreleasedInstanceId, (ErrorCode)(await next.JoinAsync("topic")).ErrorCode);
        Assert.Equal(-2, (await old.BeatAsync(epoch: -2)).MemberEpoch);
        int[] back = (await next.JoinAsync("topic")).Partitions(topic);
        Assert.Equal([0, 1, 2], back);
        Assert.Equal(ErrorCode.FencedInstanceId, (ErrorCode)(await old.BeatAsync(epoch: 1)).ErrorCode);
    }

    [Fact]
    public async Task Offsets_are_committed_at_the_member_s_epoch_only()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        await rig.CreateTopicAsync("topic", 1);
        using WireClient client = await ConnectAsync(rig);
        Heart member = new(client, "a");
        await member.JoinAsync("topic");
        Assert.Equal(ErrorCode.None, await CommitAsync("a", member.Epoch, 9));
        Assert.Equal(ErrorCode.StaleMemberEpoch, await CommitAsync("a", member.Epoch - 1, 9));
        Assert.Equal(ErrorCode.UnknownMemberId, await CommitAsync("b", member.Epoch, 9));
        Assert.Equal(ErrorCode.UnsupportedVersion, await CommitAsync("a", member.Epoch, 8));

        async Task<ErrorCode> CommitAsync(string memberId, int epoch, short version)
        {
            OffsetCommitResponse response = await client.CallAsync<OffsetCommitResponse>(
                ApiKey.OffsetCommit,
                version,
                new OffsetCommitRequest
                {
                    GroupId = Group,
                    MemberId = memberId,
                    GenerationIdOrMemberEpoch = epoch,
                    Topics =
                    [
                        new OffsetCommitRequest.OffsetCommitRequestTopic
                        {
                            Name = "topic",
                            Partitions = [new OffsetCommitRequest.OffsetCommitRequestPartition { CommittedOffset = 7 }],
                        },
                    ],
                },
                OffsetCommitResponse.TryRead
            );
            return (ErrorCode)response.Topics[0].Partitions[0].ErrorCode;
        }
    }

    private static async Task<WireClient> ConnectAsync(BrokerRig rig)
    {
        WireClient client = await rig.ConnectAsync();
        while (true)
        {
            FindCoordinatorResponse found = await client.CallAsync<FindCoordinatorResponse>(
                ApiKey.FindCoordinator,
                4,
                new FindCoordinatorRequest { CoordinatorKeys = [Group] },
                FindCoordinatorResponse.TryRead
            );
            OffsetFetchResponse offsets = await client.CallAsync<OffsetFetchResponse>(
                ApiKey.OffsetFetch,
                7,
                new OffsetFetchRequest { GroupId = Group, Topics = null },
                OffsetFetchResponse.TryRead
            );
            if (found.Coordinators[0].ErrorCode == 0 && offsets.ErrorCode == 0)
            {
                return client;
            }
        }
    }

    /// <summary>A member as its client keeps it: epoch, and what it owns.</summary>
    private sealed class Heart(WireClient client, string memberId)
    {
        private List<ConsumerGroupHeartbeatRequest.TopicPartitionsData> _owned = [];

        public string? Instance { get; init; }

        public int Epoch { get; private set; }

        public void Owns(KafkaUuid topic, int[] partitions) =>
            _owned = [
                new ConsumerGroupHeartbeatRequest.TopicPartitionsData { TopicId = topic, Partitions = [.. partitions] },
            ];

        public Task<ConsumerGroupHeartbeatResponse> JoinAsync(string? topic, string? regex = null) =>
            SendAsync(
                new ConsumerGroupHeartbeatRequest
                {
                    MemberEpoch = 0,
                    RebalanceTimeoutMs = 30_000,
                    SubscribedTopicNames = topic is null ? null : [topic],
                    SubscribedTopicRegex = regex,
                    TopicPartitions = [],
                }
            );

        public Task<ConsumerGroupHeartbeatResponse> BeatAsync(int? epoch = null) =>
            SendAsync(new ConsumerGroupHeartbeatRequest { MemberEpoch = epoch ?? Epoch, TopicPartitions = _owned });

        /// <summary>Beats until an answer is as awaited.</summary>
        public async Task<ConsumerGroupHeartbeatResponse> UntilAsync(Func<ConsumerGroupHeartbeatResponse, bool> isIt)
        {
            long end = Environment.TickCount64 + LimitMs;
            while (true)
            {
                ConsumerGroupHeartbeatResponse answer = await BeatAsync();
                Assert.True(
                    Environment.TickCount64 < end,
                    $"epoch {answer.MemberEpoch}: what was awaited did not come"
                );
                Assert.Equal((ErrorCode.None, null), ((ErrorCode)answer.ErrorCode, answer.ErrorMessage));
                if (isIt(answer))
                {
                    return answer;
                }
            }
        }

        private async Task<ConsumerGroupHeartbeatResponse> SendAsync(ConsumerGroupHeartbeatRequest request)
        {
            request.GroupId = Group;
            request.MemberId = memberId;
            request.InstanceId = Instance;
            ConsumerGroupHeartbeatResponse answer = await client.CallAsync<ConsumerGroupHeartbeatResponse>(
                ApiKey.ConsumerGroupHeartbeat,
                1,
                request,
                ConsumerGroupHeartbeatResponse.TryRead
            );
            if (answer.ErrorCode == 0)
            {
                Epoch = answer.MemberEpoch;
            }
            return answer;
        }
    }
}

internal static class HeartbeatAnswers
{
    /// <summary>The partitions of a topic in the answer's assignment; none when it has no assignment.</summary>
    public static int[] Partitions(this ConsumerGroupHeartbeatResponse answer, KafkaUuid topic) =>
        [
            .. (answer.Assignment?.TopicPartitions ?? [])
                .Where(one => one.TopicId == topic)
                .SelectMany(one => one.Partitions),
        ];
}
