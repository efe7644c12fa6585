using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// What a request means for a transactional id: an error, or the state that follows. A decision without either changes
/// nothing and is answered with the present state.
/// </summary>
public readonly record struct TransactionDecision(ErrorCode Error, TransactionMetadata? Next)
{
    public static TransactionDecision Nothing => default;

    public static TransactionDecision Refuse(ErrorCode error) => new(error, null);

    public static TransactionDecision Go(TransactionMetadata next) => new(ErrorCode.None, next);
}

/// <summary>
/// The state machine of a transactional id, as Apache Kafka documents it (KIP-98, KIP-360, KIP-588, KIP-890): pure
/// functions from the present state and a request to the next state.
/// </summary>
/// <remarks>
/// <code>
/// Empty ---- add ----> Ongoing --- end ---> PrepareX --- all markers ---> CompleteX --- add ---> Ongoing
///   ^                     | init, time-out: PrepareAbort with the next epoch          | init
///   +---------------------------------------------------------------------------------+
/// </code>
/// Protocol 1: a producer keeps its epoch until it initializes again. Protocol 2: each end of a transaction raises it, and
/// a repetition of that end is known by its epoch, which is then one below.
/// </remarks>
public static class TransactionRules
{
    /// <summary>From this client version on, every end of a transaction raises the epoch.</summary>
    public const short EpochBumpingVersion = 2;

    /// <summary>Whether the initialization needs an id that nobody had before.</summary>
    public static bool InitializationNeedsProducerId(TransactionMetadata current, short expectedEpoch) =>
        current.IsIdle
        && current.IsEpochExhausted
        && (expectedEpoch == TransactionMetadata.NoEpoch || expectedEpoch == current.ProducerEpoch);

    /// <summary>
    /// InitProducerId. <paramref name="expectedId"/> and <paramref name="expectedEpoch"/> are what the producer believes
    /// to have, -1 when it begins. A transaction that is open is aborted first, which fences its producer: the answer is
    /// CONCURRENT_TRANSACTIONS together with the state that follows, and the producer asks again.
    /// </summary>
    public static TransactionDecision Initialize(
        TransactionMetadata current,
        int timeoutMs,
        long expectedId,
        short expectedEpoch,
        long freshProducerId,
        long nowMs
    )
    {
        bool isKnownProducer =
            expectedId == TransactionMetadata.NoProducerId
            || current.ProducerEpoch == TransactionMetadata.NoEpoch
            || expectedId == current.ProducerId
            || (expectedId == current.PreviousProducerId && expectedEpoch >= TransactionMetadata.LastEpoch);
        if (!isKnownProducer)
        {
            return TransactionDecision.Refuse(ErrorCode.ProducerFenced);
        }
        if (current.IsEnding)
        {
            return TransactionDecision.Refuse(ErrorCode.ConcurrentTransactions);
        }
        if (current.State == TransactionState.Ongoing)
        {
            return new TransactionDecision(ErrorCode.ConcurrentTransactions, Fence(current, nowMs));
        }
        if (InitializationNeedsProducerId(current, expectedEpoch))
        {
            return TransactionDecision.Go(
                Begin(current, timeoutMs, nowMs) with
                {
                    ProducerId = freshProducerId,
                    PreviousProducerId = current.ProducerId,
                    ProducerEpoch = 0,
                    LastProducerEpoch =
                        expectedEpoch == TransactionMetadata.NoEpoch
                            ? TransactionMetadata.NoEpoch
                            : current.ProducerEpoch,
                }
            );
        }
        return InitializeEpoch(current, timeoutMs, expectedEpoch, nowMs);
    }

    private static TransactionDecision InitializeEpoch(
        TransactionMetadata current,
        int timeoutMs,
        short expectedEpoch,
        long nowMs
    )
    {
        TransactionMetadata next = Begin(current, timeoutMs, nowMs);
        if (expectedEpoch == TransactionMetadata.NoEpoch)
        {
            return TransactionDecision.Go(next with { ProducerEpoch = NextEpoch(current), LastProducerEpoch = -1 });
        }
        if (current.ProducerEpoch == TransactionMetadata.NoEpoch || expectedEpoch == current.ProducerEpoch)
        {
            return TransactionDecision.Go(
                next with
                {
                    ProducerEpoch = NextEpoch(current),
                    LastProducerEpoch = current.ProducerEpoch,
                }
            );
        }
        // The producer did not hear the answer of a successful request: it gets the same epoch once more.
        return expectedEpoch == current.LastProducerEpoch
            ? TransactionDecision.Go(next)
            : TransactionDecision.Refuse(ErrorCode.ProducerFenced);
    }

