using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// One transactional id, step by step, each until the broker has said what became of it. A step that says false has lost
/// the transaction (it took too long, or the group gave the partitions to somebody else): it is aborted, or will be by
/// <see cref="InitializeAsync"/>.
/// </summary>
internal sealed class TransactionSession(World world, Administrator connection, string id, bool bumpsEpoch)
{
    private readonly Dictionary<(TopicUnderTest Topic, int Partition), int> _sequences = [];
    private readonly HashSet<(TopicUnderTest Topic, int Partition)> _added = [];
    private bool _hasAddedGroup;
    private long _producerId = -1;
    private short _epoch = -1;

    /// <summary>The coordinator aborts what is open longer.</summary>
    public int TimeoutMs { get; init; } = 60_000;

    public async Task InitializeAsync()
    {
        await connection.UntilDoneAsync(async client =>
        {
            InitProducerIdResponse response = await client.CallAsync<InitProducerIdResponse>(
                ApiKey.InitProducerId,
                5,
                new InitProducerIdRequest { TransactionalId = id, TransactionTimeoutMs = TimeoutMs },
                InitProducerIdResponse.TryRead
            );
            ErrorCode error = (ErrorCode)response.ErrorCode;
            if (error == ErrorCode.NotCoordinator)
            {
                await FindCoordinatorAsync(client);
            }
            world.Check(error == ErrorCode.None || error.IsForLater(), $"InitProducerId of {id}: {error}");
            if (error == ErrorCode.None)
            {
                Take(response.ProducerId, response.ProducerEpoch);
            }
            return error == ErrorCode.None;
        });
        Forget();
    }

    /// <summary>The offset of the first; -1: the transaction is lost.</summary>
    public async Task<long> ProduceAsync(TopicUnderTest topic, int partition, string[] values)
    {
        if (!bumpsEpoch && !_added.Contains((topic, partition)) && !await AddAsync(topic, partition))
        {
            return -1;
        }
        int sequence = _sequences.GetValueOrDefault((topic, partition));
        RecordBatchOptions options = new()
        {
            ProducerId = _producerId,
            ProducerEpoch = _epoch,
            BaseSequence = sequence,
            IsTransactional = true,
        };
        ProduceRequest request = topic.ProduceOf([(partition, topic.BatchOf(values, options))], -1);
        request.TransactionalId = id;
        ProduceResponse.PartitionProduceResponse? answer = null;
        ErrorCode error = await UntilKnownAsync(async client =>
        {
            ProduceResponse response = await client.CallAsync<ProduceResponse>(
                ApiKey.Produce,
                bumpsEpoch ? (short)12 : (short)11,
                request,
                ProduceResponse.TryRead
            );
            answer = response.Responses.Single().PartitionResponses.Single();
            return (ErrorCode)answer.ErrorCode;
        });
        if (error != ErrorCode.None)
        {
            CheckLost(error, "produce");
            return -1;
        }
        _sequences[(topic, partition)] = sequence + values.Length;
        return answer!.BaseOffset;
    }

    public async Task<bool> CommitOffsetsAsync(
        string group,
        GroupMember member,
        TopicUnderTest topic,
        IReadOnlyDictionary<int, long> offsets
    )
    {
        if (!bumpsEpoch && !_hasAddedGroup && !await AddGroupAsync(group))
        {
            return false;
        }
        TxnOffsetCommitRequest request = new()
        {
            TransactionalId = id,
            GroupId = group,
            ProducerId = _producerId,
            ProducerEpoch = _epoch,
            GenerationIdOrMemberEpoch = member.Epoch,
            MemberId = member.Id,
            Topics =
            [
                new()
                {
                    Name = topic.Name,
                    Partitions =
                    [
                        .. offsets.Select(each => new TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition
                        {
                            PartitionIndex = each.Key,
                            CommittedOffset = each.Value,
                        }),
                    ],
                },
            ],
        };
        ErrorCode error = await UntilKnownAsync(async client =>
        {
            TxnOffsetCommitResponse response = await client.CallAsync<TxnOffsetCommitResponse>(
                ApiKey.TxnOffsetCommit,
                bumpsEpoch ? (short)5 : (short)4,
                request,
                TxnOffsetCommitResponse.TryRead
            );
            return response
                .Topics.SelectMany(each => each.Partitions)
                .Select(each => (ErrorCode)each.ErrorCode)
                .FirstOrDefault(each => each != ErrorCode.None);
        });
        bool hasLostGroup =
            error
            is ErrorCode.IllegalGeneration
                or ErrorCode.UnknownMemberId
                or ErrorCode.StaleMemberEpoch
                or ErrorCode.RebalanceInProgress;
        if (error != ErrorCode.None && !hasLostGroup)
        {
            CheckLost(error, "TxnOffsetCommit");
        }
        return error == ErrorCode.None;
    }

