using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>OffsetCommit, OffsetFetch and OffsetDelete of groups of the classic protocol and of none.</summary>
internal sealed class OffsetScript(ScriptClient client, string topic)
{
    private const short FirstWithTopicIds = 10;
    private const short FirstWithGroups = 8;
    private const string Instance = "instance";
    private const string Unknown = "nobody";
    private static readonly KafkaUuid s_unknownId = new(1, 21);

    public void Play()
    {
        ScriptClient.InEachVersion(ApiKey.OffsetCommit, Commits);
        ScriptClient.InEachVersion(ApiKey.OffsetFetch, Fetches);
        Deletes();
    }

    private void Commits(short version)
    {
        ClassicMember member = ClassicMember.Join(client, $"commit-{version}", topic, version >= 7 ? Instance : null);
        OffsetCommitRequest Request(string groupId, string memberId, int generation)
        {
            OffsetCommitRequest request = CommitRequest(groupId, memberId, generation, version);
            request.GroupInstanceId = version >= 7 && memberId.Length > 0 ? Instance : null;
            return request;
        }

        OffsetCommitRequest Valid() => Request(member.GroupId, member.MemberId, member.Generation);

        Commit("the member", version, Valid());
        Commit("a group of nobody", version, Request($"simple-{version}", "", -1));
        Commit("an empty group id", version, Request("", "", -1));
        Commit("an unknown group with a generation", version, Request("none", Unknown, 1));
        Commit("an unknown member", version, Request(member.GroupId, Unknown, member.Generation));
        Commit("nobody in a group with members", version, Request(member.GroupId, "", -1));
        Commit("an old generation", version, Request(member.GroupId, member.MemberId, member.Generation - 1));
        Commit("a coming generation", version, Request(member.GroupId, member.MemberId, member.Generation + 1));
        Commit("no generation", version, Request(member.GroupId, member.MemberId, -1));
        if (version >= 7)
        {
            OffsetCommitRequest foreign = Valid();
            foreign.GroupInstanceId = "other";
            Commit("an unknown instance", version, foreign);
        }
        OffsetCommitRequest large = Valid();
        large.Topics[0].Partitions[1].CommittedMetadata = new string('x', 4097);
        Commit("much metadata", version, large);
        OffsetCommitRequest negative = Valid();
        negative.Topics[0].Partitions[0].CommittedOffset = -1;
        Commit("an offset below zero", version, negative);
        OffsetCommitRequest elsewhere = Valid();
        elsewhere.Topics[0].Name = "unknown";
        elsewhere.Topics[0].TopicId = s_unknownId;
        Commit("an unknown topic", version, elsewhere);
        OffsetCommitRequest both = Valid();
        both.Topics = [elsewhere.Topics[0], .. both.Topics];
        Commit("an unknown topic and a known one", version, both);
        OffsetCommitRequest partition = Valid();
        partition.Topics[0].Partitions[0].PartitionIndex = 77;
        Commit("an unknown partition", version, partition);
        OffsetCommitRequest nothing = Valid();
        nothing.Topics = [];
        Commit("nothing", version, nothing);
        if (version is >= 2 and <= 4)
        {
            OffsetCommitRequest kept = Valid();
            kept.RetentionTimeMs = 60_000;
            Commit("a retention", version, kept);
        }
    }

    public OffsetCommitRequest CommitRequest(string groupId, string memberId, int generation, short version) =>
        new()
        {
            GroupId = groupId,
            MemberId = memberId,
            GenerationIdOrMemberEpoch = generation,
            Topics =
            [
                new OffsetCommitRequest.OffsetCommitRequestTopic
                {
                    Name = version < FirstWithTopicIds ? topic : "",
                    TopicId = version < FirstWithTopicIds ? default : client.TopicId(topic),
                    Partitions =
                    [
                        new OffsetCommitRequest.OffsetCommitRequestPartition
                        {
                            PartitionIndex = 0,
                            CommittedOffset = 5,
                            CommittedMetadata = "text",
                        },
                        new OffsetCommitRequest.OffsetCommitRequestPartition
                        {
                            PartitionIndex = 1,
                            CommittedOffset = 7,
                            CommittedMetadata = null,
                        },
                    ],
                },
            ],
        };