    private static TransactionMetadata Begin(TransactionMetadata current, int timeoutMs, long nowMs) =>
        current with
        {
            State = TransactionState.Empty,
            TimeoutMs = timeoutMs,
            Partitions = [],
            StartMs = -1,
            UpdatedMs = nowMs,
        };

    /// <summary>A producer that guesses the epoch of a fence may hold the last one; there is none above.</summary>
    private static short NextEpoch(TransactionMetadata current) =>
        current.ProducerEpoch == short.MaxValue ? short.MaxValue : (short)(current.ProducerEpoch + 1);

    /// <summary>The abort of an open transaction whose producer is shut out: by a newer one, or because it took too long.</summary>
    public static TransactionMetadata Fence(TransactionMetadata current, long nowMs) =>
        current with
        {
            State = TransactionState.PrepareAbort,
            ProducerEpoch = NextEpoch(current),
            LastProducerEpoch = TransactionMetadata.NoEpoch,
            UpdatedMs = nowMs,
        };

    /// <summary>AddPartitionsToTxn and AddOffsetsToTxn, and what a produce of protocol 2 implies.</summary>
    public static TransactionDecision Add(
        TransactionMetadata current,
        long producerId,
        short producerEpoch,
        IReadOnlyCollection<TopicPartition> partitions,
        short clientVersion,
        long nowMs
    )
    {
        ErrorCode identity = CheckIdentity(current, producerId, producerEpoch);
        if (identity != ErrorCode.None)
        {
            return TransactionDecision.Refuse(identity);
        }
        if (current.State == TransactionState.Ongoing && current.Partitions.IsSupersetOf(partitions))
        {
            return TransactionDecision.Nothing;
        }
        return TransactionDecision.Go(
            current with
            {
                State = TransactionState.Ongoing,
                Partitions = current.IsIdle ? [.. partitions] : current.Partitions.Union(partitions),
                StartMs = current.IsIdle ? nowMs : current.StartMs,
                UpdatedMs = nowMs,
                ClientVersion = clientVersion,
            }
        );
    }

    /// <summary>Whether the producer may write to the open transaction; which partitions are in it is the caller's to look up.</summary>
    public static ErrorCode CheckIdentity(TransactionMetadata current, long producerId, short producerEpoch)
    {
        if (producerId != current.ProducerId)
        {
            return ErrorCode.InvalidProducerIdMapping;
        }
        if (producerEpoch != current.ProducerEpoch)
        {
            return ErrorCode.ProducerFenced;
        }
        return current.IsEnding ? ErrorCode.ConcurrentTransactions : ErrorCode.None;
    }

    /// <summary>Whether the end of a transaction needs an id that nobody had before.</summary>
    public static bool EndNeedsProducerId(TransactionMetadata current, short clientVersion) =>
        clientVersion >= EpochBumpingVersion && current.IsEpochExhausted && !current.IsEnding;

    /// <summary>EndTxn. A decision without change: the same end was decided before.</summary>
    public static TransactionDecision End(
        TransactionMetadata current,
        long producerId,
        short producerEpoch,
        bool commit,
        short clientVersion,
        long freshProducerId,
        long nowMs
    ) =>
        clientVersion >= EpochBumpingVersion
            ? EndAndBump(current, producerId, producerEpoch, commit, clientVersion, freshProducerId, nowMs)
            : EndKeepingEpoch(current, producerId, producerEpoch, commit, nowMs);

    private static TransactionDecision EndKeepingEpoch(
        TransactionMetadata current,
        long producerId,
        short producerEpoch,
        bool commit,
        long nowMs
    )
    {
        if (producerId != current.ProducerId)
        {
            return TransactionDecision.Refuse(ErrorCode.InvalidProducerIdMapping);
        }
        if (producerEpoch != current.ProducerEpoch)
        {
            return TransactionDecision.Refuse(ErrorCode.ProducerFenced);
        }
        return current.State switch
        {
            TransactionState.Ongoing => TransactionDecision.Go(
                Prepare(current, commit, nowMs) with
                {
                    ClientVersion = 0,
                }
            ),
            TransactionState.CompleteCommit when commit => TransactionDecision.Nothing,
            TransactionState.CompleteAbort when !commit => TransactionDecision.Nothing,
            TransactionState.PrepareCommit when commit => TransactionDecision.Refuse(ErrorCode.ConcurrentTransactions),
            TransactionState.PrepareAbort when !commit => TransactionDecision.Refuse(ErrorCode.ConcurrentTransactions),
            _ => TransactionDecision.Refuse(ErrorCode.InvalidTxnState),
        };
    }

