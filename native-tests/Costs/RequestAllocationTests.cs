using Aot.Broker.Faults.Tests;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Xunit.Abstractions;

namespace Aot.Broker.Costs.Tests;

/// <summary>
/// Managed bytes that a core allocates for one request of each frequent kind, by the broker's own count: none for what
/// clients send all the time.
/// </summary>
[Trait("Io", "once")]
public sealed class RequestAllocationTests(ITestOutputHelper output) : IDisposable
{
    private const string Topic = "allocated";
    private const int WarmUpRequests = 2000;
    private const int Requests = 2000;
    private const int IntervalsMax = 5;

    /// <summary>What these two allocate now, as objects of the request and of the answer; more is a mistake.</summary>
    private const int OffsetCommitBytesMax = 4400;
    private const int MetadataBytesMax = 1728;

    private readonly BrokerProcess _broker = BrokerProcess.Start(new BrokerOptions { Cores = 1 });

    public void Dispose() => _broker.Dispose();

    [Fact]
    public void A_produce_allocates_nothing()
    {
        using WireClient client = Connect();
        byte[] frame = RequestFrames.Produce(Topic, Batches.Numbered(1, 0, 10, 100));
        Assert.Equal(0, BytesPerRequest(() => RequestFrames.Produce(client, frame)));
    }

    [Fact]
    public void A_fetch_of_what_is_there_allocates_nothing()
    {
        using WireClient client = Connect();
        RequestFrames.Produce(client, RequestFrames.Produce(Topic, Batches.Numbered(1, 0, 10, 100)));
        byte[] frame = RequestFrames.Fetch(Topic, 0, 4096);
        Assert.Equal(0, BytesPerRequest(() => Assert.True(client.Exchange(frame).Length > 1000)));
    }

