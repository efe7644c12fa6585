using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// What producers, and partitions on behalf of producers, ask of a shard. Each request takes its turn at its transactional id
/// and keeps it until its record is committed. Runs on the shard's core.
/// </summary>
internal sealed class TransactionRequests(TransactionShard shard)
{
    /// <summary>
    /// How long a produce of protocol 2 waits for the markers of the transaction before: they are usually a matter of a
    /// millisecond, and a refusal costs the client its back-off. <c>add.partitions.to.txn.retry.backoff.max.ms</c> of Apache Kafka.
    /// </summary>
    private const long CompletionWaitMs = 100;

    public async Task<ProducerIdentity> InitializeAsync(
        string transactionalId,
        int timeoutMs,
        long expectedId,
        short expectedEpoch
    )
    {
        TransactionEntry entry = shard.GetOrCreate(transactionalId);
        await entry.Turn.EnterAsync();
        try
        {
            TransactionMetadata current =
                entry.Metadata
                ?? new TransactionMetadata
                {
                    TransactionalId = transactionalId,
                    ProducerId = await NewProducerIdAsync(),
                };
            bool needsId = TransactionRules.InitializationNeedsProducerId(current, expectedEpoch);
            long fresh = needsId ? await NewProducerIdAsync() : TransactionMetadata.NoProducerId;
            if (current.ProducerId < 0 || (needsId && fresh < 0))
            {
                return ProducerIdentity.Refuse(ErrorCode.KafkaStorageError);
            }
            TransactionDecision decision = TransactionRules.Initialize(
                current,
                timeoutMs,
                expectedId,
                expectedEpoch,
                fresh,
                shard.Core.WallMillis
            );
            ErrorCode error = decision.Next is null
                ? decision.Error
                : Worse(await shard.ChangeAsync(entry, decision.Next), decision.Error);
            return error == ErrorCode.None
                ? new ProducerIdentity(error, decision.Next!.ProducerId, decision.Next.ProducerEpoch)
                : ProducerIdentity.Refuse(error);
        }
        finally
        {
            entry.Turn.Leave();
            shard.RemoveIfUnused(entry);
        }
    }

    /// <summary>Adds partitions to the transaction, which they begin if none is open; the error is that of all of them.</summary>
    public async Task<ErrorCode> AddAsync(
        TransactionCaller caller,
        IReadOnlyCollection<TopicPartition> partitions,
        short clientVersion
    )
    {
        TransactionEntry? entry = shard.Find(caller.TransactionalId);
        if (entry is null)
        {
            return ErrorCode.InvalidProducerIdMapping;
        }
        await entry.Turn.EnterAsync();
        try
        {
            if (entry.Metadata is not { } current)
            {
                return ErrorCode.InvalidProducerIdMapping;
            }
            TransactionDecision decision = TransactionRules.Add(
                current,
                caller.ProducerId,
                caller.ProducerEpoch,
                partitions,
                clientVersion,
                shard.Core.WallMillis
            );
            return decision.Next is null ? decision.Error : await shard.ChangeAsync(entry, decision.Next);
        }
        finally
        {
            entry.Turn.Leave();
        }
    }

    /// <summary>As <see cref="AddAsync"/>, for a produce that implies it: waits a moment for the transaction before to be complete.</summary>
    public async Task<ErrorCode> AddImpliedAsync(
        TransactionCaller caller,
        IReadOnlyCollection<TopicPartition> partitions
    )
    {
        ErrorCode error = await AddAsync(caller, partitions, TransactionRules.EpochBumpingVersion);
        if (
            error == ErrorCode.ConcurrentTransactions
            && shard.Find(caller.TransactionalId) is { Metadata.IsEnding: true } entry
        )
        {
            await entry.WhenCompleteAsync(shard.Core, CompletionWaitMs);
            error =
                shard.Availability == ErrorCode.None
                    ? await AddAsync(caller, partitions, TransactionRules.EpochBumpingVersion)
                    : shard.Availability;
        }
        return error;
    }

    /// <summary>Whether each partition is part of the open transaction. Changes nothing.</summary>
    public PartitionErrors Verify(TransactionCaller caller, IReadOnlyCollection<TopicPartition> partitions)
    {
        if (shard.Find(caller.TransactionalId)?.Metadata is not { } current)
        {
            return PartitionErrors.All(partitions, ErrorCode.InvalidProducerIdMapping);
        }
        ErrorCode identity = TransactionRules.CheckIdentity(current, caller.ProducerId, caller.ProducerEpoch);
        if (identity != ErrorCode.None)
        {
            return PartitionErrors.All(partitions, identity);
        }
        PartitionErrors results = [];
        foreach (TopicPartition partition in partitions)
        {
            bool isIn = current.State == TransactionState.Ongoing && current.Partitions.Contains(partition);
            results[partition] = isIn ? ErrorCode.None : ErrorCode.TransactionAbortable;
        }
        return results;
    }

    /// <summary>Decides the transaction. The answer comes when the decision is durable, before the markers are written.</summary>
    public async Task<ProducerIdentity> EndAsync(TransactionCaller caller, bool commit, short clientVersion)
    {
        TransactionEntry? entry = shard.Find(caller.TransactionalId);
        if (entry is null)
        {
            return ProducerIdentity.Refuse(ErrorCode.InvalidProducerIdMapping);
        }
        await entry.Turn.EnterAsync();
        try
        {
            if (entry.Metadata is not { } current)
            {
                return ProducerIdentity.Refuse(ErrorCode.InvalidProducerIdMapping);
            }
            bool needsId = TransactionRules.EndNeedsProducerId(current, clientVersion);
            long fresh = needsId ? await NewProducerIdAsync() : TransactionMetadata.NoProducerId;
            if (needsId && fresh < 0)
            {
                return ProducerIdentity.Refuse(ErrorCode.KafkaStorageError);
            }
            TransactionDecision decision = TransactionRules.End(
                current,
                caller.ProducerId,
                caller.ProducerEpoch,
                commit,
                clientVersion,
                fresh,
                shard.Core.WallMillis
            );
            ErrorCode error = decision.Next is null ? decision.Error : await shard.ChangeAsync(entry, decision.Next);
            if (error != ErrorCode.None)
            {
                return ProducerIdentity.Refuse(error);
            }
            (long producerId, short epoch) = TransactionRules.IdentityAfter(decision.Next ?? current);
            return new ProducerIdentity(ErrorCode.None, producerId, epoch);
        }
        finally
        {
            entry.Turn.Leave();
        }
    }

    private ValueTask<long> NewProducerIdAsync() => shard.Core.Get<ProducerIds>().NextAsync();

    private static ErrorCode Worse(ErrorCode append, ErrorCode decided) => append == ErrorCode.None ? decided : append;
}