    private static TransactionDecision EndAndBump(
        TransactionMetadata current,
        long producerId,
        short producerEpoch,
        bool commit,
        short clientVersion,
        long freshProducerId,
        long nowMs
    )
    {
        bool repeatsBeforeNewId =
            current.PreviousProducerId == producerId
            && producerEpoch == TransactionMetadata.LastEpoch
            && current.ProducerEpoch == 0;
        bool repeats = repeatsBeforeNewId || producerEpoch + 1 == current.ProducerEpoch;
        bool isCurrent = producerEpoch == current.ProducerEpoch;
        if (producerId != current.ProducerId && !repeatsBeforeNewId)
        {
            return TransactionDecision.Refuse(ErrorCode.InvalidProducerIdMapping);
        }
        bool isValidEpoch = current.State switch
        {
            TransactionState.PrepareCommit or TransactionState.PrepareAbort => repeats,
            TransactionState.CompleteCommit or TransactionState.CompleteAbort => repeats || isCurrent,
            _ => isCurrent,
        };
        if (!isValidEpoch)
        {
            return TransactionDecision.Refuse(ErrorCode.ProducerFenced);
        }
        switch (current.State)
        {
            case TransactionState.Ongoing:
                return Bump(Prepare(current, commit, nowMs));
            case TransactionState.CompleteCommit when commit && repeats:
            case TransactionState.CompleteAbort when !commit && repeats:
                return TransactionDecision.Nothing;
            // Nothing was sent in this transaction, or its first record never arrived: there is nothing to take back, but
            // a late record of it must find a newer epoch.
            case TransactionState.Empty when !commit:
            case TransactionState.CompleteCommit when !commit && !repeats:
            case TransactionState.CompleteAbort when !commit && !repeats:
                return Bump(Prepare(current, commit: false, nowMs) with { StartMs = nowMs });
            case TransactionState.PrepareCommit when commit:
            case TransactionState.PrepareAbort when !commit:
                return TransactionDecision.Refuse(ErrorCode.ConcurrentTransactions);
            default:
                return TransactionDecision.Refuse(ErrorCode.InvalidTxnState);
        }

        TransactionDecision Bump(TransactionMetadata prepared) =>
            TransactionDecision.Go(
                prepared with
                {
                    ProducerEpoch = NextEpoch(current),
                    LastProducerEpoch = current.ProducerEpoch,
                    NextProducerId = current.IsEpochExhausted ? freshProducerId : TransactionMetadata.NoProducerId,
                    ClientVersion = clientVersion,
                }
            );
    }

    private static TransactionMetadata Prepare(TransactionMetadata current, bool commit, long nowMs) =>
        current with
        {
            State = commit ? TransactionState.PrepareCommit : TransactionState.PrepareAbort,
            UpdatedMs = nowMs,
        };

    /// <summary>Every partition has its marker.</summary>
    public static TransactionMetadata Complete(TransactionMetadata current, long nowMs)
    {
        TransactionMetadata complete = current with
        {
            State = current.IsCommitting ? TransactionState.CompleteCommit : TransactionState.CompleteAbort,
            Partitions = [],
            UpdatedMs = nowMs,
        };
        return current.NextProducerId == TransactionMetadata.NoProducerId
            ? complete
            : complete with
            {
                ProducerId = current.NextProducerId,
                PreviousProducerId = current.ProducerId,
                NextProducerId = TransactionMetadata.NoProducerId,
                ProducerEpoch = 0,
            };
    }

    /// <summary>What the producer uses from now on: after an end that used the epochs up that is a new id.</summary>
    public static (long ProducerId, short ProducerEpoch) IdentityAfter(TransactionMetadata current) =>
        current.NextProducerId == TransactionMetadata.NoProducerId
            ? (current.ProducerId, current.ProducerEpoch)
            : (current.NextProducerId, (short)0);

    /// <summary>An open transaction that took longer than its producer asked for.</summary>
    public static bool HasTimedOut(TransactionMetadata current, long nowMs) =>
        current.State == TransactionState.Ongoing && current.StartMs + current.TimeoutMs < nowMs;

    /// <summary>Nobody has used the id for <c>transactional.id.expiration.ms</c>.</summary>
    public static bool HasExpired(TransactionMetadata current, long expirationMs, long nowMs) =>
        current.IsIdle && current.UpdatedMs <= nowMs - expirationMs;
}