    /// <summary>False: it was not ended so, but aborted, because it had been lost.</summary>
    public async Task<bool> EndAsync(bool commit)
    {
        EndTxnResponse? response = null;
        ErrorCode error = await UntilKnownAsync(async client =>
        {
            response = await client.CallAsync<EndTxnResponse>(
                ApiKey.EndTxn,
                bumpsEpoch ? (short)5 : (short)4,
                new EndTxnRequest
                {
                    TransactionalId = id,
                    ProducerId = _producerId,
                    ProducerEpoch = _epoch,
                    Committed = commit,
                },
                EndTxnResponse.TryRead
            );
            return (ErrorCode)response.ErrorCode;
        });
        if (error != ErrorCode.None)
        {
            CheckLost(error, "EndTxn");
            return false;
        }
        Forget();
        if (bumpsEpoch)
        {
            Take(response!.ProducerId, response.ProducerEpoch);
        }
        return true;
    }

    private async Task<bool> AddAsync(TopicUnderTest topic, int partition)
    {
        ErrorCode error = await UntilKnownAsync(async client =>
        {
            AddPartitionsToTxnResponse response = await client.CallAsync<AddPartitionsToTxnResponse>(
                ApiKey.AddPartitionsToTxn,
                3,
                new AddPartitionsToTxnRequest
                {
                    V3AndBelowTransactionalId = id,
                    V3AndBelowProducerId = _producerId,
                    V3AndBelowProducerEpoch = _epoch,
                    V3AndBelowTopics = [new() { Name = topic.Name, Partitions = [partition] }],
                },
                AddPartitionsToTxnResponse.TryRead
            );
            return (ErrorCode)response.ResultsByTopicV3AndBelow[0].ResultsByPartition[0].PartitionErrorCode;
        });
        if (error != ErrorCode.None)
        {
            CheckLost(error, "AddPartitionsToTxn");
            return false;
        }
        return _added.Add((topic, partition));
    }

    private async Task<bool> AddGroupAsync(string group)
    {
        ErrorCode error = await UntilKnownAsync(async client =>
        {
            AddOffsetsToTxnResponse response = await client.CallAsync<AddOffsetsToTxnResponse>(
                ApiKey.AddOffsetsToTxn,
                3,
                new AddOffsetsToTxnRequest
                {
                    TransactionalId = id,
                    ProducerId = _producerId,
                    ProducerEpoch = _epoch,
                    GroupId = group,
                },
                AddOffsetsToTxnResponse.TryRead
            );
            return (ErrorCode)response.ErrorCode;
        });
        if (error != ErrorCode.None)
        {
            CheckLost(error, "AddOffsetsToTxn");
        }
        return _hasAddedGroup = error == ErrorCode.None;
    }

    private async Task<ErrorCode> UntilKnownAsync(Func<WireClient, Task<ErrorCode>> ask)
    {
        ErrorCode error = ErrorCode.UnknownServerError;
        await connection.UntilDoneAsync(async client =>
        {
            error = await ask(client);
            return !error.IsForLater();
        });
        return error;
    }

    private async Task FindCoordinatorAsync(WireClient client) =>
        await client.CallAsync<FindCoordinatorResponse>(
            ApiKey.FindCoordinator,
            6,
            new FindCoordinatorRequest { KeyType = 1, CoordinatorKeys = [id] },
            FindCoordinatorResponse.TryRead
        );

    private void Forget()
    {
        _added.Clear();
        _hasAddedGroup = false;
    }

    private void Take(long producerId, short epoch)
    {
        world.Check(
            producerId > _producerId || (producerId == _producerId && epoch >= _epoch),
            $"{id}: producer {_producerId}/{_epoch} became {producerId}/{epoch}"
        );
        if ((producerId, epoch) != (_producerId, _epoch))
        {
            _sequences.Clear();
        }
        (_producerId, _epoch) = (producerId, epoch);
    }

    /// <summary>How a transaction ends that took longer than it may.</summary>
    private void CheckLost(ErrorCode error, string what) =>
        world.Check(
            error
                is ErrorCode.InvalidProducerEpoch
                    or ErrorCode.ProducerFenced
                    or ErrorCode.InvalidTxnState
                    or ErrorCode.TransactionAbortable
                    or ErrorCode.UnknownServerError,
            $"{what} of {id}: {error}"
        );
}
