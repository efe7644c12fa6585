namespace Aot.Broker.Server.Share;

/// <summary>What a member asks a share partition for.</summary>
/// <param name="BatchSize">Records after which a new range begins with the next batch of the log.</param>
/// <param name="FetchOffset">What the batches were read from.</param>
internal readonly record struct AcquireRequest(
    string Member,
    AcquireMode Mode,
    int RecordsMax,
    int BatchSize,
    long FetchOffset,
    long LockDeadlineMillis
);
