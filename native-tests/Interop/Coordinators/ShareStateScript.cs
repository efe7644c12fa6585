using Aot.Broker.Base;
using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>
/// The five requests to the share coordinator that keep the state of share partitions (KIP-932), as leaders of partitions
/// and group coordinators of another broker would send them. The texts of refusals are compared as well.
/// </summary>
internal sealed class ShareStateScript(ScriptClient client, string topic)
{
    private const string Group = "shares";
    private const string Other = "shares-2";
    private static readonly KafkaUuid s_unknownId = new(1, 21);

    private KafkaUuid TopicId => client.TopicId(topic);

    public void Play()
    {
        AwaitCoordinator();
        client.ComparesMessages = true;
        BeforeTheBeginning();
        Initializations();
        foreach (short version in ScriptClient.Versions(ApiKey.WriteShareGroupState))
        {
            Writes(version);
        }
        Reads();
        foreach (short version in ScriptClient.Versions(ApiKey.ReadShareGroupStateSummary))
        {
            Summaries(version);
        }
        Deletes();
        client.ComparesMessages = false;
    }

    /// <summary>Its topic is made when somebody looks for it, and it then reads its log.</summary>
    private void AwaitCoordinator()
    {
        FindCoordinatorRequest request = new() { KeyType = 2, CoordinatorKeys = [$"{Group}:{TopicId}:0"] };
        Until.Holds(
            () =>
                client
                    .Ask<FindCoordinatorResponse>(ApiKey.FindCoordinator, 6, request, FindCoordinatorResponse.TryRead)
                    .Coordinators[0]
                    .ErrorCode == 0
                && client
                    .Ask<ReadShareGroupStateSummaryResponse>(
                        ApiKey.ReadShareGroupStateSummary,
                        0,
                        SummaryRequest("ready", TopicId, 0),
                        ReadShareGroupStateSummaryResponse.TryRead
                    )
                    .Results[0]
                    .Partitions[0]
                    .ErrorCode == 0,
            "the share coordinator serves"
        );
    }

    private void BeforeTheBeginning()
    {
        Write("before the beginning", 1, WriteRequest(Group, TopicId, 0));
        Read("before the beginning", ReadRequest(Group, TopicId, 0));
        Summarize("before the beginning", 0, SummaryRequest(Group, TopicId, 0));
        Delete("before the beginning", DeleteRequest(Group, TopicId, 0));
    }

    private void Initializations()
    {
        Initialize("one", InitializeRequest(Group, TopicId, 0, stateEpoch: 2, startOffset: 5));
        Initialize("the same again", InitializeRequest(Group, TopicId, 0, stateEpoch: 2, startOffset: 5));
        Initialize("an older state epoch", InitializeRequest(Group, TopicId, 0, stateEpoch: 1, startOffset: 5));
        Initialize("a newer state epoch", InitializeRequest(Group, TopicId, 0, stateEpoch: 3, startOffset: 6));
        Initialize("no start offset", InitializeRequest(Group, TopicId, 1, stateEpoch: 1, startOffset: -1));
        Initialize("a state epoch below zero", InitializeRequest(Group, TopicId, 0, stateEpoch: -1, startOffset: 5));
        Initialize("an unknown topic", InitializeRequest(Group, s_unknownId, 0, 1, 5));
        Initialize("no topic id", InitializeRequest(Group, default, 0, 1, 5));
        Initialize("an unknown partition", InitializeRequest(Group, TopicId, 77, 1, 5));
        Initialize("a partition below zero", InitializeRequest(Group, TopicId, -1, 1, 5));
        Initialize("an empty group id", InitializeRequest("", TopicId, 0, 1, 5));
        Initialize("no topics", new InitializeShareGroupStateRequest { GroupId = Group });
        InitializeShareGroupStateRequest empty = InitializeRequest(Group, TopicId, 0, 4, 5);
        empty.Topics[0].Partitions = [];
        Initialize("no partitions", empty);
    }

