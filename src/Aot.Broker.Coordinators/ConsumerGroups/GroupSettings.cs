using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// The settings of one group: what was set for it at run time (resource type GROUP), within the broker's bounds, else the
/// broker's own.
/// </summary>
internal sealed class GroupSettings(GroupShard shard)
{
    public int SessionTimeoutMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "consumer.session.timeout.ms") ?? Options.SessionTimeoutMs,
            Options.SessionTimeoutMinMs,
            Options.SessionTimeoutMaxMs
        );

    public int HeartbeatIntervalMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "consumer.heartbeat.interval.ms") ?? Options.HeartbeatIntervalMs,
            Options.HeartbeatIntervalMinMs,
            Options.HeartbeatIntervalMaxMs
        );

    /// <summary>The broker's own may change at run time.</summary>
    public int AssignmentIntervalMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "consumer.assignment.interval.ms")
                ?? BrokerValue("group.consumer.assignment.interval.ms")
                ?? Options.AssignmentIntervalMs,
            Options.AssignmentIntervalMinMs,
            Options.AssignmentIntervalMaxMs
        );

    private ConsumerGroupOptions Options => shard.Options.Consumers;

    private int? Value(string groupId, string name) => GroupConfigs.Number(shard.Metadata, groupId, name);

    private int? BrokerValue(string name) =>
        shard.Metadata.Settings.TryGetGiven(name, out _, out _) ? shard.Metadata.Settings.GetInt(name) : null;
}