    private void Commit(string what, short version, OffsetCommitRequest request) =>
        client.Try<OffsetCommitResponse>(what, ApiKey.OffsetCommit, version, request, OffsetCommitResponse.TryRead);

    private void Fetches(short version)
    {
        string group = $"fetch-{version}";
        client.Ask<OffsetCommitResponse>(
            ApiKey.OffsetCommit,
            8,
            CommitRequest(group, "", -1, 8),
            OffsetCommitResponse.TryRead
        );
        Fetch("two of three", version, group, [0, 1, 2]);
        Fetch("an unknown partition", version, group, [77]);
        Fetch("no partitions", version, group, []);
        Fetch("an unknown group", version, "none", [0, 1]);
        Fetch("an empty group id", version, "", [0]);
        Fetch("an unknown topic", version, group, [0, 1], isKnown: false);
        if (version >= 2)
        {
            Fetch("all", version, group, null);
            Fetch("all of an unknown group", version, "none", null);
        }
        if (version >= 9)
        {
            Fetch("an unknown member", version, group, [0], memberId: Unknown, epoch: 3);
            Fetch("an epoch without a member", version, group, [0], epoch: 3);
        }
    }

    private void Fetch(
        string what,
        short version,
        string group,
        int[]? partitions,
        bool isKnown = true,
        string? memberId = null,
        int epoch = -1
    )
    {
        string name = isKnown ? topic : "unknown";
        OffsetFetchRequest request = new();
        if (version < FirstWithGroups)
        {
            request.GroupId = group;
            request.Topics = partitions is null
                ? null
                : [new OffsetFetchRequest.OffsetFetchRequestTopic { Name = name, PartitionIndexes = [.. partitions] }];
        }
        else
        {
            KafkaUuid id = isKnown ? client.TopicId(topic) : s_unknownId;
            request.Groups =
            [
                new OffsetFetchRequest.OffsetFetchRequestGroup
                {
                    GroupId = group,
                    MemberId = memberId,
                    MemberEpoch = epoch,
                    Topics = partitions is null
                        ? null
                        :
                        [
                            new OffsetFetchRequest.OffsetFetchRequestTopics
                            {
                                Name = version < FirstWithTopicIds ? name : "",
                                TopicId = version < FirstWithTopicIds ? default : id,
                                PartitionIndexes = [.. partitions],
                            },
                        ],
                },
            ];
        }
        client.Try<OffsetFetchResponse>(what, ApiKey.OffsetFetch, version, request, OffsetFetchResponse.TryRead);
    }

    private void Deletes()
    {
        const string Group = "offsets";
        client.Ask<OffsetCommitResponse>(
            ApiKey.OffsetCommit,
            8,
            CommitRequest(Group, "", -1, 8),
            OffsetCommitResponse.TryRead
        );
        ClassicMember member = ClassicMember.Join(client, "subscribed", topic);
        Delete("one", Group, topic, 0);
        Delete("what is not there", Group, topic, 2);
        Delete("an unknown partition", Group, topic, 77);
        Delete("an unknown topic", Group, "unknown", 0);
        Delete("an unknown group", "none", topic, 0);
        Delete("an empty group id", "", topic, 0);
        Delete("a group that subscribes", member.GroupId, topic, 0);
        Delete("a group that subscribes to others", member.GroupId, "unknown", 0);
    }

    private void Delete(string what, string group, string name, int partition)
    {
        OffsetDeleteRequest request = new()
        {
            GroupId = group,
            Topics =
            [
                new OffsetDeleteRequest.OffsetDeleteRequestTopic
                {
                    Name = name,
                    Partitions = [new OffsetDeleteRequest.OffsetDeleteRequestPartition { PartitionIndex = partition }],
                },
            ],
        };
        client.Try<OffsetDeleteResponse>(what, ApiKey.OffsetDelete, 0, request, OffsetDeleteResponse.TryRead);
    }
}