    private void Writes(short version)
    {
        Write("one", version, WriteRequest(Group, TopicId, 0, leaderEpoch: version + 1));
        Write("an older leader", version, WriteRequest(Group, TopicId, 0, leaderEpoch: -1));
        Read("what was written", ReadRequest(Group, TopicId, 0, leaderEpoch: 4));
        Write("a leader from before the reader", version, WriteRequest(Group, TopicId, 0, leaderEpoch: 3));
        Write("an older state epoch", version, WriteRequest(Group, TopicId, 0, stateEpoch: 2, leaderEpoch: 4));
        Write("a newer state epoch", version, WriteRequest(Group, TopicId, 0, stateEpoch: 7, leaderEpoch: 4));
        Write("a state epoch below zero", version, WriteRequest(Group, TopicId, 0, stateEpoch: -1, leaderEpoch: 4));
        Write("an unknown topic", version, WriteRequest(Group, s_unknownId, 0));
        Write("no topic id", version, WriteRequest(Group, default, 0));
        Write("an unknown partition", version, WriteRequest(Group, TopicId, 77));
        Write("a partition below zero", version, WriteRequest(Group, TopicId, -1));
        Write("an empty group id", version, WriteRequest("", TopicId, 0));
        Write("no topics", version, new WriteShareGroupStateRequest { GroupId = Group });
        WriteShareGroupStateRequest empty = WriteRequest(Group, TopicId, 0, leaderEpoch: 4);
        empty.Topics[0].Partitions[0].StateBatches = [];
        empty.Topics[0].Partitions[0].StartOffset = -1;
        Write("nothing new", version, empty);
        Read("what is known now", ReadRequest(Group, TopicId, 0, leaderEpoch: 4));
        empty.Topics[0].Partitions = [];
        Write("no partitions", version, empty);
        WriteShareGroupStateRequest both = WriteRequest(Group, TopicId, 0, leaderEpoch: 4);
        both.Topics[0].Partitions.Add(WriteRequest(Group, TopicId, 77).Topics[0].Partitions[0]);
        Write("a partition and an unknown one", version, both);
        Initialize("anew", InitializeRequest(Group, TopicId, 0, stateEpoch: 3, startOffset: 6));
    }

    private void Reads()
    {
        Read("one that was begun anew", ReadRequest(Group, TopicId, 0, leaderEpoch: 4));
        Read("an older leader", ReadRequest(Group, TopicId, 0, leaderEpoch: 3));
        Read("a leader epoch below zero", ReadRequest(Group, TopicId, 0, leaderEpoch: -1));
        Read("no start offset", ReadRequest(Group, TopicId, 1));
        Read("a partition of nobody", ReadRequest(Group, TopicId, 2));
        Read("a group of nobody", ReadRequest(Other, TopicId, 0));
        Read("an unknown topic", ReadRequest(Group, s_unknownId, 0));
        Read("no topic id", ReadRequest(Group, default, 0));
        Read("an unknown partition", ReadRequest(Group, TopicId, 77));
        Read("a partition below zero", ReadRequest(Group, TopicId, -1));
        Read("an empty group id", ReadRequest("", TopicId, 0));
        Read("no topics", new ReadShareGroupStateRequest { GroupId = Group });
        ReadShareGroupStateRequest empty = ReadRequest(Group, TopicId, 0, leaderEpoch: 4);
        empty.Topics[0].Partitions = [];
        Read("no partitions", empty);
    }

    private void Summaries(short version)
    {
        Summarize("one", version, SummaryRequest(Group, TopicId, 0));
        Summarize("no start offset", version, SummaryRequest(Group, TopicId, 1));
        Summarize("a partition of nobody", version, SummaryRequest(Group, TopicId, 2));
        Summarize("an unknown topic", version, SummaryRequest(Group, s_unknownId, 0));
        Summarize("no topic id", version, SummaryRequest(Group, default, 0));
        Summarize("an unknown partition", version, SummaryRequest(Group, TopicId, 77));
        Summarize("a partition below zero", version, SummaryRequest(Group, TopicId, -1));
        Summarize("an empty group id", version, SummaryRequest("", TopicId, 0));
        Summarize("no topics", version, new ReadShareGroupStateSummaryRequest { GroupId = Group });
        ReadShareGroupStateSummaryRequest below = SummaryRequest(Group, TopicId, 0);
        below.Topics[0].Partitions[0].LeaderEpoch = -1;
        Summarize("a leader epoch below zero", version, below);
        below.Topics[0].Partitions = [];
        Summarize("no partitions", version, below);
    }

    private void Deletes()
    {
        Delete("one", DeleteRequest(Group, TopicId, 0));
        Delete("the same again", DeleteRequest(Group, TopicId, 0));
        Read("what was deleted", ReadRequest(Group, TopicId, 0, leaderEpoch: 9));
        Delete("an unknown topic", DeleteRequest(Group, s_unknownId, 0));
        Delete("no topic id", DeleteRequest(Group, default, 0));
        Delete("an unknown partition", DeleteRequest(Group, TopicId, 77));
        Delete("a partition below zero", DeleteRequest(Group, TopicId, -1));
        Delete("an empty group id", DeleteRequest("", TopicId, 0));
        Delete("no topics", new DeleteShareGroupStateRequest { GroupId = Group });
        DeleteShareGroupStateRequest empty = DeleteRequest(Group, TopicId, 1);
        empty.Topics[0].Partitions = [];
        Delete("no partitions", empty);
    }

