namespace Aot.Broker.Coordinators.Transactions;

/// <summary>The settings of the transaction coordinator, by the names of their configuration keys; times in milliseconds.</summary>
public sealed record TransactionOptions
{
    /// <summary><c>transaction.max.timeout.ms</c></summary>
    public int TimeoutMsMax { get; init; } = 900_000;

    /// <summary><c>transactional.id.expiration.ms</c></summary>
    public long TransactionalIdExpirationMs { get; init; } = 7L * 24 * 60 * 60 * 1000;

    /// <summary><c>transaction.abort.timed.out.transaction.cleanup.interval.ms</c></summary>
    public long AbortTimedOutIntervalMs { get; init; } = 10_000;

    /// <summary><c>transaction.remove.expired.transaction.cleanup.interval.ms</c></summary>
    public long RemoveExpiredIntervalMs { get; init; } = 3_600_000;

    /// <summary><c>transaction.two.phase.commit.enable</c></summary>
    public bool AllowsTwoPhaseCommit { get; init; }
}
