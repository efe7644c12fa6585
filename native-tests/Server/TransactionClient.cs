using System.Diagnostics;
using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Tests;

/// <summary>A transactional producer of one topic, request by request, in transaction protocol 1 or 2.</summary>
internal sealed class TransactionClient : IDisposable
{
    private readonly WireClient _client;
    private readonly string _topic;
    private readonly string _id;
    private readonly int _protocol;
    private readonly Dictionary<int, int> _sequences = [];
    private readonly HashSet<int> _added = [];
    private int _correlationId;

    private TransactionClient(WireClient client, string topic, string id, int protocol)
    {
        _client = client;
        _topic = topic;
        _id = id;
        _protocol = protocol;
    }

    public long ProducerId { get; private set; } = -1;

    public short Epoch { get; private set; } = -1;

    /// <summary>With protocol 1: partitions are added to the transaction when something is first sent to them.</summary>
    public bool AddsBySending { get; set; } = true;

    /// <summary>The last version of the protocol's produce.</summary>
    private short ProduceVersion => _protocol == 1 ? (short)11 : (short)12;

    public static async Task<TransactionClient> StartAsync(
        BrokerRig rig,
        string topic,
        int partitions,
        string id,
        int protocol,
        int timeoutMs = 60_000
    )
    {
        await rig.CreateTopicAsync(topic, partitions);
        TransactionClient client = await ConnectAsync(rig, topic, id, protocol);
        await client.FindCoordinatorAsync();
        await client.InitAsync(timeoutMs);
        return client;
    }

    public static async Task<TransactionClient> ConnectAsync(BrokerRig rig, string topic, string id, int protocol) =>
        new(await rig.ConnectAsync(), topic, id, protocol);

    public void Dispose() => _client.Dispose();

    private Task FindCoordinatorAsync() =>
        UntilAsync(
            async () =>
            {
                FindCoordinatorResponse found = await _client.CallAsync<FindCoordinatorResponse>(
                    ApiKey.FindCoordinator,
                    6,
                    new FindCoordinatorRequest { KeyType = 1, CoordinatorKeys = [_id] },
                    FindCoordinatorResponse.TryRead
                );
                return found.Coordinators[0].ErrorCode == 0;
            },
            "a coordinator is found"
        );

    public async Task InitAsync(int timeoutMs = 60_000)
    {
        InitProducerIdResponse response = null!;
        await UntilAsync(
            async () =>
            {
                response = await InitOnceAsync(timeoutMs);
                return (ErrorCode)response.ErrorCode
                    is not (ErrorCode.ConcurrentTransactions or ErrorCode.CoordinatorLoadInProgress);
            },
            "the producer is initialized"
        );
        Assert.Equal(ErrorCode.None, (ErrorCode)response.ErrorCode);
        Take(response.ProducerId, response.ProducerEpoch);
    }

    public Task<InitProducerIdResponse> InitOnceAsync(int timeoutMs = 60_000) =>
        InitCallAsync(_id, timeoutMs, -1, -1, 5);

    public async Task<ErrorCode> TryInitAsync(
        string id,
        int timeoutMs,
        long producerId = -1,
        short epoch = -1,
        short version = 5
    ) => (ErrorCode)(await InitCallAsync(id, timeoutMs, producerId, epoch, version)).ErrorCode;

    private Task<InitProducerIdResponse> InitCallAsync(
        string id,
        int timeoutMs,
        long producerId,
        short epoch,
        short version
    ) =>
        _client.CallAsync<InitProducerIdResponse>(
            ApiKey.InitProducerId,
            version,
            new InitProducerIdRequest
            {
                TransactionalId = id,
                TransactionTimeoutMs = timeoutMs,
                ProducerId = producerId,
                ProducerEpoch = epoch,
            },
            InitProducerIdResponse.TryRead
        );

    public async Task AddAsync(int partition)
    {
        Assert.Equal(ErrorCode.None, await TryAddAsync(ProducerId, Epoch, partition: partition));
        _added.Add(partition);
    }

    public async Task<ErrorCode> TryAddAsync(long producerId, short epoch, short version = 3, int partition = 0)
    {
        ErrorCode error = ErrorCode.None;
        await UntilAsync(
            async () =>
            {
                AddPartitionsToTxnResponse response = await _client.CallAsync<AddPartitionsToTxnResponse>(
                    ApiKey.AddPartitionsToTxn,
                    version,
                    new AddPartitionsToTxnRequest
                    {
                        V3AndBelowTransactionalId = _id,
                        V3AndBelowProducerId = producerId,
                        V3AndBelowProducerEpoch = epoch,
                        V3AndBelowTopics = [new() { Name = _topic, Partitions = [partition] }],
                    },
                    AddPartitionsToTxnResponse.TryRead
                );
                error = (ErrorCode)response.ResultsByTopicV3AndBelow[0].ResultsByPartition[0].PartitionErrorCode;
                return error != ErrorCode.ConcurrentTransactions;
            },
            "the transaction before is complete"
        );
        return error;
    }