    /// <summary>A fetch that waits, the record that ends its wait, and the answers to both.</summary>
    [Fact]
    public void A_fetch_that_waits_for_a_record_allocates_nothing()
    {
        using WireClient producer = Connect();
        using WireClient consumer = _broker.Connect();
        byte[] produce = RequestFrames.Produce(Topic, Batches.Numbered(1, 0, 1, 100));
        long offset = 0;
        double bytes = BytesPerRequest(() =>
        {
            consumer.SendFrame(RequestFrames.Fetch(Topic, offset, 4096, waitMs: 60_000));
            RequestFrames.Produce(producer, produce);
            byte[] answer = consumer.ReceiveFrame() ?? throw new HarnessException("the broker closed the connection");
            Assert.Equal(ErrorCode.None, RequestFrames.ErrorOfFetch(answer));
            offset++;
        });
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void A_heartbeat_of_the_classic_protocol_allocates_nothing()
    {
        using WireClient client = Connect();
        using KafkaConnection connection = new(_broker);
        (string member, int generation) = JoinClassic(connection, "classic");
        byte[] frame = KafkaConnection.Frame(
            ApiKey.Heartbeat,
            4,
            1,
            new HeartbeatRequest
            {
                GroupId = "classic",
                GenerationId = generation,
                MemberId = member,
            }
        );
        double bytes = BytesPerRequest(() =>
        {
            HeartbeatResponse answer = KafkaConnection.Parse<HeartbeatResponse>(
                client.Exchange(frame),
                ApiKey.Heartbeat,
                4,
                HeartbeatResponse.TryRead
            );
            Assert.Equal(ErrorCode.None, (ErrorCode)answer.ErrorCode);
        });
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void A_heartbeat_of_the_consumer_protocol_allocates_nothing()
    {
        const string Group = "consumer";
        using WireClient client = Connect();
        using KafkaConnection connection = new(_broker);
        FindCoordinator(connection, Group);
        string member = Guid.NewGuid().ToString();
        ConsumerGroupHeartbeatResponse joined = Beat(
            client.Exchange(
                BeatFrame(
                    new ConsumerGroupHeartbeatRequest
                    {
                        GroupId = Group,
                        MemberId = member,
                        RebalanceTimeoutMs = 300_000,
                        SubscribedTopicNames = [Topic],
                        TopicPartitions = [],
                    }
                )
            )
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)joined.ErrorCode);
        // What it is given it has from then on; a beat that says nothing new has no lists.
        List<ConsumerGroupHeartbeatRequest.TopicPartitionsData> owned =
        [
            .. joined.Assignment!.TopicPartitions.Select(topic => new ConsumerGroupHeartbeatRequest.TopicPartitionsData
            {
                TopicId = topic.TopicId,
                Partitions = topic.Partitions,
            }),
        ];
        ConsumerGroupHeartbeatRequest confirmation = new()
        {
            GroupId = Group,
            MemberId = member,
            MemberEpoch = joined.MemberEpoch,
            RebalanceTimeoutMs = -1,
            TopicPartitions = owned,
        };
        Beat(client.Exchange(BeatFrame(confirmation)));
        byte[] frame = BeatFrame(
            new ConsumerGroupHeartbeatRequest
            {
                GroupId = Group,
                MemberId = member,
                MemberEpoch = joined.MemberEpoch,
                RebalanceTimeoutMs = -1,
            }
        );
        double bytes = BytesPerRequest(() =>
            Assert.Equal(joined.MemberEpoch, Beat(client.Exchange(frame)).MemberEpoch)
        );
        Assert.Equal(0, bytes);
    }

    [Fact]
    public void An_offset_commit_allocates_no_more_than_its_objects()
    {
        const string Group = "offsets";
        using WireClient client = Connect();
        using KafkaConnection connection = new(_broker);
        FindCoordinator(connection, Group);
        byte[] frame = KafkaConnection.Frame(
            ApiKey.OffsetCommit,
            8,
            1,
            new OffsetCommitRequest
            {
                GroupId = Group,
                GenerationIdOrMemberEpoch = -1,
                MemberId = "",
                Topics =
                [
                    new OffsetCommitRequest.OffsetCommitRequestTopic
                    {
                        Name = Topic,
                        Partitions = [new OffsetCommitRequest.OffsetCommitRequestPartition { CommittedOffset = 7 }],
                    },
                ],
            }
        );
        double bytes = BytesPerRequest(() =>
        {
            OffsetCommitResponse answer = KafkaConnection.Parse<OffsetCommitResponse>(
                client.Exchange(frame),
                ApiKey.OffsetCommit,
                8,
                OffsetCommitResponse.TryRead
            );
            Assert.Equal(ErrorCode.None, (ErrorCode)answer.Topics[0].Partitions[0].ErrorCode);
        });
        Assert.InRange(bytes, 0, OffsetCommitBytesMax);
    }

    [Fact]
    public void Metadata_of_a_topic_allocates_no_more_than_its_objects()
    {
        using WireClient client = Connect();
        byte[] frame = KafkaConnection.Frame(
            ApiKey.Metadata,
            12,
            1,
            new MetadataRequest { Topics = [new MetadataRequest.MetadataRequestTopic { Name = Topic }] }
        );
        byte[] first = client.Exchange(frame);
        double bytes = BytesPerRequest(() => Assert.Equal(first, client.Exchange(frame)));
        Assert.InRange(bytes, 0, MetadataBytesMax);
    }

    /// <summary>
    /// The least of several intervals: a turn that was too long writes a line to the log, and the checkpoints of a broker are
    /// not the request's.
    /// </summary>
    private double BytesPerRequest(Action act)
    {
        Repeat(act, WarmUpRequests);
        double least = double.MaxValue;
        for (int i = 0; i < IntervalsMax && least > 0; i++)
        {
            BrokerStatistics before = _broker.ReadStatistics();
            Repeat(act, Requests);
            BrokerStatistics after = _broker.ReadStatistics();
            long allocated = after.Cores[0].AllocatedBytes - before.Cores[0].AllocatedBytes;
            least = Math.Min(least, (double)allocated / Requests);
        }
        output.WriteLine($"{least} bytes a request");
        return least;
    }

    private static void Repeat(Action act, int times)
    {
        for (int i = 0; i < times; i++)
        {
            act();
        }
    }

    private WireClient Connect()
    {
        using KafkaConnection connection = new(_broker);
        connection.CreateTopic(Topic, 1);
        return _broker.Connect();
    }

    private static (string Member, int Generation) JoinClassic(KafkaConnection connection, string group)
    {
        FindCoordinator(connection, group);
        JoinGroupResponse joined = Join("");
        Assert.Equal(ErrorCode.MemberIdRequired, (ErrorCode)joined.ErrorCode);
        joined = Join(joined.MemberId);
        Assert.Equal(ErrorCode.None, (ErrorCode)joined.ErrorCode);
        SyncGroupResponse synced = connection.Call<SyncGroupResponse>(
            ApiKey.SyncGroup,
            4,
            new SyncGroupRequest
            {
                GroupId = group,
                GenerationId = joined.GenerationId,
                MemberId = joined.MemberId,
                Assignments =
                [
                    new SyncGroupRequest.SyncGroupRequestAssignment { MemberId = joined.MemberId, Assignment = [1] },
                ],
            },
            SyncGroupResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)synced.ErrorCode);
        return (joined.MemberId, joined.GenerationId);

        JoinGroupResponse Join(string member) =>
            connection.Call<JoinGroupResponse>(
                ApiKey.JoinGroup,
                6,
                new JoinGroupRequest
                {
                    GroupId = group,
                    SessionTimeoutMs = 45_000,
                    RebalanceTimeoutMs = 300_000,
                    MemberId = member,
                    ProtocolType = "consumer",
                    Protocols = [new JoinGroupRequest.JoinGroupRequestProtocol { Name = "range", Metadata = [1] }],
                },
                JoinGroupResponse.TryRead
            );
    }

    /// <summary>The first who asks makes the coordinator's topic, and waits for it.</summary>
    private static void FindCoordinator(KafkaConnection connection, string group) =>
        Until.Holds(
            () =>
            {
                FindCoordinatorResponse found = connection.Call<FindCoordinatorResponse>(
                    ApiKey.FindCoordinator,
                    4,
                    new FindCoordinatorRequest { CoordinatorKeys = [group] },
                    FindCoordinatorResponse.TryRead
                );
                OffsetFetchResponse offsets = connection.Call<OffsetFetchResponse>(
                    ApiKey.OffsetFetch,
                    7,
                    new OffsetFetchRequest { GroupId = group, Topics = null },
                    OffsetFetchResponse.TryRead
                );
                return found.Coordinators[0].ErrorCode == 0 && offsets.ErrorCode == 0;
            },
            $"group {group} has a coordinator"
        );

    private static byte[] BeatFrame(ConsumerGroupHeartbeatRequest request) =>
        KafkaConnection.Frame(ApiKey.ConsumerGroupHeartbeat, 1, 1, request);

    private static ConsumerGroupHeartbeatResponse Beat(byte[] answer)
    {
        ConsumerGroupHeartbeatResponse read = KafkaConnection.Parse<ConsumerGroupHeartbeatResponse>(
            answer,
            ApiKey.ConsumerGroupHeartbeat,
            1,
            ConsumerGroupHeartbeatResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)read.ErrorCode);
        return read;
    }
}
