using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Tests;

/// <summary>Groups of the classic protocol, request by request. Each member has a connection of its own.</summary>
public class GroupTests
{
    private const string Group = "group";

    [Fact]
    public async Task A_newcomer_learns_its_id_first_and_leads_the_group_when_it_is_alone()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using Member member = await Member.ConnectAsync(rig);
        JoinGroupResponse refused = await member.JoinOnceAsync("");
        Assert.Equal(ErrorCode.MemberIdRequired, (ErrorCode)refused.ErrorCode);
        Assert.StartsWith("test-", refused.MemberId);
        JoinGroupResponse joined = await member.JoinOnceAsync(refused.MemberId);
        Assert.Equal(
            (ErrorCode.None, 1, refused.MemberId),
            ((ErrorCode)joined.ErrorCode, joined.GenerationId, joined.Leader)
        );
        Assert.Equal([1, 2, 3], Assert.Single(joined.Members).Metadata);
    }

    [Fact]
    public async Task Followers_get_what_the_leader_decided_and_nobody_is_answered_before()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using Member leader = await Member.ConnectAsync(rig);
        await leader.JoinAsync();
        await leader.SyncAsync((leader.Id, [9]));
        using Member follower = await Member.ConnectAsync(rig);
        Task<JoinGroupResponse> waiting = follower.JoinAsync();
        // The group rebalances: the leader hears of it with its next heartbeat, and comes back.
        await leader.UntilRebalanceAsync();
        JoinGroupResponse leads = await leader.JoinAsync();
        JoinGroupResponse follows = await waiting;
        Assert.Equal((2, 2), (leads.GenerationId, follows.GenerationId));
        Assert.Equal(2, leads.Members.Count);
        Assert.Empty(follows.Members);
        Task<SyncGroupResponse> parked = follower.SyncAsync();
        SyncGroupResponse own = await leader.SyncAsync((leader.Id, [1]), (follower.Id, [2]));
        Assert.Equal([1], own.Assignment);
        Assert.Equal([2], (await parked).Assignment);
        Assert.Equal(ErrorCode.None, await follower.HeartbeatAsync());
    }

    [Fact]
    public async Task A_member_that_leaves_sends_the_others_into_a_rebalance()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using Member first = await Member.ConnectAsync(rig);
        await first.JoinAsync();
        await first.SyncAsync((first.Id, [1]));
        using Member second = await Member.ConnectAsync(rig);
        Task<JoinGroupResponse> waiting = second.JoinAsync();
        await first.UntilRebalanceAsync();
        await first.JoinAsync();
        await waiting;
        await first.SyncAsync((first.Id, [1]), (second.Id, [2]));
        Assert.Equal(ErrorCode.None, await first.LeaveAsync());
        Assert.Equal(ErrorCode.RebalanceInProgress, await second.HeartbeatAsync());
        JoinGroupResponse alone = await second.JoinAsync();
        Assert.Equal((second.Id, 3), (alone.Leader, alone.GenerationId));
        Assert.Equal(ErrorCode.UnknownMemberId, await first.HeartbeatAsync());
    }

    [Fact]
    public async Task A_static_member_that_comes_back_takes_its_place_without_a_rebalance()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using Member member = await Member.ConnectAsync(rig, "instance");
        await member.JoinAsync();
        await member.SyncAsync((member.Id, [5]));
        using Member again = await Member.ConnectAsync(rig, "instance");
        JoinGroupResponse joined = await again.JoinAsync();
        Assert.Equal((1, true), (joined.GenerationId, joined.SkipAssignment));
        Assert.Equal([5], (await again.SyncAsync()).Assignment);
        Assert.Equal(ErrorCode.FencedInstanceId, await member.HeartbeatAsync());
    }

    [Fact]
    public async Task Nobody_joins_without_a_common_protocol_or_with_an_impossible_session()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using Member member = await Member.ConnectAsync(rig);
        await member.JoinAsync();
        using Member other = await Member.ConnectAsync(rig);
        other.Protocol = "sticky";
        JoinGroupResponse refused = await other.JoinOnceAsync("");
        Assert.Equal(ErrorCode.InconsistentGroupProtocol, (ErrorCode)refused.ErrorCode);
        other.Protocol = "range";
        other.SessionTimeoutMs = 1;
        refused = await other.JoinOnceAsync("");
        Assert.Equal(ErrorCode.InvalidSessionTimeout, (ErrorCode)refused.ErrorCode);
    }

    [Fact]
    public async Task Committed_offsets_are_there_for_the_group_and_a_stranger_cannot_commit()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        await rig.CreateTopicAsync("topic", 2);
        using Member member = await Member.ConnectAsync(rig);
        await member.JoinAsync();
        await member.SyncAsync((member.Id, [1]));
        Assert.Equal(ErrorCode.None, await member.CommitAsync(member.Id, member.Generation, 42));
        Assert.Equal(ErrorCode.IllegalGeneration, await member.CommitAsync(member.Id, member.Generation + 1, 43));
        Assert.Equal(ErrorCode.UnknownMemberId, await member.CommitAsync("stranger", member.Generation, 44));
        Assert.Equal((42L, -1L), (await member.CommittedAsync(0), await member.CommittedAsync(1)));
    }

    /// <summary>A member of the group with a connection of its own.</summary>
    private sealed class Member(WireClient client, string? instance) : IDisposable
    {
        public string Id { get; private set; } = "";

        public int Generation { get; private set; } = -1;

        public string Protocol { get; set; } = "range";

        public int SessionTimeoutMs { get; set; } = 30_000;

        public static async Task<Member> ConnectAsync(BrokerRig rig, string? instance = null)
        {
            WireClient client = await rig.ConnectAsync();
            FindCoordinatorRequest find = new() { CoordinatorKeys = [Group] };
            while (true)
            {
                FindCoordinatorResponse found = await client.CallAsync<FindCoordinatorResponse>(
                    ApiKey.FindCoordinator,
                    4,
                    find,
                    FindCoordinatorResponse.TryRead
                );
                // The topic of the groups is made at the first call; its shards load their logs.
                if (found.Coordinators[0].ErrorCode == 0 && await IsLoadedAsync(client))
                {
                    return new Member(client, instance);
                }
            }
        }

        private static async Task<bool> IsLoadedAsync(WireClient client)
        {
            OffsetFetchResponse offsets = await client.CallAsync<OffsetFetchResponse>(
                ApiKey.OffsetFetch,
                7,
                new OffsetFetchRequest { GroupId = Group, Topics = null },
                OffsetFetchResponse.TryRead
            );
            return offsets.ErrorCode == 0;
        }

        public void Dispose() => client.Dispose();

        public Task<JoinGroupResponse> JoinOnceAsync(string memberId) =>
            client.CallAsync<JoinGroupResponse>(
                ApiKey.JoinGroup,
                9,
                new JoinGroupRequest
                {
                    GroupId = Group,
                    MemberId = memberId,
                    GroupInstanceId = instance,
                    ProtocolType = "consumer",
                    SessionTimeoutMs = SessionTimeoutMs,
                    RebalanceTimeoutMs = 30_000,
                    Protocols =
                    [
                        new JoinGroupRequest.JoinGroupRequestProtocol { Name = Protocol, Metadata = [1, 2, 3] },
                    ],
                },
                JoinGroupResponse.TryRead
            );

        public async Task<JoinGroupResponse> JoinAsync()
        {
            JoinGroupResponse response = await JoinOnceAsync(Id);
            if ((ErrorCode)response.ErrorCode == ErrorCode.MemberIdRequired)
            {
                response = await JoinOnceAsync(response.MemberId);
            }
            Assert.Equal(ErrorCode.None, (ErrorCode)response.ErrorCode);
            Id = response.MemberId;
            Generation = response.GenerationId;
            return response;
        }

        public async Task<SyncGroupResponse> SyncAsync(params (string Member, byte[] Assignment)[] assignments)
        {
            SyncGroupRequest request = new()
            {
                GroupId = Group,
                MemberId = Id,
                GroupInstanceId = instance,
                GenerationId = Generation,
                ProtocolType = "consumer",
                ProtocolName = Protocol,
            };
            foreach ((string member, byte[] assignment) in assignments)
            {
                request.Assignments.Add(
                    new SyncGroupRequest.SyncGroupRequestAssignment { MemberId = member, Assignment = assignment }
                );
            }
            SyncGroupResponse response = await client.CallAsync<SyncGroupResponse>(
                ApiKey.SyncGroup,
                5,
                request,
                SyncGroupResponse.TryRead
            );
            Assert.Equal(ErrorCode.None, (ErrorCode)response.ErrorCode);
            return response;
        }

        public async Task<ErrorCode> HeartbeatAsync()
        {
            HeartbeatResponse response = await client.CallAsync<HeartbeatResponse>(
                ApiKey.Heartbeat,
                4,
                new HeartbeatRequest
                {
                    GroupId = Group,
                    MemberId = Id,
                    GroupInstanceId = instance,
                    GenerationId = Generation,
                },
                HeartbeatResponse.TryRead
            );
            return (ErrorCode)response.ErrorCode;
        }

        public async Task UntilRebalanceAsync()
        {
            while (await HeartbeatAsync() != ErrorCode.RebalanceInProgress) { }
        }

        public async Task<ErrorCode> LeaveAsync()
        {
            LeaveGroupResponse response = await client.CallAsync<LeaveGroupResponse>(
                ApiKey.LeaveGroup,
                5,
                new LeaveGroupRequest
                {
                    GroupId = Group,
                    Members = [new LeaveGroupRequest.MemberIdentity { MemberId = Id }],
                },
                LeaveGroupResponse.TryRead
            );
            Assert.Equal(0, response.ErrorCode);
            return (ErrorCode)response.Members[0].ErrorCode;
        }

        public async Task<ErrorCode> CommitAsync(string memberId, int generation, long offset)
        {
            OffsetCommitRequest request = new()
            {
                GroupId = Group,
                MemberId = memberId,
                GenerationIdOrMemberEpoch = generation,
                Topics =
                [
                    new OffsetCommitRequest.OffsetCommitRequestTopic
                    {
                        Name = "topic",
                        Partitions =
                        [
                            new OffsetCommitRequest.OffsetCommitRequestPartition { CommittedOffset = offset },
                        ],
                    },
                ],
            };
            OffsetCommitResponse response = await client.CallAsync<OffsetCommitResponse>(
                ApiKey.OffsetCommit,
                8,
                request,
                OffsetCommitResponse.TryRead
            );
            return (ErrorCode)response.Topics[0].Partitions[0].ErrorCode;
        }

        public async Task<long> CommittedAsync(int partition)
        {
            OffsetFetchRequest request = new()
            {
                GroupId = Group,
                Topics =
                [
                    new OffsetFetchRequest.OffsetFetchRequestTopic { Name = "topic", PartitionIndexes = [partition] },
                ],
            };
            OffsetFetchResponse response = await client.CallAsync<OffsetFetchResponse>(
                ApiKey.OffsetFetch,
                7,
                request,
                OffsetFetchResponse.TryRead
            );
            return response.Topics[0].Partitions[0].CommittedOffset;
        }
    }
}
