using Aot.Broker.Harness;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Interop.Tests.Coordinators;

/// <summary>
/// The life of transactions: InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, TxnOffsetCommit, EndTxn,
/// WriteTxnMarkers, and what describes them.
/// </summary>
internal sealed class TransactionScript(ScriptClient client, string topic)
{
    private const short FirstWithBatches = 4;
    private const long UnknownProducer = 987_654_321;
    private const int TimeoutMs = 60_000;

    private sealed record Producer(string Id, long ProducerId, short Epoch)
    {
        public Producer WithEpoch(int epoch) => this with { Epoch = (short)epoch };
    }

    public void Play()
    {
        ScriptClient.InEachVersion(ApiKey.InitProducerId, Inits);
        ScriptClient.InEachVersion(ApiKey.AddPartitionsToTxn, AddsPartitions);
        ScriptClient.InEachVersion(ApiKey.AddOffsetsToTxn, AddsOffsets);
        ScriptClient.InEachVersion(ApiKey.TxnOffsetCommit, CommitsOffsets);
        ScriptClient.InEachVersion(ApiKey.EndTxn, Ends);
        ScriptClient.InEachVersion(ApiKey.WriteTxnMarkers, WritesMarkers);
        Describes();
    }

    private InitProducerIdResponse? Init(
        string what,
        short version,
        string? id,
        Action<InitProducerIdRequest>? change = null
    )
    {
        InitProducerIdRequest request = new() { TransactionalId = id, TransactionTimeoutMs = TimeoutMs };
        change?.Invoke(request);
        return client.Try<InitProducerIdResponse>(
            what,
            ApiKey.InitProducerId,
            version,
            request,
            InitProducerIdResponse.TryRead
        );
    }

    private void Inits(short version)
    {
        string id = $"init-{version}";
        InitProducerIdResponse? first = Init("a transactional id", version, id);
        Init("the transactional id again", version, id);
        Init("no transactional id", version, null);
        Init("an empty transactional id", version, "");
        foreach (int timeout in new[] { -1, 0, 900_000, 900_001 })
        {
            Init(
                $"a time of {timeout} ms",
                version,
                $"time-{version}",
                request => request.TransactionTimeoutMs = timeout
            );
        }
        if (version >= 3)
        {
            void As(string what, string? who, long producerId, int epoch) =>
                Init(
                    what,
                    version,
                    who,
                    request =>
                    {
                        request.ProducerId = producerId;
                        request.ProducerEpoch = (short)epoch;
                    }
                );

            long producer = first?.ProducerId ?? -1;
            As("the present epoch", id, producer, 1);
            As("the epoch before", id, producer, 1);
            As("an old epoch", id, producer, 0);
            As("a coming epoch", id, producer, 100);
            As("an unknown producer", id, UnknownProducer, 0);
            As("an unknown producer of a new id", $"new-{version}", UnknownProducer, 0);
            As("a producer without an epoch", id, producer, -1);
            As("an epoch without a producer", id, -1, 0);
            As("a producer without a transactional id", null, producer, 0);
        }
    }

