using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>Where a share group begins in a partition that is new to it.</summary>
public enum ShareOffsetReset
{
    /// <summary>Behind the newest record.</summary>
    Latest,

    /// <summary>At the first record.</summary>
    Earliest,

    /// <summary>At the first record that is not older than a duration.</summary>
    ByDuration,
}

/// <summary>
/// The settings of one share group: what was set for it at run time (resource type GROUP), within the broker's bounds, else
/// the broker's own. May be used on the core whose view of the metadata it has.
/// </summary>
public sealed class ShareGroupSettings(MetadataView metadata, ShareGroupOptions options)
{
    private const string ByDurationPrefix = "by_duration:";

    public int SessionTimeoutMs(string groupId) =>
        Number(
            groupId,
            "share.session.timeout.ms",
            options.SessionTimeoutMs,
            options.SessionTimeoutMinMs,
            options.SessionTimeoutMaxMs
        );

    public int HeartbeatIntervalMs(string groupId) =>
        Number(
            groupId,
            "share.heartbeat.interval.ms",
            options.HeartbeatIntervalMs,
            options.HeartbeatIntervalMinMs,
            options.HeartbeatIntervalMaxMs
        );

    /// <summary>The broker's own may change at run time.</summary>
    public int AssignmentIntervalMs(string groupId) =>
        Number(
            groupId,
            "share.assignment.interval.ms",
            GroupConfigs.BrokerNumber(metadata, "group.share.assignment.interval.ms") ?? options.AssignmentIntervalMs,
            options.AssignmentIntervalMinMs,
            options.AssignmentIntervalMaxMs
        );

    /// <summary>How often a record is delivered before it is given up.</summary>
    public int DeliveryCountLimit(string groupId) =>
        Number(
            groupId,
            "share.delivery.count.limit",
            options.DeliveryCountLimit,
            options.DeliveryCountLimitMin,
            options.DeliveryCountLimitMax
        );

    /// <summary>Most records of one partition that may be under way at a time.</summary>
    public int RecordLocksMax(string groupId) =>
        Number(
            groupId,
            "share.partition.max.record.locks",
            options.RecordLocksMax,
            options.RecordLocksMaxMin,
            options.RecordLocksMaxMax
        );

    /// <summary>How long a member may keep a record before others get it.</summary>
    public int RecordLockDurationMs(string groupId) =>
        Number(
            groupId,
            "share.record.lock.duration.ms",
            options.RecordLockDurationMs,
            options.RecordLockDurationMinMs,
            options.RecordLockDurationMaxMs
        );

    /// <summary>Whether the group sees only what transactions have committed.</summary>
    public bool ReadsCommittedOnly(string groupId) =>
        GroupConfigs.Text(metadata, groupId, "share.isolation.level") == "read_committed";

    /// <summary>Whether members may ask for more time with a record (acknowledgement type 4).</summary>
    public bool AllowsRenewal(string groupId) =>
        GroupConfigs.Text(metadata, groupId, "share.renew.acknowledge.enable") is not { } text
        || !text.Equals("false", StringComparison.OrdinalIgnoreCase);

    /// <summary>Where the group begins; <paramref name="duration"/> for <see cref="ShareOffsetReset.ByDuration"/>, else zero.</summary>
    public ShareOffsetReset OffsetReset(string groupId, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        string? text = GroupConfigs.Text(metadata, groupId, "share.auto.offset.reset");
        if (
            text is not null
            && text.StartsWith(ByDurationPrefix, StringComparison.Ordinal)
            && Iso8601Duration.TryParse(text.AsSpan(ByDurationPrefix.Length), out duration)
        )
        {
            return ShareOffsetReset.ByDuration;
        }
        return text == "earliest" ? ShareOffsetReset.Earliest : ShareOffsetReset.Latest;
    }

    private int Number(string groupId, string name, int otherwise, int min, int max) =>
        Math.Clamp(GroupConfigs.Number(metadata, groupId, name) ?? otherwise, min, max);
}
