namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>The settings of share groups, by the names of their configuration keys; times in milliseconds.</summary>
public sealed record ShareGroupOptions
{
    /// <summary><c>group.share.session.timeout.ms</c></summary>
    public int SessionTimeoutMs { get; init; } = 45_000;

    public int SessionTimeoutMinMs { get; init; } = 45_000;

    public int SessionTimeoutMaxMs { get; init; } = 60_000;

    /// <summary><c>group.share.heartbeat.interval.ms</c></summary>
    public int HeartbeatIntervalMs { get; init; } = 5_000;

    public int HeartbeatIntervalMinMs { get; init; } = 5_000;

    public int HeartbeatIntervalMaxMs { get; init; } = 15_000;

    /// <summary><c>group.share.max.size</c></summary>
    public int SizeMax { get; init; } = 200;

    /// <summary><c>group.share.assignment.interval.ms</c>: least time between two decisions of one group.</summary>
    public int AssignmentIntervalMs { get; init; } = 1_000;

    public int AssignmentIntervalMinMs { get; init; }

    public int AssignmentIntervalMaxMs { get; init; } = 15_000;

    /// <summary><c>group.share.initialize.retry.interval.ms</c>: after it the state of a partition is begun once more.</summary>
    public int InitializeRetryIntervalMs { get; init; } = 30_000;

    /// <summary><c>group.share.delivery.count.limit</c></summary>
    public int DeliveryCountLimit { get; init; } = 5;

    public int DeliveryCountLimitMin { get; init; } = 2;

    public int DeliveryCountLimitMax { get; init; } = 10;

    /// <summary><c>group.share.partition.max.record.locks</c></summary>
    public int RecordLocksMax { get; init; } = 2_000;

    public int RecordLocksMaxMin { get; init; } = 100;

    public int RecordLocksMaxMax { get; init; } = 4_000;

    /// <summary><c>group.share.record.lock.duration.ms</c></summary>
    public int RecordLockDurationMs { get; init; } = 30_000;

    public int RecordLockDurationMinMs { get; init; } = 15_000;

    public int RecordLockDurationMaxMs { get; init; } = 60_000;
}
