using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>ConsumerGroupHeartbeat and ConsumerGroupDescribe, and what other requests say to groups of KIP-848.</summary>
internal sealed class ConsumerGroupScript(ScriptClient client, string topic)
{
    private const string Member = "member-one";
    private const string Instance = "instance";
    private const string Unknown = "nobody";

    public void Play()
    {
        foreach (short version in ScriptClient.Versions(ApiKey.ConsumerGroupHeartbeat))
        {
            Refused(version);
            Lives(version);
            IsStatic(version);
        }
        Others();
    }

    /// <summary>A join with everything that it has to have.</summary>
    private ConsumerGroupHeartbeatRequest Join(string groupId, string memberId = Member) =>
        new()
        {
            GroupId = groupId,
            MemberId = memberId,
            MemberEpoch = 0,
            RebalanceTimeoutMs = 60_000,
            SubscribedTopicNames = [topic],
            TopicPartitions = [],
        };

    private static ConsumerGroupHeartbeatRequest Beat(string groupId, int epoch, string memberId = Member) =>
        new()
        {
            GroupId = groupId,
            MemberId = memberId,
            MemberEpoch = epoch,
        };

    private ConsumerGroupHeartbeatResponse? Try(string what, short version, ConsumerGroupHeartbeatRequest request) =>
        client.Try<ConsumerGroupHeartbeatResponse>(
            what,
            ApiKey.ConsumerGroupHeartbeat,
            version,
            request,
            ConsumerGroupHeartbeatResponse.TryRead
        );

    private void Refused(short version)
    {
        string group = $"refused-{version}";
        void Changed(string what, Action<ConsumerGroupHeartbeatRequest> change)
        {
            ConsumerGroupHeartbeatRequest request = Join(group);
            change(request);
            Try(what, version, request);
        }

        Changed("an empty group id", r => r.GroupId = "");
        Changed("a group id of spaces", r => r.GroupId = "  ");
        Changed("an empty instance", r => r.InstanceId = "");
        Changed("an empty rack", r => r.RackId = "");
        Changed("no rebalance timeout", r => r.RebalanceTimeoutMs = -1);
        Changed("a rebalance timeout of 0", r => r.RebalanceTimeoutMs = 0);
        Changed("no subscription", r => r.SubscribedTopicNames = null);
        Changed("no partitions", r => r.TopicPartitions = null);
        Changed("partitions of the past", r => r.TopicPartitions = Owned(0));
        Changed("an unknown assignor", r => r.ServerAssignor = "unknown");
        Changed("an unknown epoch", r => r.MemberEpoch = -5);
        Changed("static leaving without an instance", r => r.MemberEpoch = -2);
        Changed("leaving", r => r.MemberEpoch = -1);
        Changed("an epoch in an unknown group", r => r.MemberEpoch = 3);
        if (version >= 1)
        {
            Changed("no member id", r => r.MemberId = "");
            Changed("a wrong expression", r => r.SubscribedTopicRegex = "(");
        }
    }

    private List<ConsumerGroupHeartbeatRequest.TopicPartitionsData> Owned(params int[] partitions) =>
        [
            new ConsumerGroupHeartbeatRequest.TopicPartitionsData
            {
                TopicId = client.TopicId(topic),
                Partitions = [.. partitions],
            },
        ];

    private void Lives(short version)
    {
        string group = $"living-{version}";
        ConsumerGroupHeartbeatResponse? joined = Try("a join", version, Join(group));
        int epoch = joined?.MemberEpoch ?? 0;
        Try("the join again", version, Join(group));
        Try("a heartbeat", version, Beat(group, epoch));
        ConsumerGroupHeartbeatRequest owns = Beat(group, epoch);
        owns.TopicPartitions = Owned(0, 1, 2);
        Try("a heartbeat that owns", version, owns);
        Try("a coming epoch", version, Beat(group, epoch + 1));
        Try("an old epoch", version, Beat(group, epoch - 1));
        Try("an unknown member", version, Beat(group, epoch, Unknown));
        ConsumerGroupHeartbeatRequest stranger = Beat(group, epoch);
        stranger.InstanceId = Instance;
        Try("an unknown instance", version, stranger);
        ConsumerGroupHeartbeatRequest empty = Beat(group, epoch);
        empty.SubscribedTopicNames = [];
        Try("an empty subscription", version, empty);
        ConsumerGroupHeartbeatRequest unknownTopic = Beat(group, epoch);
        unknownTopic.SubscribedTopicNames = ["unknown"];
        Try("a topic that does not exist", version, unknownTopic);
        Describe(group);
        Try("leaving of somebody unknown", version, Beat(group, -1, Unknown));
        Try("leaving", version, Beat(group, -1));
        Try("leaving again", version, Beat(group, -1));
        Describe(group);
    }

    private void IsStatic(short version)
    {
        string group = $"static-{version}";
        ConsumerGroupHeartbeatRequest join = Join(group);
        join.InstanceId = Instance;
        int epoch = Try("a static join", version, join)?.MemberEpoch ?? 0;
        ConsumerGroupHeartbeatRequest second = Join(group, "member-two");
        second.InstanceId = Instance;
        Try("the same instance of another member", version, second);
        ConsumerGroupHeartbeatRequest foreign = Beat(group, epoch, "member-two");
        foreign.InstanceId = Instance;
        Try("a heartbeat of another member", version, foreign);
        ConsumerGroupHeartbeatRequest leaving = Beat(group, -2, "member-two");
        leaving.InstanceId = Instance;
        Try("leaving of another member", version, leaving);
        ConsumerGroupHeartbeatRequest away = Beat(group, -2);
        away.InstanceId = Instance;
        Try("static leaving", version, away);
        Describe(group);
        Try("the same instance once it is free", version, second);
        Try("a heartbeat of the one before", version, Beat(group, epoch));
        Describe(group);
    }