    private static InitializeShareGroupStateRequest InitializeRequest(
        string group,
        KafkaUuid id,
        int partition,
        int stateEpoch,
        long startOffset
    ) =>
        new()
        {
            GroupId = group,
            Topics =
            [
                new InitializeShareGroupStateRequest.InitializeStateData
                {
                    TopicId = id,
                    Partitions =
                    [
                        new InitializeShareGroupStateRequest.PartitionData
                        {
                            Partition = partition,
                            StateEpoch = stateEpoch,
                            StartOffset = startOffset,
                        },
                    ],
                },
            ],
        };

    private static WriteShareGroupStateRequest WriteRequest(
        string group,
        KafkaUuid id,
        int partition,
        int stateEpoch = 3,
        int leaderEpoch = 0
    ) =>
        new()
        {
            GroupId = group,
            Topics =
            [
                new WriteShareGroupStateRequest.WriteStateData
                {
                    TopicId = id,
                    Partitions =
                    [
                        new WriteShareGroupStateRequest.PartitionData
                        {
                            Partition = partition,
                            StateEpoch = stateEpoch,
                            LeaderEpoch = leaderEpoch,
                            StartOffset = 8,
                            DeliveryCompleteCount = 3,
                            StateBatches = [Batch(8, 10, 2, 1), Batch(12, 20, 0, 2)],
                        },
                    ],
                },
            ],
        };

    private static WriteShareGroupStateRequest.StateBatch Batch(long first, long last, sbyte state, short count) =>
        new()
        {
            FirstOffset = first,
            LastOffset = last,
            DeliveryState = state,
            DeliveryCount = count,
        };

    private static ReadShareGroupStateRequest ReadRequest(
        string group,
        KafkaUuid id,
        int partition,
        int leaderEpoch = 0
    ) =>
        new()
        {
            GroupId = group,
            Topics =
            [
                new ReadShareGroupStateRequest.ReadStateData
                {
                    TopicId = id,
                    Partitions =
                    [
                        new ReadShareGroupStateRequest.PartitionData
                        {
                            Partition = partition,
                            LeaderEpoch = leaderEpoch,
                        },
                    ],
                },
            ],
        };

    private static ReadShareGroupStateSummaryRequest SummaryRequest(string group, KafkaUuid id, int partition) =>
        new()
        {
            GroupId = group,
            Topics =
            [
                new ReadShareGroupStateSummaryRequest.ReadStateSummaryData
                {
                    TopicId = id,
                    Partitions =
                    [
                        new ReadShareGroupStateSummaryRequest.PartitionData { Partition = partition, LeaderEpoch = 4 },
                    ],
                },
            ],
        };

    private static DeleteShareGroupStateRequest DeleteRequest(string group, KafkaUuid id, int partition) =>
        new()
        {
            GroupId = group,
            Topics =
            [
                new DeleteShareGroupStateRequest.DeleteStateData
                {
                    TopicId = id,
                    Partitions = [new DeleteShareGroupStateRequest.PartitionData { Partition = partition }],
                },
            ],
        };

    private void Initialize(string what, InitializeShareGroupStateRequest request) =>
        client.Try<InitializeShareGroupStateResponse>(
            what,
            ApiKey.InitializeShareGroupState,
            0,
            request,
            InitializeShareGroupStateResponse.TryRead
        );

    private void Write(string what, short version, WriteShareGroupStateRequest request) =>
        client.Try<WriteShareGroupStateResponse>(
            what,
            ApiKey.WriteShareGroupState,
            version,
            request,
            WriteShareGroupStateResponse.TryRead
        );

    private void Read(string what, ReadShareGroupStateRequest request) =>
        client.Try<ReadShareGroupStateResponse>(
            what,
            ApiKey.ReadShareGroupState,
            0,
            request,
            ReadShareGroupStateResponse.TryRead
        );

    private void Summarize(string what, short version, ReadShareGroupStateSummaryRequest request) =>
        client.Try<ReadShareGroupStateSummaryResponse>(
            what,
            ApiKey.ReadShareGroupStateSummary,
            version,
            request,
            ReadShareGroupStateSummaryResponse.TryRead
        );

    private void Delete(string what, DeleteShareGroupStateRequest request) =>
        client.Try<DeleteShareGroupStateResponse>(
            what,
            ApiKey.DeleteShareGroupState,
            0,
            request,
            DeleteShareGroupStateResponse.TryRead
        );
}