    public async Task SendAsync(int partition, string value) =>
        Assert.Equal(ErrorCode.None, await TrySendAsync(partition, value));

    public Task<ErrorCode> TrySendAsync(int partition, string value) => TrySendAsync(partition, value, _id);

    public async Task<ErrorCode> TrySendAsync(int partition, string value, string? transactionalId)
    {
        if (_protocol == 1 && AddsBySending && transactionalId is not null && !_added.Contains(partition))
        {
            if (await TryAddAsync(ProducerId, Epoch, partition: partition) == ErrorCode.None)
            {
                _added.Add(partition);
            }
        }
        int sequence = _sequences.GetValueOrDefault(partition);
        ProduceResponse response = await _client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            ProduceVersion,
            Request(partition, value, sequence, transactionalId),
            ProduceResponse.TryRead
        );
        ErrorCode error = ErrorOf(response);
        if (error == ErrorCode.None)
        {
            _sequences[partition] = sequence + 1;
        }
        return error;
    }

    /// <summary>Sends all of them before it reads the first answer.</summary>
    public async Task PipelineAsync(int partition, IReadOnlyList<string> values)
    {
        int first = _correlationId;
        foreach (string value in values)
        {
            int sequence = _sequences.GetValueOrDefault(partition);
            _sequences[partition] = sequence + 1;
            await _client.SendAsync(
                ApiKey.Produce,
                ProduceVersion,
                _correlationId++,
                Request(partition, value, sequence, _id)
            );
        }
        for (int i = 0; i < values.Count; i++)
        {
            byte[]? answer = await _client.ReceiveAsync();
            Assert.NotNull(answer);
            ProduceResponse response = WireClient.Parse<ProduceResponse>(
                answer,
                ApiKey.Produce,
                ProduceVersion,
                first + i,
                ProduceResponse.TryRead
            );
            Assert.Equal(ErrorCode.None, ErrorOf(response));
        }
    }

    public async Task EndAsync(bool commit)
    {
        EndTxnResponse response = await EndOnceAsync(commit, Epoch);
        Assert.Equal(ErrorCode.None, (ErrorCode)response.ErrorCode);
        _added.Clear();
        if (_protocol == 2)
        {
            Take(response.ProducerId, response.ProducerEpoch);
        }
    }

    public async Task<ErrorCode> TryEndAsync(bool commit) => (ErrorCode)(await EndOnceAsync(commit, Epoch)).ErrorCode;

    public Task<EndTxnResponse> EndOnceAsync(bool commit, short epoch) =>
        _client.CallAsync<EndTxnResponse>(
            ApiKey.EndTxn,
            _protocol == 1 ? (short)4 : (short)5,
            new EndTxnRequest
            {
                TransactionalId = _id,
                ProducerId = ProducerId,
                ProducerEpoch = epoch,
                Committed = commit,
            },
            EndTxnResponse.TryRead
        );

    public Task WhenStateAsync(string state) =>
        UntilAsync(async () => (await DescribeAsync()).TransactionState == state, $"the transaction is {state}");

    public Task WhenForgottenAsync() =>
        UntilAsync(
            async () => (ErrorCode)(await DescribeAsync()).ErrorCode == ErrorCode.TransactionalIdNotFound,
            "the id is forgotten"
        );

    private async Task<DescribeTransactionsResponse.TransactionStateData> DescribeAsync()
    {
        DescribeTransactionsResponse response = await _client.CallAsync<DescribeTransactionsResponse>(
            ApiKey.DescribeTransactions,
            0,
            new DescribeTransactionsRequest { TransactionalIds = [_id] },
            DescribeTransactionsResponse.TryRead
        );
        return response.TransactionStates[0];
    }

    /// <summary>What a consumer that starts at 0 is shown of a partition; with committed records only, as the aborted list tells it.</summary>
    public async Task<List<string>> ReadAsync(int partition, bool committedOnly)
    {
        FetchResponse response = await _client.CallAsync<FetchResponse>(
            ApiKey.Fetch,
            12,
            new FetchRequest
            {
                ReplicaId = -1,
                MaxWaitMs = 0,
                MinBytes = 0,
                MaxBytes = 1_000_000,
                IsolationLevel = (sbyte)(committedOnly ? 1 : 0),
                SessionEpoch = -1,
                Topics =
                [
                    new()
                    {
                        Topic = _topic,
                        Partitions =
                        [
                            new()
                            {
                                Partition = partition,
                                FetchOffset = 0,
                                PartitionMaxBytes = 1_000_000,
                                CurrentLeaderEpoch = -1,
                                LastFetchedEpoch = -1,
                            },
                        ],
                    },
                ],
            },
            FetchResponse.TryRead
        );
        FetchResponse.PartitionData data = response.Responses[0].Partitions[0];
        Assert.Equal(0, data.ErrorCode);
        return Batches.ReadCommitted(data.Records, committedOnly ? data.AbortedTransactions ?? [] : []);
    }

    public async Task CommitOffsetAsync(string group, int partition, long offset)
    {
        if (_protocol == 1)
        {
            await UntilAsync(
                async () =>
                {
                    AddOffsetsToTxnResponse added = await _client.CallAsync<AddOffsetsToTxnResponse>(
                        ApiKey.AddOffsetsToTxn,
                        4,
                        new AddOffsetsToTxnRequest
                        {
                            TransactionalId = _id,
                            ProducerId = ProducerId,
                            ProducerEpoch = Epoch,
                            GroupId = group,
                        },
                        AddOffsetsToTxnResponse.TryRead
                    );
                    return added.ErrorCode == 0;
                },
                "the group's offsets are part of the transaction"
            );
        }
        await UntilAsync(
            async () =>
            {
                TxnOffsetCommitResponse response = await _client.CallAsync<TxnOffsetCommitResponse>(
                    ApiKey.TxnOffsetCommit,
                    _protocol == 1 ? (short)4 : (short)5,
                    new TxnOffsetCommitRequest
                    {
                        TransactionalId = _id,
                        GroupId = group,
                        ProducerId = ProducerId,
                        ProducerEpoch = Epoch,
                        Topics =
                        [
                            new()
                            {
                                Name = _topic,
                                Partitions =
                                [
                                    new()
                                    {
                                        PartitionIndex = partition,
                                        CommittedOffset = offset,
                                        CommittedMetadata = "",
                                    },
                                ],
                            },
                        ],
                    },
                    TxnOffsetCommitResponse.TryRead
                );
                return response.Topics[0].Partitions[0].ErrorCode == 0;
            },
            "the offset is committed"
        );
    }

    public async Task<(ErrorCode Error, long Offset)> FetchOffsetAsync(string group, int partition, bool stable)
    {
        OffsetFetchResponse response = await _client.CallAsync<OffsetFetchResponse>(
            ApiKey.OffsetFetch,
            8,
            new OffsetFetchRequest
            {
                Groups =
                [
                    new() { GroupId = group, Topics = [new() { Name = _topic, PartitionIndexes = [partition] }] },
                ],
                RequireStable = stable,
            },
            OffsetFetchResponse.TryRead
        );
        OffsetFetchResponse.OffsetFetchResponsePartitions found = response.Groups[0].Topics[0].Partitions[0];
        return ((ErrorCode)found.ErrorCode, found.CommittedOffset);
    }

    /// <summary>An ABORT by hand, as an administrator sends it.</summary>
    public async Task<ErrorCode> WriteMarkerAsync(int partition, short epoch, int coordinatorEpoch)
    {
        WriteTxnMarkersResponse response = await _client.CallAsync<WriteTxnMarkersResponse>(
            ApiKey.WriteTxnMarkers,
            1,
            new WriteTxnMarkersRequest
            {
                Markers =
                [
                    new()
                    {
                        ProducerId = ProducerId,
                        ProducerEpoch = epoch,
                        TransactionResult = false,
                        CoordinatorEpoch = coordinatorEpoch,
                        Topics = [new() { Name = _topic, PartitionIndexes = [partition] }],
                    },
                ],
            },
            WriteTxnMarkersResponse.TryRead
        );
        return (ErrorCode)response.Markers[0].Topics[0].Partitions[0].ErrorCode;
    }

    private void Take(long producerId, short epoch)
    {
        if (producerId != ProducerId || epoch != Epoch)
        {
            _sequences.Clear();
        }
        (ProducerId, Epoch) = (producerId, epoch);
    }

    private ProduceRequest Request(int partition, string value, int sequence, string? transactionalId) =>
        new()
        {
            TransactionalId = transactionalId,
            Acks = -1,
            TimeoutMs = 30_000,
            TopicData =
            [
                new()
                {
                    Name = _topic,
                    PartitionData =
                    [
                        new()
                        {
                            Index = partition,
                            Records = Batches.Transactional([value], ProducerId, Epoch, sequence),
                        },
                    ],
                },
            ],
        };

    private static ErrorCode ErrorOf(ProduceResponse response) =>
        (ErrorCode)response.Responses[0].PartitionResponses[0].ErrorCode;

    /// <summary>Asks again and again; each question is a round trip, so that this is no busy loop.</summary>
    private static async Task UntilAsync(Func<Task<bool>> condition, string what)
    {
        long start = Stopwatch.GetTimestamp();
        while (!await condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < TimeSpan.FromSeconds(60), $"still not: {what}");
        }
    }
}