    private void Describe(string group)
    {
        foreach (short version in ScriptClient.Versions(ApiKey.ConsumerGroupDescribe))
        {
            ConsumerGroupDescribeRequest request = new() { GroupIds = [group] };
            client.Try<ConsumerGroupDescribeResponse>(
                $"'{group}'",
                ApiKey.ConsumerGroupDescribe,
                version,
                request,
                ConsumerGroupDescribeResponse.TryRead
            );
        }
    }

    /// <summary>Requests of the classic protocol and of offsets, to a group that has a member of the newer one.</summary>
    private void Others()
    {
        const string Group = "modern";
        int epoch = Try("a join", 1, Join(Group))?.MemberEpoch ?? 0;
        // The epoch grows, and what the member has had it keeps: a commit of before still counts (KIP-1251).
        ConsumerGroupHeartbeatRequest more = Beat(Group, epoch);
        more.SubscribedTopicNames = [topic, "unknown"];
        epoch = Try("another subscription", 1, more)?.MemberEpoch ?? 0;
        ClassicMember classic = ClassicMember.Join(client, "classic", topic);
        Describe("none");
        Describe("");
        Describe(classic.GroupId);
        OffsetScript offsets = new(client, topic);
        foreach (short version in ScriptClient.Versions(ApiKey.OffsetCommit))
        {
            void Commit(string what, string memberId, int memberEpoch) =>
                client.Try<OffsetCommitResponse>(
                    what,
                    ApiKey.OffsetCommit,
                    version,
                    offsets.CommitRequest(Group, memberId, memberEpoch, version),
                    OffsetCommitResponse.TryRead
                );

            Commit("a member of a consumer group", Member, epoch);
            Commit("an old member epoch since which it has the partitions", Member, epoch - 1);
            Commit("a member epoch before that", Member, epoch - 2);
            Commit("a coming member epoch", Member, epoch + 1);
            Commit("no member epoch", Member, -1);
            Commit("an unknown member of a consumer group", Unknown, epoch);
            Commit("nobody in a consumer group", "", -1);
        }
        foreach (short version in new short[] { 9, 10 })
        {
            Fetch("a member of a consumer group", version, Member, epoch);
            Fetch("an old member epoch", version, Member, epoch - 1);
            Fetch("an unknown member of a consumer group", version, Unknown, epoch);
            Fetch("nobody in a consumer group", version, null, -1);
        }
        foreach (short version in ScriptClient.Versions(ApiKey.DescribeGroups))
        {
            DescribeGroupsRequest request = new() { Groups = [Group] };
            client.Try<DescribeGroupsResponse>(
                "a consumer group",
                ApiKey.DescribeGroups,
                version,
                request,
                DescribeGroupsResponse.TryRead
            );
        }
        HeartbeatRequest beat = new()
        {
            GroupId = Group,
            MemberId = Member,
            GenerationId = epoch,
        };
        client.Try<HeartbeatResponse>(
            "a member of a consumer group",
            ApiKey.Heartbeat,
            4,
            beat,
            HeartbeatResponse.TryRead
        );
        SyncGroupRequest sync = new()
        {
            GroupId = Group,
            MemberId = Member,
            GenerationId = epoch,
        };
        client.Try<SyncGroupResponse>(
            "a member of a consumer group",
            ApiKey.SyncGroup,
            5,
            sync,
            SyncGroupResponse.TryRead
        );
        DeleteGroupsRequest delete = new() { GroupsNames = [Group] };
        client.Try<DeleteGroupsResponse>(
            "a consumer group",
            ApiKey.DeleteGroups,
            2,
            delete,
            DeleteGroupsResponse.TryRead
        );
        LeaveGroupRequest leave = new()
        {
            GroupId = Group,
            Members = [new LeaveGroupRequest.MemberIdentity { MemberId = Member }],
        };
        client.Try<LeaveGroupResponse>(
            "a member of a consumer group",
            ApiKey.LeaveGroup,
            5,
            leave,
            LeaveGroupResponse.TryRead
        );
        client.Try<DeleteGroupsResponse>(
            "an empty consumer group",
            ApiKey.DeleteGroups,
            2,
            delete,
            DeleteGroupsResponse.TryRead
        );
    }

    private void Fetch(string what, short version, string? memberId, int epoch)
    {
        OffsetFetchRequest request = new()
        {
            Groups =
            [
                new OffsetFetchRequest.OffsetFetchRequestGroup
                {
                    GroupId = "modern",
                    MemberId = memberId,
                    MemberEpoch = epoch,
                    Topics =
                    [
                        new OffsetFetchRequest.OffsetFetchRequestTopics
                        {
                            Name = version < 10 ? topic : "",
                            TopicId = version < 10 ? KafkaUuid.Zero : client.TopicId(topic),
                            PartitionIndexes = [0, 2],
                        },
                    ],
                },
            ],
        };
        client.Try<OffsetFetchResponse>(what, ApiKey.OffsetFetch, version, request, OffsetFetchResponse.TryRead);
    }
}
