using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// The settings of one group: what was set for it at run time (resource type GROUP), within the broker's bounds, else the
/// broker's own.
/// </summary>
internal sealed class GroupSettings(MetadataView metadata, ConsumerGroupOptions options)
{
    public int SessionTimeoutMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "consumer.session.timeout.ms") ?? options.SessionTimeoutMs,
            options.SessionTimeoutMinMs,
            options.SessionTimeoutMaxMs
        );

    public int HeartbeatIntervalMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "consumer.heartbeat.interval.ms") ?? options.HeartbeatIntervalMs,
            options.HeartbeatIntervalMinMs,
            options.HeartbeatIntervalMaxMs
        );

    /// <summary>The broker's own may change at run time.</summary>
    public int AssignmentIntervalMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "consumer.assignment.interval.ms")
                ?? GroupConfigs.BrokerNumber(metadata, "group.consumer.assignment.interval.ms")
                ?? options.AssignmentIntervalMs,
            options.AssignmentIntervalMinMs,
            options.AssignmentIntervalMaxMs
        );

    private int? Value(string groupId, string name) => GroupConfigs.Number(metadata, groupId, name);
}
