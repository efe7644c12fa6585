using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;
using Partition = Aot.Broker.Protocol.Messages.TxnOffsetCommitResponse.TxnOffsetCommitResponsePartition;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// TxnOffsetCommit: offsets that take effect with a transaction. The records are part of the transaction in this partition of
/// <c>__consumer_offsets</c>, so its coordinator has to agree before the first of them. Runs on the shard's core.
/// </summary>
internal sealed class TransactionalOffsets(GroupShard shard)
{
    private const short FirstWithImpliedPartition = 5;
    private const short FirstWithAbortable = 4;
    private const short FirstWithLoading = 2;
    private const short FirstWithTopicIds = 6;

    /// <summary>The same error for every partition, in the form of the caller's version.</summary>
    public static TxnOffsetCommitResponse Refuse(GroupCaller caller, TxnOffsetCommitRequest request, ErrorCode error) =>
        Answer(request, InVersion(error, caller.ApiVersion));

    public async Task<TxnOffsetCommitResponse> CommitAsync(
        GroupCaller caller,
        TxnOffsetCommitRequest request,
        TransactionCoordinator transactions
    )
    {
        // Asking takes a while, in which the group may fence the member: whoever is looked at after it commits in this turn.
        ErrorCode refusal = await JoinTransactionAsync(caller, request, transactions);
        refusal = refusal == ErrorCode.None ? CheckAll(caller, request) : refusal;
        if (refusal != ErrorCode.None)
        {
            return Refuse(caller, request, refusal);
        }
        List<CoordinatorRecord> records = [];
        TxnOffsetCommitResponse response = Accept(caller, request, records);
        ErrorCode error =
            records.Count == 0
                ? ErrorCode.None
                : await shard.AppendInTransactionAsync(records, request.ProducerId, request.ProducerEpoch);
        if (error != ErrorCode.None)
        {
            foreach (Partition partition in response.Topics.SelectMany(topic => topic.Partitions))
            {
                partition.ErrorCode =
                    partition.ErrorCode == 0 ? (short)InVersion(error, caller.ApiVersion) : partition.ErrorCode;
            }
        }
        return response;
    }

    /// <summary>
    /// Whether this caller may commit for the group now. Clients before KIP-447 say nothing about membership, which is why
    /// nothing is asked of a caller without member and generation.
    /// </summary>
    private ErrorCode CheckCommitter(TxnOffsetCommitRequest request, out CommitFence? fence)
    {
        fence = null;
        int generation = request.GenerationIdOrMemberEpoch;
        if (shard.FindConsumer(request.GroupId) is { } consumers)
        {
            Committer committer = new(request.MemberId, request.GroupInstanceId, generation);
            return CommitRules.Check(consumers, committer, CommitRules.InTransaction, out fence);
        }
        if (shard.FindStreams(request.GroupId) is { } streams)
        {
            if (generation < 0 && request is { MemberId: "", GroupInstanceId: null })
            {
                return ErrorCode.None;
            }
            return StreamsOffsets.CheckCommitter(
                streams,
                request.MemberId,
                generation,
                hasMemberEpochs: true,
                out fence
            );
        }
        GroupEntry? entry = shard.Find(request.GroupId);
        if (entry is null)
        {
            if (generation >= 0 || shard.FindAny(request.GroupId) is not null)
            {
                return ErrorCode.GroupIdNotFound;
            }
            shard.GetOrCreate(request.GroupId);
            return ErrorCode.None;
        }
        ClassicGroup group = entry.Group;
        if (group.State == ClassicGroupState.Dead)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
        bool namesMember = generation >= 0 || request.MemberId.Length > 0 || request.GroupInstanceId is not null;
        if (!namesMember || (generation < 0 && group.State == ClassicGroupState.Empty))
        {
            return ErrorCode.None;
        }
        ErrorCode identity = ClassicMembership.CheckIdentity(group, request.MemberId, request.GroupInstanceId);
        return identity != ErrorCode.None ? identity
            : generation != group.Generation ? ErrorCode.IllegalGeneration
            : ErrorCode.None;
    }

    /// <summary>A single partition that the caller may not commit for, and nothing is committed.</summary>
    private ErrorCode CheckAll(GroupCaller caller, TxnOffsetCommitRequest request)
    {
        ErrorCode refusal = CheckCommitter(request, out CommitFence? fence);
        if (fence is null)
        {
            return refusal;
        }
        foreach (TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic topic in request.Topics)
        {
            TopicImage? known = Find(caller, topic);
            foreach (TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition partition in topic.Partitions)
            {
                refusal = shard.OffsetRequests.Ask(fence, known, partition.PartitionIndex, partition.CommittedMetadata);
                if (refusal != ErrorCode.None)
                {
                    return refusal;
                }
            }
        }
        return ErrorCode.None;
    }

