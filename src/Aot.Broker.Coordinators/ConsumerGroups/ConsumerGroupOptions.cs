namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>The settings of consumer groups, by the names of their configuration keys; times in milliseconds.</summary>
public sealed record ConsumerGroupOptions
{
    /// <summary>Whether <c>group.coordinator.rebalance.protocols</c> names <c>consumer</c>.</summary>
    public bool IsEnabled { get; init; } = true;

    /// <summary><c>group.consumer.session.timeout.ms</c></summary>
    public int SessionTimeoutMs { get; init; } = 45_000;

    public int SessionTimeoutMinMs { get; init; } = 45_000;

    public int SessionTimeoutMaxMs { get; init; } = 60_000;

    /// <summary><c>group.consumer.heartbeat.interval.ms</c></summary>
    public int HeartbeatIntervalMs { get; init; } = 5_000;

    public int HeartbeatIntervalMinMs { get; init; } = 5_000;

    public int HeartbeatIntervalMaxMs { get; init; } = 15_000;

    /// <summary><c>group.consumer.max.size</c></summary>
    public int SizeMax { get; init; } = int.MaxValue;

    /// <summary><c>group.consumer.assignors</c>; the first is what groups use that have no preference.</summary>
    public IReadOnlyList<string> Assignors { get; init; } = ["uniform", "range"];

    /// <summary><c>group.consumer.assignment.interval.ms</c>: least time between two decisions of one group.</summary>
    public int AssignmentIntervalMs { get; init; } = 1_000;

    public int AssignmentIntervalMinMs { get; init; }

    public int AssignmentIntervalMaxMs { get; init; } = 15_000;

    /// <summary><c>group.consumer.migration.policy</c> allows a classic group to become a consumer group.</summary>
    public bool AllowsUpgrade { get; init; } = true;

    /// <summary>The same the other way, when the last member of the consumer protocol leaves.</summary>
    public bool AllowsDowngrade { get; init; } = true;
}
