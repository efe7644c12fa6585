using System.Collections.Immutable;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Transactions;

/// <summary>
/// What the coordinator knows of one transactional id. Immutable: each change is a new value, which takes the place of
/// the old one when its record is committed.
/// </summary>
public sealed record TransactionMetadata
{
    public const long NoProducerId = -1;
    public const short NoEpoch = -1;

    /// <summary>The last epoch that a producer gets; the one after it is for a fence or a marker only.</summary>
    public const short LastEpoch = short.MaxValue - 1;

    public required string TransactionalId { get; init; }

    public required long ProducerId { get; init; }

    /// <summary>The id before the present one, of which a repeated request may still speak; -1 = none.</summary>
    public long PreviousProducerId { get; init; } = NoProducerId;

    /// <summary>The id that takes over when the transaction is complete, because the epochs are used up; -1 = none.</summary>
    public long NextProducerId { get; init; } = NoProducerId;

    /// <summary>-1 until the first initialization is complete.</summary>
    public short ProducerEpoch { get; init; } = NoEpoch;

    /// <summary>
    /// The epoch whose owner may repeat the request that led to the present one; -1 = nobody may. Not in the log: a
    /// repetition across a restart is fenced, as with Apache Kafka.
    /// </summary>
    public short LastProducerEpoch { get; init; } = NoEpoch;

    public int TimeoutMs { get; init; }

    public TransactionState State { get; init; }

    public ImmutableHashSet<TopicPartition> Partitions { get; init; } = [];

    /// <summary>Wall clock of the first partition; -1 = no transaction yet.</summary>
    public long StartMs { get; init; } = -1;

    public long UpdatedMs { get; init; }

    /// <summary>2: the producer gets a new epoch with every transaction (KIP-890); 0: the older protocol.</summary>
    public short ClientVersion { get; init; }

    public bool IsEpochExhausted => ProducerEpoch >= LastEpoch;

    /// <summary>Decided, but not every partition has its marker yet.</summary>
    public bool IsEnding => State is TransactionState.PrepareCommit or TransactionState.PrepareAbort;

    public bool IsCommitting => State is TransactionState.PrepareCommit;

    /// <summary>Nothing is open, so that the id may be forgotten when nobody uses it.</summary>
    public bool IsIdle =>
        State is TransactionState.Empty or TransactionState.CompleteCommit or TransactionState.CompleteAbort;

    public bool BumpsEpoch => ClientVersion >= TransactionRules.EpochBumpingVersion;
}
