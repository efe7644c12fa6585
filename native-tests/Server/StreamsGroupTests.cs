using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Request = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatRequest;
using Response = Aot.Broker.Protocol.Messages.StreamsGroupHeartbeatResponse;

namespace Aot.Broker.Server.Tests;

/// <summary>Groups of KIP-1071, heartbeat by heartbeat.</summary>
public class StreamsGroupTests
{
    private const string Group = "streams";
    private const int LimitMs = 60_000;

    [Fact]
    public async Task A_second_member_gets_its_tasks_only_after_the_first_gave_them_up()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart first = new(client, "a");
        Response joined = await first.UntilAsync(answer => answer.ActiveTasks is { Count: 1 }, joins: true);
        Assert.Equal([0, 1, 2, 3], joined.ActiveTasks![0].Partitions);
        Heart second = new(client, "b");
        await second.JoinAsync();
        Response told = await first.UntilAsync(answer => answer.ActiveTasks is { Count: 1 });
        Assert.Equal([0, 1], told.ActiveTasks![0].Partitions);
        await first.BeatAsync();
        Response got = await second.UntilAsync(answer => answer.ActiveTasks is { Count: 1 });
        Assert.Equal([2, 3], got.ActiveTasks![0].Partitions);
        Assert.Equal("Stable", (await DescribeAsync(client)).GroupState);
    }

    [Fact]
    public async Task Internal_topics_are_made_with_the_partitions_of_the_input()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart member = new(client, "a") { Changelog = "streams-counts-changelog" };
        Response first = await member.JoinAsync();
        Assert.Contains(first.Status!, status => status.StatusCode == (sbyte)StreamsStatus.MissingInternalTopics);
        await member.UntilAsync(answer => answer.ActiveTasks is { Count: 1 });
        StreamsGroupDescribeResponse.DescribedGroup described = await DescribeAsync(client);
        Assert.Equal(4, described.Topology!.Subtopologies![0].StateChangelogTopics[0].Partitions);
        MetadataResponse metadata = await client.CallAsync<MetadataResponse>(
            ApiKey.Metadata,
            12,
            new MetadataRequest { Topics = [new() { Name = "streams-counts-changelog" }] },
            MetadataResponse.TryRead
        );
        Assert.Equal(4, metadata.Topics[0].Partitions.Count);
    }

    [Fact]
    public async Task Strangers_wrong_epochs_and_other_topologies_are_refused()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart member = new(client, "a");
        Assert.Equal(ErrorCode.GroupIdNotFound, (ErrorCode)(await member.BeatAsync(epoch: 1)).ErrorCode);
        await member.JoinAsync();
        Assert.Equal(ErrorCode.FencedMemberEpoch, (ErrorCode)(await member.BeatAsync(epoch: 100)).ErrorCode);
        Assert.Equal(ErrorCode.InvalidRequest, (ErrorCode)(await member.BeatAsync(epoch: -3)).ErrorCode);
        Heart stranger = new(client, "b") { Changelog = "another" };
        Assert.Equal(ErrorCode.UnknownMemberId, (ErrorCode)(await stranger.BeatAsync(epoch: 2)).ErrorCode);
        Response other = await stranger.JoinAsync();
        Assert.Equal(
            (ErrorCode.InvalidRequest, "Topology updates are not supported yet."),
            ((ErrorCode)other.ErrorCode, other.ErrorMessage)
        );
        Heart ofKafka = new(client, "c") { Changelog = "__consumer_offsets" };
        Assert.Equal(ErrorCode.StreamsInvalidTopology, (ErrorCode)(await ofKafka.JoinAsync()).ErrorCode);
    }

    [Fact]
    public async Task A_static_member_that_was_away_gets_its_tasks_back_under_a_new_id()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart old = new(client, "a") { Instance = "instance" };
        await old.UntilAsync(answer => answer.ActiveTasks is { Count: 1 }, joins: true);
        Heart next = new(client, "b") { Instance = "instance" };
        Assert.Equal(ErrorCode.UnreleasedInstanceId, (ErrorCode)(await next.JoinAsync()).ErrorCode);
        Assert.Equal(-2, (await old.BeatAsync(epoch: -2)).MemberEpoch);
        Response back = await next.JoinAsync();
        Assert.Equal([0, 1, 2, 3], back.ActiveTasks![0].Partitions);
        Assert.Equal(ErrorCode.FencedInstanceId, (ErrorCode)(await old.BeatAsync(epoch: 2)).ErrorCode);
    }

    [Fact]
    public async Task A_member_that_asks_for_the_end_of_the_application_is_told_to_all()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart first = new(client, "a");
        await first.JoinAsync();
        Heart second = new(client, "b");
        await second.JoinAsync();
        await second.BeatAsync(epoch: -1, shutdown: true);
        Response told = await first.BeatAsync();
        Assert.Contains(told.Status!, status => status.StatusCode == (sbyte)StreamsStatus.ShutdownApplication);
        await first.BeatAsync(epoch: -1);
        Assert.Equal("Empty", (await DescribeAsync(client)).GroupState);
    }

    [Fact]
    public async Task A_classic_member_is_refused_while_the_group_has_members_and_takes_the_id_afterwards()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart member = new(client, "a");
        await member.JoinAsync();
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (ErrorCode)(await JoinClassicAsync()).ErrorCode);
        await member.BeatAsync(epoch: -1);
        Assert.Equal(ErrorCode.MemberIdRequired, (ErrorCode)(await JoinClassicAsync()).ErrorCode);
        Assert.Equal(ErrorCode.GroupIdNotFound, (ErrorCode)(await DescribeAsync(client)).ErrorCode);

        Task<JoinGroupResponse> JoinClassicAsync() =>
            client.CallAsync<JoinGroupResponse>(
                ApiKey.JoinGroup,
                9,
                new JoinGroupRequest
                {
                    GroupId = Group,
                    SessionTimeoutMs = 30_000,
                    RebalanceTimeoutMs = 30_000,
                    ProtocolType = "consumer",
                    Protocols = [new() { Name = "range", Metadata = [] }],
                },
                JoinGroupResponse.TryRead
            );
    }

    [Fact]
    public async Task Offsets_are_committed_at_the_member_s_epoch_or_for_tasks_that_it_had_before()
    {
        await using BrokerRig rig = await StartAsync();
        using WireClient client = await ConnectAsync(rig);
        Heart first = new(client, "a");
        await first.UntilAsync(answer => answer.ActiveTasks is { Count: 1 }, joins: true);
        int epoch = first.Epoch;
        Assert.Equal(ErrorCode.None, await CommitAsync("a", epoch, partition: 0, version: 9));
        Assert.Equal(ErrorCode.StaleMemberEpoch, await CommitAsync("a", epoch + 1, partition: 0, version: 9));
        Assert.Equal(ErrorCode.UnknownMemberId, await CommitAsync("b", epoch, partition: 0, version: 9));
        Assert.Equal(ErrorCode.UnsupportedVersion, await CommitAsync("a", epoch, partition: 0, version: 8));
        Heart second = new(client, "b");
        await second.JoinAsync();
        await first.UntilAsync(answer => answer.MemberEpoch > epoch);
        Assert.Equal(ErrorCode.None, await CommitAsync("a", epoch, partition: 0, version: 9));
        Assert.Equal(ErrorCode.StaleMemberEpoch, await CommitAsync("a", epoch, partition: 3, version: 9));

        async Task<ErrorCode> CommitAsync(string memberId, int atEpoch, int partition, short version)
        {
            OffsetCommitResponse response = await client.CallAsync<OffsetCommitResponse>(
                ApiKey.OffsetCommit,
                version,
                new OffsetCommitRequest
                {
                    GroupId = Group,
                    MemberId = memberId,
                    GenerationIdOrMemberEpoch = atEpoch,
                    Topics =
                    [
                        new OffsetCommitRequest.OffsetCommitRequestTopic
                        {
                            Name = "input",
                            Partitions = [new() { PartitionIndex = partition, CommittedOffset = 7 }],
                        },
                    ],
                },
                OffsetCommitResponse.TryRead
            );
            return (ErrorCode)response.Topics[0].Partitions[0].ErrorCode;
        }
    }

    private static async Task<BrokerRig> StartAsync()
    {
        BrokerRig rig = await BrokerRig.StartAsync();
        await rig.CreateTopicAsync("input", 4);
        return rig;
    }

    private static async Task<WireClient> ConnectAsync(BrokerRig rig)
    {
        WireClient client = await rig.ConnectAsync();
        while (true)
        {
            await client.CallAsync<FindCoordinatorResponse>(
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
            if (offsets.ErrorCode == 0)
            {
                return client;
            }
        }
    }

    private static async Task<StreamsGroupDescribeResponse.DescribedGroup> DescribeAsync(WireClient client)
    {
        StreamsGroupDescribeResponse response = await client.CallAsync<StreamsGroupDescribeResponse>(
            ApiKey.StreamsGroupDescribe,
            1,
            new StreamsGroupDescribeRequest { GroupIds = [Group] },
            StreamsGroupDescribeResponse.TryRead
        );
        return response.Groups[0];
    }

    /// <summary>A member as its client keeps it: epoch, and the tasks that it runs.</summary>
    private sealed class Heart(WireClient client, string memberId)
    {
        private List<Request.TaskIds> _active = [];

        public string? Instance { get; init; }

        public string? Changelog { get; init; }

        public int Epoch { get; private set; }

        public Task<Response> JoinAsync()
        {
            _active = [];
            return SendAsync(
                new Request
                {
                    MemberEpoch = 0,
                    RebalanceTimeoutMs = 30_000,
                    ProcessId = $"process of {memberId}",
                    Topology = new()
                    {
                        Epoch = 1,
                        Subtopologies =
                        [
                            new()
                            {
                                SubtopologyId = "0",
                                SourceTopics = ["input"],
                                StateChangelogTopics = Changelog is null ? [] : [new() { Name = Changelog }],
                            },
                        ],
                    },
                }
            );
        }

        public Task<Response> BeatAsync(int? epoch = null, bool shutdown = false) =>
            SendAsync(new Request { MemberEpoch = epoch ?? Epoch, ShutdownApplication = shutdown });

        /// <summary>Beats until an answer is as awaited.</summary>
        public async Task<Response> UntilAsync(Func<Response, bool> isIt, bool joins = false)
        {
            long end = Environment.TickCount64 + LimitMs;
            while (true)
            {
                Response answer = joins ? await JoinAsync() : await BeatAsync();
                joins = false;
                Assert.Equal((ErrorCode.None, null), ((ErrorCode)answer.ErrorCode, answer.ErrorMessage));
                if (isIt(answer))
                {
                    return answer;
                }
                Assert.True(
                    Environment.TickCount64 < end,
                    $"epoch {answer.MemberEpoch}: what was awaited did not come"
                );
            }
        }

        private async Task<Response> SendAsync(Request request)
        {
            request.GroupId = Group;
            request.MemberId = memberId;
            request.InstanceId = Instance;
            request.ActiveTasks = _active;
            request.StandbyTasks = [];
            request.WarmupTasks = [];
            Response answer = await client.CallAsync<Response>(
                ApiKey.StreamsGroupHeartbeat,
                1,
                request,
                Response.TryRead
            );
            if (answer.ErrorCode == 0)
            {
                Epoch = answer.MemberEpoch;
            }
            if (answer.ActiveTasks is { } told)
            {
                _active =
                [
                    .. told.Select(task => new Request.TaskIds
                    {
                        SubtopologyId = task.SubtopologyId,
                        Partitions = task.Partitions,
                    }),
                ];
            }
            return answer;
        }
    }
}
