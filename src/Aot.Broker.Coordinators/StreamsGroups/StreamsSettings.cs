using System.Globalization;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// The settings of one streams group: what was set for it at run time, within the broker's bounds, else the broker's own.
/// </summary>
internal sealed class StreamsSettings(MetadataView metadata, StreamsGroupOptions options)
{
    public const string StandbyReplicasKey = "num.standby.replicas";
    private const string RackAwareTagsKey = "rack.aware.assignment.tags";

    public int SessionTimeoutMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "session.timeout.ms") ?? options.SessionTimeoutMs,
            options.SessionTimeoutMinMs,
            options.SessionTimeoutMaxMs
        );

    public int HeartbeatIntervalMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "heartbeat.interval.ms") ?? options.HeartbeatIntervalMs,
            options.HeartbeatIntervalMinMs,
            options.HeartbeatIntervalMaxMs
        );

    public int InitialRebalanceDelayMs(string groupId) =>
        Value(groupId, "initial.rebalance.delay.ms") ?? options.InitialRebalanceDelayMs;

    /// <summary>The broker's own may change at run time.</summary>
    public int AssignmentIntervalMs(string groupId) =>
        Math.Clamp(
            Value(groupId, "assignment.interval.ms")
                ?? GroupConfigs.BrokerNumber(metadata, "group.streams.assignment.interval.ms")
                ?? options.AssignmentIntervalMs,
            options.AssignmentIntervalMinMs,
            options.AssignmentIntervalMaxMs
        );

    public int StandbyReplicas(string groupId) =>
        Math.Min(Value(groupId, StandbyReplicasKey) ?? options.StandbyReplicas, options.StandbyReplicasMax);

    public int TaskOffsetIntervalMs(string groupId) =>
        Math.Max(
            Value(groupId, "task.offset.interval.ms") ?? options.TaskOffsetIntervalMs,
            options.TaskOffsetIntervalMinMs
        );

    public long AcceptableRecoveryLag(string groupId) =>
        GroupConfigs.Text(metadata, groupId, "streams.acceptable.recovery.lag") is { } text
        && long.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out long lag)
            ? lag
            : options.AcceptableRecoveryLag;

    public IReadOnlyList<string> RackAwareTags(string groupId) =>
        GroupConfigs.Text(metadata, groupId, "streams." + RackAwareTagsKey) is { } text
            ? text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            : options.RackAwareTags;

    /// <summary>Those that a division of the tasks depends on, ordered by name: a change of them makes a new one necessary.</summary>
    public IReadOnlyList<AssignmentSetting> OfAssignment(string groupId)
    {
        List<AssignmentSetting> settings = [new(StandbyReplicasKey, StandbyReplicas(groupId).ToString())];
        IReadOnlyList<string> tags = RackAwareTags(groupId);
        if (tags.Count > 0)
        {
            settings.Add(new AssignmentSetting(RackAwareTagsKey, string.Join(',', tags)));
        }
        return settings;
    }

    private int? Value(string groupId, string name) => GroupConfigs.Number(metadata, groupId, "streams." + name);
}

/// <summary>A setting that the last division of a group's tasks was made with.</summary>
public sealed record AssignmentSetting(string Key, string Value);
