namespace Aot.Broker.Coordinators.Transactions;

/// <summary>Where a transactional id stands. The numbers are those of the records in <c>__transaction_state</c>.</summary>
public enum TransactionState : sbyte
{
    /// <summary>Initialized, nothing begun yet.</summary>
    Empty = 0,

    /// <summary>Partitions were added and may have records.</summary>
    Ongoing = 1,

    /// <summary>Decided; markers are on their way. What the producer was told cannot be taken back.</summary>
    PrepareCommit = 2,
    PrepareAbort = 3,

    /// <summary>All markers are written; the next transaction may begin.</summary>
    CompleteCommit = 4,
    CompleteAbort = 5,

    /// <summary>On its way out. Never written by this broker, but read.</summary>
    Dead = 6,

    /// <summary>Apache Kafka's name for a transaction about to be fenced; it is a filter of ListTransactions, and never a state here.</summary>
    PrepareEpochFence = 7,
}