    private TopicImage? Find(GroupCaller caller, TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic topic) =>
        shard.OffsetRequests.Find(topic.Name, topic.TopicId, IdVersion(caller));

    /// <summary>The version of OffsetCommit that names topics in the same way.</summary>
    private static short IdVersion(GroupCaller caller) => (short)(caller.ApiVersion >= FirstWithTopicIds ? 10 : 9);

    private async Task<ErrorCode> JoinTransactionAsync(
        GroupCaller caller,
        TxnOffsetCommitRequest request,
        TransactionCoordinator transactions
    )
    {
        PartitionLog log = shard.PartitionLog;
        bool isImplied = caller.ApiVersion >= FirstWithImpliedPartition;
        if (
            !log.Transactions.NeedsVerification(request.ProducerId, request.ProducerEpoch)
            || !(isImplied || log.Config.VerifiesTransactions)
        )
        {
            return ErrorCode.None;
        }
        TransactionalBatch identity = new(request.ProducerId, request.ProducerEpoch, Sequence: -1);
        log.Transactions.BeginVerification(identity, isImplied, shard.Core.WallMillis);
        TransactionCaller producer = new(request.TransactionalId, request.ProducerId, request.ProducerEpoch);
        TopicPartition[] partitions = [log.Name];
        ErrorCode error = isImplied
            ? await transactions.AddImpliedAsync(shard.Core, producer, partitions)
            : (await transactions.VerifyAsync(shard.Core, producer, partitions))[log.Name];
        if (error == ErrorCode.None)
        {
            log.Transactions.Confirm(request.ProducerId, request.ProducerEpoch);
        }
        return error == ErrorCode.ProducerFenced ? ErrorCode.InvalidProducerEpoch : error;
    }

    private TxnOffsetCommitResponse Accept(
        GroupCaller caller,
        TxnOffsetCommitRequest request,
        List<CoordinatorRecord> records
    )
    {
        long now = shard.Core.WallMillis;
        TxnOffsetCommitResponse response = new();
        foreach (TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic topic in request.Topics)
        {
            TopicImage? known = Find(caller, topic);
            TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic answered = new()
            {
                Name = topic.Name,
                TopicId = topic.TopicId,
            };
            foreach (TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition partition in topic.Partitions)
            {
                string metadata = partition.CommittedMetadata ?? "";
                ErrorCode refusal =
                    known is null ? OffsetRequests.UnknownIn(IdVersion(caller))
                    : known.Partition(partition.PartitionIndex) is null ? ErrorCode.UnknownTopicOrPartition
                    : shard.OffsetRequests.IsTooLarge(metadata) ? ErrorCode.OffsetMetadataTooLarge
                    : ErrorCode.None;
                answered.Partitions.Add(
                    new Partition { PartitionIndex = partition.PartitionIndex, ErrorCode = (short)refusal }
                );
                if (refusal == ErrorCode.None)
                {
                    CommittedOffset offset = new(
                        partition.CommittedOffset,
                        partition.CommittedLeaderEpoch,
                        metadata,
                        now,
                        ExpireTimestampMs: -1,
                        known!.Id
                    );
                    TopicPartition key = new(known.Name, partition.PartitionIndex);
                    records.Add(
                        new CoordinatorRecord(
                            GroupRecords.OffsetKey(request.GroupId, key),
                            GroupRecords.OffsetValue(offset)
                        )
                    );
                }
            }
            response.Topics.Add(answered);
        }
        return response;
    }

    private static ErrorCode InVersion(ErrorCode error, short version) =>
        error switch
        {
            ErrorCode.CoordinatorLoadInProgress when version < FirstWithLoading => ErrorCode.CoordinatorNotAvailable,
            ErrorCode.TransactionAbortable when version < FirstWithAbortable => ErrorCode.InvalidTxnState,
            ErrorCode.StaleMemberEpoch or ErrorCode.GroupIdNotFound when version < FirstWithTopicIds =>
                ErrorCode.IllegalGeneration,
            _ => error,
        };

    private static TxnOffsetCommitResponse Answer(TxnOffsetCommitRequest request, ErrorCode error) =>
        new()
        {
            Topics =
            [
                .. request.Topics.Select(topic => new TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic
                {
                    Name = topic.Name,
                    TopicId = topic.TopicId,
                    Partitions =
                    [
                        .. topic.Partitions.Select(partition => new Partition
                        {
                            PartitionIndex = partition.PartitionIndex,
                            ErrorCode = (short)error,
                        }),
                    ],
                }),
            ],
        };
}
