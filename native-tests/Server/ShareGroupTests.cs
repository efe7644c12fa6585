using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Tests;

/// <summary>Groups of KIP-932, request by request, and what the share coordinator keeps for them.</summary>
public class ShareGroupTests
{
    private const string Group = "sharers";
    private const int LimitMs = 60_000;

    [Fact]
    public async Task Members_share_partitions_once_their_state_has_begun()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 2);
        using WireClient client = await ConnectAsync(rig);
        ShareGroupHeartbeatResponse joined = await BeatAsync(client, "a", 0, "topic");
        Assert.Equal((ErrorCode.None, null), ((ErrorCode)joined.ErrorCode, joined.ErrorMessage));
        await UntilAsync(client, "a", joined.MemberEpoch, topic, [0, 1]);
        ShareGroupHeartbeatResponse second = await BeatAsync(client, "b", 0, "topic");
        await UntilAsync(client, "b", second.MemberEpoch, topic, null);
        ShareGroupDescribeResponse.DescribedGroup group = await DescribeAsync(client);
        Assert.Equal(("Stable", "simple", 2), (group.GroupState, group.AssignorName, group.Members.Count));

        ReadShareGroupStateSummaryResponse state = await SummarizeAsync(client, topic, 0);
        ReadShareGroupStateSummaryResponse.PartitionResult partition = state.Results[0].Partitions[0];
        Assert.Equal((ErrorCode.None, -1L), ((ErrorCode)partition.ErrorCode, partition.StartOffset));
        Assert.True(partition.StateEpoch > 0);
    }

    [Fact]
    public async Task What_coordinators_write_down_is_compressed_as_the_settings_say()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(coordinatorCodec: CompressionCodec.Zstd);
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 1);
        using WireClient client = await ConnectAsync(rig);
        ShareGroupHeartbeatResponse joined = await BeatAsync(client, "a", 0, "topic");
        await UntilAsync(client, "a", joined.MemberEpoch, topic, [0]);
        foreach (string name in (string[])[TopicImage.GroupMetadataTopic, TopicImage.ShareStateTopic])
        {
            List<CompressionCodec> codecs = [];
            for (int core = 0; core < rig.Cores.Count; core++)
            {
                codecs.AddRange(await rig.OnCoreAsync(core, each => CodecsIn(each, name)));
            }
            Assert.NotEmpty(codecs);
            Assert.All(codecs, codec => Assert.Equal(CompressionCodec.Zstd, codec));
        }
    }

    /// <summary>Of all batches that the core has of a topic.</summary>
    private static List<CompressionCodec> CodecsIn(Core core, string topic)
    {
        List<CompressionCodec> codecs = [];
        byte[] buffer = new byte[64 * 1024];
        foreach (PartitionLog log in core.Get<LogSet>().All.Where(log => log.Name.Topic == topic))
        {
            BatchScanner batches = new(buffer.AsSpan(0, log.ReadForReplay(log.LogStartOffset, buffer)));
            while (batches.MoveNext())
            {
                codecs.Add(batches.Batch.Codec);
            }
        }
        return codecs;
    }

    [Fact]
    public async Task Who_comes_into_an_empty_group_gets_its_partitions_at_once()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 1);
        using WireClient client = await ConnectAsync(rig);
        ShareGroupHeartbeatResponse joined = await BeatAsync(client, "a", 0, "topic");
        await UntilAsync(client, "a", joined.MemberEpoch, topic, [0]);
        await BeatAsync(client, "a", -1);
        ShareGroupHeartbeatResponse next = await BeatAsync(client, "b", 0, "topic");
        Assert.Equal([topic], next.Assignment!.TopicPartitions.Select(each => each.TopicId));
    }

    [Fact]
    public async Task Strangers_and_late_members_are_refused()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        await rig.CreateTopicAsync("topic", 1);
        using WireClient client = await ConnectAsync(rig);
        Assert.Equal(ErrorCode.GroupIdNotFound, (ErrorCode)(await BeatAsync(client, "a", 1)).ErrorCode);
        Assert.Equal(ErrorCode.InvalidRequest, (ErrorCode)(await BeatAsync(client, "a", 0)).ErrorCode);
        Assert.Equal(ErrorCode.InvalidRequest, (ErrorCode)(await BeatAsync(client, "", 0, "topic")).ErrorCode);
        ShareGroupHeartbeatResponse joined = await BeatAsync(client, "a", 0, "topic");
        Assert.Equal(ErrorCode.UnknownMemberId, (ErrorCode)(await BeatAsync(client, "b", 1)).ErrorCode);
        Assert.Equal(
            ErrorCode.FencedMemberEpoch,
            (ErrorCode)(await BeatAsync(client, "a", joined.MemberEpoch + 100)).ErrorCode
        );
        Assert.Equal(-1, (await BeatAsync(client, "a", -1)).MemberEpoch);
        Assert.Equal(ErrorCode.UnknownMemberId, (ErrorCode)(await BeatAsync(client, "a", 1)).ErrorCode);
        Assert.Equal("Empty", (await DescribeAsync(client)).GroupState);
    }

    [Fact]
    public async Task Offsets_are_set_seen_and_forgotten_while_nobody_is_in_the_group()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 1);
        using WireClient client = await ConnectAsync(rig);
        ShareGroupHeartbeatResponse joined = await BeatAsync(client, "a", 0, "topic");
        await UntilAsync(client, "a", joined.MemberEpoch, topic, [0]);
        Assert.Equal(ErrorCode.NonEmptyGroup, (ErrorCode)(await AlterAsync(client, 5)).ErrorCode);
        Assert.Equal(ErrorCode.NonEmptyGroup, await DeleteGroupAsync(client));
        await BeatAsync(client, "a", -1);
        AlterShareGroupOffsetsResponse altered = await AlterAsync(client, 5);
        Assert.Equal(0, altered.ErrorCode);
        Assert.Equal(0, altered.Responses[0].Partitions[0].ErrorCode);
        Assert.Equal((5, -5), await PositionAsync(client));
        DeleteShareGroupOffsetsResponse deleted = await client.CallAsync<DeleteShareGroupOffsetsResponse>(
            ApiKey.DeleteShareGroupOffsets,
            0,
            new DeleteShareGroupOffsetsRequest { GroupId = Group, Topics = [new() { TopicName = "topic" }] },
            DeleteShareGroupOffsetsResponse.TryRead
        );
        Assert.Equal((0, topic), (deleted.Responses[0].ErrorCode, deleted.Responses[0].TopicId));
        Assert.Null(await PositionAsync(client));
        await AlterAsync(client, 7);
        Assert.Equal(ErrorCode.None, await DeleteGroupAsync(client));
        Assert.Equal(ErrorCode.GroupIdNotFound, (ErrorCode)(await DescribeAsync(client)).ErrorCode);
        Assert.Equal(-1, (await SummarizeAsync(client, topic, 0)).Results[0].Partitions[0].StartOffset);
    }

    [Fact]
    public async Task The_share_coordinator_keeps_what_leaders_report_and_shuts_old_ones_out()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        KafkaUuid topic = await rig.CreateTopicAsync("topic", 1);
        using WireClient client = await ConnectAsync(rig);
        ShareGroupHeartbeatResponse joined = await BeatAsync(client, "a", 0, "topic");
        await UntilAsync(client, "a", joined.MemberEpoch, topic, [0]);
        ReadShareGroupStateResponse.PartitionResult read = await ReadAsync(client, topic, leaderEpoch: 3);
        Assert.Equal((ErrorCode.None, -1L), ((ErrorCode)read.ErrorCode, read.StartOffset));
        Assert.Equal(ErrorCode.FencedLeaderEpoch, (ErrorCode)(await ReadAsync(client, topic, 2)).ErrorCode);
        Assert.Equal(ErrorCode.FencedStateEpoch, await WriteAsync(client, topic, read.StateEpoch - 1, 3));
        Assert.Equal(ErrorCode.FencedLeaderEpoch, await WriteAsync(client, topic, read.StateEpoch, 2));
        Assert.Equal(ErrorCode.None, await WriteAsync(client, topic, read.StateEpoch, 3));
        read = await ReadAsync(client, topic, 3);
        Assert.Equal(10, read.StartOffset);
        ReadShareGroupStateResponse.StateBatch batch = Assert.Single(read.StateBatches);
        Assert.Equal((10L, 14L, 2, 1), (batch.FirstOffset, batch.LastOffset, batch.DeliveryState, batch.DeliveryCount));
    }

    private static async Task<WireClient> ConnectAsync(BrokerRig rig)
    {
        WireClient client = await rig.ConnectAsync();
        long end = Environment.TickCount64 + LimitMs;
        while (true)
        {
            ShareGroupDescribeResponse.DescribedGroup group = await DescribeAsync(client);
            if (
                (ErrorCode)group.ErrorCode
                is not (
                    ErrorCode.CoordinatorNotAvailable
                    or ErrorCode.CoordinatorLoadInProgress
                    or ErrorCode.NotCoordinator
                )
            )
            {
                return client;
            }
            Assert.True(Environment.TickCount64 < end, "no coordinator in time");
            await client.CallAsync<FindCoordinatorResponse>(
                ApiKey.FindCoordinator,
                4,
                new FindCoordinatorRequest { KeyType = 0, CoordinatorKeys = [Group] },
                FindCoordinatorResponse.TryRead
            );
        }
    }

    private static Task<ShareGroupHeartbeatResponse> BeatAsync(
        WireClient client,
        string member,
        int epoch,
        params string[] topics
    ) =>
        client.CallAsync<ShareGroupHeartbeatResponse>(
            ApiKey.ShareGroupHeartbeat,
            1,
            new ShareGroupHeartbeatRequest
            {
                GroupId = Group,
                MemberId = member,
                MemberEpoch = epoch,
                SubscribedTopicNames = topics.Length == 0 ? null : [.. topics],
            },
            ShareGroupHeartbeatResponse.TryRead
        );

    /// <summary>Beats until the member has the partitions; null: until it has any.</summary>
    private static async Task UntilAsync(
        WireClient client,
        string member,
        int epoch,
        KafkaUuid topic,
        int[]? partitions
    )
    {
        long end = Environment.TickCount64 + LimitMs;
        while (true)
        {
            ShareGroupHeartbeatResponse answer = await BeatAsync(client, member, epoch, "topic");
            Assert.Equal((ErrorCode.None, null), ((ErrorCode)answer.ErrorCode, answer.ErrorMessage));
            epoch = answer.MemberEpoch;
            int[] got =
            [
                .. answer.Assignment!.TopicPartitions.Where(t => t.TopicId == topic).SelectMany(t => t.Partitions),
            ];
            if (partitions is null ? got.Length > 0 : got.SequenceEqual(partitions))
            {
                return;
            }
            Assert.True(Environment.TickCount64 < end, $"has only {string.Join(' ', got)} in the end");
        }
    }

    private static async Task<ShareGroupDescribeResponse.DescribedGroup> DescribeAsync(WireClient client)
    {
        ShareGroupDescribeResponse response = await client.CallAsync<ShareGroupDescribeResponse>(
            ApiKey.ShareGroupDescribe,
            1,
            new ShareGroupDescribeRequest { GroupIds = [Group] },
            ShareGroupDescribeResponse.TryRead
        );
        return response.Groups[0];
    }

    private static Task<AlterShareGroupOffsetsResponse> AlterAsync(WireClient client, long offset) =>
        client.CallAsync<AlterShareGroupOffsetsResponse>(
            ApiKey.AlterShareGroupOffsets,
            0,
            new AlterShareGroupOffsetsRequest
            {
                GroupId = Group,
                Topics =
                [
                    new() { TopicName = "topic", Partitions = [new() { PartitionIndex = 0, StartOffset = offset }] },
                ],
            },
            AlterShareGroupOffsetsResponse.TryRead
        );

    /// <summary>Start and lag; null when the group has no state of any topic.</summary>
    private static async Task<(long Start, long Lag)?> PositionAsync(WireClient client)
    {
        DescribeShareGroupOffsetsResponse response = await client.CallAsync<DescribeShareGroupOffsetsResponse>(
            ApiKey.DescribeShareGroupOffsets,
            1,
            new DescribeShareGroupOffsetsRequest { Groups = [new() { GroupId = Group, Topics = null }] },
            DescribeShareGroupOffsetsResponse.TryRead
        );
        return response.Groups[0].Topics.Count == 0
            ? null
            : (response.Groups[0].Topics[0].Partitions[0].StartOffset, response.Groups[0].Topics[0].Partitions[0].Lag);
    }

    private static async Task<ErrorCode> DeleteGroupAsync(WireClient client)
    {
        DeleteGroupsResponse response = await client.CallAsync<DeleteGroupsResponse>(
            ApiKey.DeleteGroups,
            2,
            new DeleteGroupsRequest { GroupsNames = [Group] },
            DeleteGroupsResponse.TryRead
        );
        return (ErrorCode)response.Results[0].ErrorCode;
    }

    private static Task<ReadShareGroupStateSummaryResponse> SummarizeAsync(
        WireClient client,
        KafkaUuid topic,
        int partition
    ) =>
        client.CallAsync<ReadShareGroupStateSummaryResponse>(
            ApiKey.ReadShareGroupStateSummary,
            1,
            new ReadShareGroupStateSummaryRequest
            {
                GroupId = Group,
                Topics = [new() { TopicId = topic, Partitions = [new() { Partition = partition }] }],
            },
            ReadShareGroupStateSummaryResponse.TryRead
        );

    private static async Task<ReadShareGroupStateResponse.PartitionResult> ReadAsync(
        WireClient client,
        KafkaUuid topic,
        int leaderEpoch
    )
    {
        ReadShareGroupStateResponse response = await client.CallAsync<ReadShareGroupStateResponse>(
            ApiKey.ReadShareGroupState,
            0,
            new ReadShareGroupStateRequest
            {
                GroupId = Group,
                Topics = [new() { TopicId = topic, Partitions = [new() { LeaderEpoch = leaderEpoch }] }],
            },
            ReadShareGroupStateResponse.TryRead
        );
        return response.Results[0].Partitions[0];
    }

    private static async Task<ErrorCode> WriteAsync(WireClient client, KafkaUuid topic, int stateEpoch, int leaderEpoch)
    {
        WriteShareGroupStateResponse response = await client.CallAsync<WriteShareGroupStateResponse>(
            ApiKey.WriteShareGroupState,
            1,
            new WriteShareGroupStateRequest
            {
                GroupId = Group,
                Topics =
                [
                    new()
                    {
                        TopicId = topic,
                        Partitions =
                        [
                            new()
                            {
                                StateEpoch = stateEpoch,
                                LeaderEpoch = leaderEpoch,
                                StartOffset = 10,
                                DeliveryCompleteCount = 5,
                                StateBatches =
                                [
                                    new()
                                    {
                                        FirstOffset = 10,
                                        LastOffset = 14,
                                        DeliveryState = 2,
                                        DeliveryCount = 1,
                                    },
                                ],
                            },
                        ],
                    },
                ],
            },
            WriteShareGroupStateResponse.TryRead
        );
        return (ErrorCode)response.Results[0].Partitions[0].ErrorCode;
    }
}
