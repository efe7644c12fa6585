namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>The settings of streams groups, by the names of their configuration keys; times in milliseconds.</summary>
public sealed record StreamsGroupOptions
{
    /// <summary>Whether <c>group.coordinator.rebalance.protocols</c> names <c>streams</c>.</summary>
    public bool IsEnabled { get; init; } = true;

    /// <summary><c>group.streams.session.timeout.ms</c></summary>
    public int SessionTimeoutMs { get; init; } = 45_000;

    public int SessionTimeoutMinMs { get; init; } = 45_000;

    public int SessionTimeoutMaxMs { get; init; } = 60_000;

    /// <summary><c>group.streams.heartbeat.interval.ms</c></summary>
    public int HeartbeatIntervalMs { get; init; } = 5_000;

    public int HeartbeatIntervalMinMs { get; init; } = 5_000;

    public int HeartbeatIntervalMaxMs { get; init; } = 15_000;

    /// <summary><c>group.streams.max.size</c></summary>
    public int SizeMax { get; init; } = int.MaxValue;

    /// <summary><c>group.streams.initial.rebalance.delay.ms</c>: how long the first member of a group waits for company.</summary>
    public int InitialRebalanceDelayMs { get; init; } = 3_000;

    /// <summary><c>group.streams.assignment.interval.ms</c>: least time between two decisions of one group.</summary>
    public int AssignmentIntervalMs { get; init; } = 1_000;

    public int AssignmentIntervalMinMs { get; init; }

    public int AssignmentIntervalMaxMs { get; init; } = 15_000;

    /// <summary><c>group.streams.num.standby.replicas</c></summary>
    public int StandbyReplicas { get; init; }

    public int StandbyReplicasMax { get; init; } = 2;

    /// <summary><c>group.streams.task.offset.interval.ms</c>: how often members tell how far their state is.</summary>
    public int TaskOffsetIntervalMs { get; init; } = 60_000;

    public int TaskOffsetIntervalMinMs { get; init; } = 15_000;

    /// <summary><c>group.streams.acceptable.recovery.lag</c>, in records.</summary>
    public long AcceptableRecoveryLag { get; init; } = 10_000;

    /// <summary><c>group.streams.rack.aware.assignment.tags</c></summary>
    public IReadOnlyList<string> RackAwareTags { get; init; } = [];
}