    /// <summary>A producer that has just begun.</summary>
    private Producer Begin(string id)
    {
        InitProducerIdRequest request = new() { TransactionalId = id, TransactionTimeoutMs = TimeoutMs };
        InitProducerIdResponse answer = client.Ask<InitProducerIdResponse>(
            ApiKey.InitProducerId,
            4,
            request,
            InitProducerIdResponse.TryRead
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)answer.ErrorCode);
        return new Producer(id, answer.ProducerId, answer.ProducerEpoch);
    }

    private void AddsPartitions(short version)
    {
        Producer producer = Begin($"partitions-{version}");
        void Add(string what, Producer who, params string[] topics) =>
            client.Try<AddPartitionsToTxnResponse>(
                what,
                ApiKey.AddPartitionsToTxn,
                version,
                AddRequest(version, who, verifyOnly: false, topics),
                AddPartitionsToTxnResponse.TryRead
            );

        Add("an unknown id", producer with { Id = "unknown" }, topic);
        Add("an empty id", producer with { Id = "" }, topic);
        Add("another producer", producer with { ProducerId = UnknownProducer }, topic);
        Add("an old epoch", producer.WithEpoch(producer.Epoch - 1), topic);
        Add("a coming epoch", producer.WithEpoch(producer.Epoch + 1), topic);
        Add("an unknown topic", producer, "unknown");
        Add("an unknown topic and a known one", producer, "unknown", topic);
        Add("nothing", producer);
        if (version >= FirstWithBatches)
        {
            Verify("before anything was added", producer);
        }
        Add("a topic", producer, topic);
        Add("the topic again", producer, topic);
        if (version >= FirstWithBatches)
        {
            Verify("what was added", producer);
            Verify("for an unknown id", producer with { Id = "unknown" });
            Verify("for another producer", producer with { ProducerId = UnknownProducer });
            Verify("for an old epoch", producer.WithEpoch(producer.Epoch - 1));
        }
        End(producer, isCommit: false);

        void Verify(string what, Producer who) =>
            client.Try<AddPartitionsToTxnResponse>(
                $"asked {what}",
                ApiKey.AddPartitionsToTxn,
                version,
                AddRequest(version, who, verifyOnly: true, topic),
                AddPartitionsToTxnResponse.TryRead
            );
    }

    private static AddPartitionsToTxnRequest AddRequest(
        short version,
        Producer who,
        bool verifyOnly,
        params string[] topics
    )
    {
        List<AddPartitionsToTxnRequest.AddPartitionsToTxnTopic> named =
        [
            .. topics.Select(name => new AddPartitionsToTxnRequest.AddPartitionsToTxnTopic
            {
                Name = name,
                Partitions = [0, 1],
            }),
        ];
        if (version < FirstWithBatches)
        {
            return new AddPartitionsToTxnRequest
            {
                V3AndBelowTransactionalId = who.Id,
                V3AndBelowProducerId = who.ProducerId,
                V3AndBelowProducerEpoch = who.Epoch,
                V3AndBelowTopics = named,
            };
        }
        return new AddPartitionsToTxnRequest
        {
            Transactions =
            [
                new AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction
                {
                    TransactionalId = who.Id,
                    ProducerId = who.ProducerId,
                    ProducerEpoch = who.Epoch,
                    VerifyOnly = verifyOnly,
                    Topics = named,
                },
            ],
        };
    }

    private void AddsOffsets(short version)
    {
        Producer producer = Begin($"offsets-{version}");
        void Add(string what, Producer who, string group)
        {
            AddOffsetsToTxnRequest request = new()
            {
                TransactionalId = who.Id,
                ProducerId = who.ProducerId,
                ProducerEpoch = who.Epoch,
                GroupId = group,
            };
            client.Try<AddOffsetsToTxnResponse>(
                what,
                ApiKey.AddOffsetsToTxn,
                version,
                request,
                AddOffsetsToTxnResponse.TryRead
            );
        }

        Add("an unknown id", producer with { Id = "unknown" }, "group");
        Add("an empty id", producer with { Id = "" }, "group");
        Add("another producer", producer with { ProducerId = UnknownProducer }, "group");
        Add("an old epoch", producer.WithEpoch(producer.Epoch - 1), "group");
        Add("a coming epoch", producer.WithEpoch(producer.Epoch + 1), "group");
        Add("an empty group", producer, "");
        Add("a group", producer, "group");
        End(producer, isCommit: false);
    }

    private void CommitsOffsets(short version)
    {
        Producer producer = Begin($"txn-offsets-{version}");
        ClassicMember member = ClassicMember.Join(client, $"txn-group-{version}", topic);
        TxnOffsetCommitRequest Request(Producer who, string group, string memberId = "", int generation = -1) =>
            CommitRequest(version, who, group, memberId, generation);

        void Commit(string what, TxnOffsetCommitRequest request) =>
            client.Try<TxnOffsetCommitResponse>(
                what,
                ApiKey.TxnOffsetCommit,
                version,
                request,
                TxnOffsetCommitResponse.TryRead
            );

        string simple = $"txn-simple-{version}";
        if (version < 5)
        {
            Commit("before the group was added", Request(producer, simple));
        }
        AddOffsetsToTxnRequest add = new()
        {
            TransactionalId = producer.Id,
            ProducerId = producer.ProducerId,
            ProducerEpoch = producer.Epoch,
            GroupId = simple,
        };
        client.Ask<AddOffsetsToTxnResponse>(ApiKey.AddOffsetsToTxn, 3, add, AddOffsetsToTxnResponse.TryRead);
        Commit("a group of nobody", Request(producer, simple));
        Commit("an empty group", Request(producer, ""));
        Commit("another producer", Request(producer with { ProducerId = UnknownProducer }, simple));
        Commit("an old epoch", Request(producer.WithEpoch(producer.Epoch - 1), simple));
        TxnOffsetCommitRequest large = Request(producer, simple);
        large.Topics[0].Partitions[0].CommittedMetadata = new string('x', 4097);
        Commit("much metadata", large);
        TxnOffsetCommitRequest elsewhere = Request(producer, simple);
        elsewhere.Topics[0].Name = version < 6 ? "unknown" : "";
        elsewhere.Topics[0].TopicId = version < 6 ? default : new Base.KafkaUuid(1, 21);
        Commit("an unknown topic", elsewhere);
        TxnOffsetCommitRequest partition = Request(producer, simple);
        partition.Topics[0].Partitions[0].PartitionIndex = 77;
        Commit("an unknown partition", partition);
        if (version >= 3)
        {
            Commit("a member", Request(producer, member.GroupId, member.MemberId, member.Generation));
            Commit("an unknown member", Request(producer, member.GroupId, "nobody", member.Generation));
            Commit("an old generation", Request(producer, member.GroupId, member.MemberId, member.Generation - 1));
            Commit("a generation without a member", Request(producer, member.GroupId, "", member.Generation));
            Commit("a member of an unknown group", Request(producer, "none", member.MemberId, 1));
        }
        End(producer, isCommit: true);
    }

    private TxnOffsetCommitRequest CommitRequest(
        short version,
        Producer who,
        string group,
        string memberId,
        int generation
    )
    {
        TxnOffsetCommitRequest request = new()
        {
            TransactionalId = who.Id,
            GroupId = group,
            ProducerId = who.ProducerId,
            ProducerEpoch = who.Epoch,
            Topics =
            [
                new TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic
                {
                    Name = version < 6 ? topic : "",
                    TopicId = version < 6 ? default : client.TopicId(topic),
                    Partitions =
                    [
                        new TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition
                        {
                            PartitionIndex = 1,
                            CommittedOffset = 9,
                            CommittedMetadata = "text",
                        },
                    ],
                },
            ],
        };
        if (version >= 3)
        {
            (request.MemberId, request.GenerationIdOrMemberEpoch) = (memberId, generation);
        }
        return request;
    }

    private void End(Producer who, bool isCommit)
    {
        EndTxnRequest request = EndRequest(who, isCommit);
        client.Ask<EndTxnResponse>(ApiKey.EndTxn, 3, request, EndTxnResponse.TryRead);
    }

    private static EndTxnRequest EndRequest(Producer who, bool isCommit) =>
        new()
        {
            TransactionalId = who.Id,
            ProducerId = who.ProducerId,
            ProducerEpoch = who.Epoch,
            Committed = isCommit,
        };

    private void Ends(short version)
    {
        EndTxnResponse? Ended(string what, Producer who, bool isCommit = true) =>
            client.Try<EndTxnResponse>(what, ApiKey.EndTxn, version, EndRequest(who, isCommit), EndTxnResponse.TryRead);

        Producer producer = Begin($"end-{version}");
        Ended("an unknown id", producer with { Id = "unknown" });
        Ended("an empty id", producer with { Id = "" });
        Ended("another producer", producer with { ProducerId = UnknownProducer });
        Ended("an old epoch", producer.WithEpoch(producer.Epoch - 1));
        Ended("a coming epoch", producer.WithEpoch(producer.Epoch + 1));
        Ended("a commit of nothing", producer);
        Producer aborting = Begin($"abort-{version}");
        Ended("an abort of nothing", aborting, isCommit: false);
        Producer full = Begin($"full-{version}");
        client.Ask<AddPartitionsToTxnResponse>(
            ApiKey.AddPartitionsToTxn,
            3,
            AddRequest(3, full, verifyOnly: false, topic),
            AddPartitionsToTxnResponse.TryRead
        );
        EndTxnResponse? ended = Ended("a commit", full);
        AwaitEnd(full.Id);
        Ended("the commit again", full);
        Ended("an abort of what was committed", full, isCommit: false);
        if (version >= 5 && ended is not null)
        {
            Producer next = full with { ProducerId = ended.ProducerId, Epoch = ended.ProducerEpoch };
            Ended("an abort of nothing by the next epoch", next, isCommit: false);
            AwaitEnd(full.Id);
        }
    }

    /// <summary>The markers are written behind the answer.</summary>
    private void AwaitEnd(string id) =>
        Until.Holds(
            () =>
                client
                    .Ask<DescribeTransactionsResponse>(
                        ApiKey.DescribeTransactions,
                        0,
                        new DescribeTransactionsRequest { TransactionalIds = [id] },
                        DescribeTransactionsResponse.TryRead
                    )
                    .TransactionStates[0]
                    .TransactionState.StartsWith("Complete"),
            "the transaction is complete"
        );

    private void WritesMarkers(short version)
    {
        Producer producer = Begin($"marker-{version}");
        void Write(string what, Producer who, string name, int partition, int coordinatorEpoch = 0)
        {
            WriteTxnMarkersRequest request = new()
            {
                Markers =
                [
                    new WriteTxnMarkersRequest.WritableTxnMarker
                    {
                        ProducerId = who.ProducerId,
                        ProducerEpoch = who.Epoch,
                        TransactionResult = true,
                        CoordinatorEpoch = coordinatorEpoch,
                        Topics =
                        [
                            new WriteTxnMarkersRequest.WritableTxnMarkerTopic
                            {
                                Name = name,
                                PartitionIndexes = [partition],
                            },
                        ],
                    },
                ],
            };
            client.Try<WriteTxnMarkersResponse>(
                what,
                ApiKey.WriteTxnMarkers,
                version,
                request,
                WriteTxnMarkersResponse.TryRead
            );
        }

        Write("an unknown topic", producer, "unknown", 0);
        Write("an unknown partition", producer, topic, 77);
        Write("a producer without a transaction", producer, topic, 2);
        Write("a later epoch", producer.WithEpoch(producer.Epoch + 3), topic, 2);
        Write("an old epoch", producer.WithEpoch(producer.Epoch + 1), topic, 2);
        Write("a later coordinator", producer.WithEpoch(producer.Epoch + 3), topic, 2, coordinatorEpoch: 5);
        Write("an old coordinator", producer.WithEpoch(producer.Epoch + 3), topic, 2, coordinatorEpoch: 3);
    }

    private void Describes()
    {
        Producer producer = Begin("described");
        foreach (string[] ids in new string[][] { [producer.Id], ["unknown"], [""], ["init-4", "unknown"] })
        {
            DescribeTransactionsRequest request = new() { TransactionalIds = [.. ids] };
            client.Try<DescribeTransactionsResponse>(
                $"'{string.Join("', '", ids)}'",
                ApiKey.DescribeTransactions,
                0,
                request,
                DescribeTransactionsResponse.TryRead
            );
        }
        foreach (short version in ScriptClient.Versions(ApiKey.ListTransactions))
        {
            void List(string what, ListTransactionsRequest request) =>
                client.Try<ListTransactionsResponse>(
                    what,
                    ApiKey.ListTransactions,
                    version,
                    request,
                    ListTransactionsResponse.TryRead
                );

            List("an unknown state", new ListTransactionsRequest { StateFilters = ["Unknown"] });
            List("a state and no state", new ListTransactionsRequest { StateFilters = ["Ongoing", "nothing"] });
            List("a producer", new ListTransactionsRequest { ProducerIdFilters = [producer.ProducerId] });
            List("an unknown producer", new ListTransactionsRequest { ProducerIdFilters = [UnknownProducer] });
            if (version >= 1)
            {
                List("a long time", new ListTransactionsRequest { DurationFilter = 86_400_000 });
            }
            if (version >= 2)
            {
                List("a pattern", new ListTransactionsRequest { TransactionalIdPattern = "descr.*" });
                List("a wrong pattern", new ListTransactionsRequest { TransactionalIdPattern = "(" });
                List("an empty pattern", new ListTransactionsRequest { TransactionalIdPattern = "" });
            }
        }
        foreach ((string name, int partition) in new[] { (topic, 2), (topic, 77), ("unknown", 0), ("", 0), ("a b", 0) })
        {
            DescribeProducersRequest request = new()
            {
                Topics = [new DescribeProducersRequest.TopicRequest { Name = name, PartitionIndexes = [partition] }],
            };
            client.Try<DescribeProducersResponse>(
                $"'{name}' {partition}",
                ApiKey.DescribeProducers,
                0,
                request,
                DescribeProducersResponse.TryRead
            );
        }
    }
}
