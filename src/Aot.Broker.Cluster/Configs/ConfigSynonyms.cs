using Aot.Broker.Base;

namespace Aot.Broker.Cluster.Configs;

/// <summary>
/// Which settings stand for which: a topic or group setting falls back to one of the broker, and some broker settings
/// exist in several units, the finest of which wins.
/// </summary>
public static class ConfigSynonyms
{
    private const long MillisecondsPerMinute = 60_000;
    private const long MillisecondsPerHour = 3_600_000;

    private static readonly (string Name, long Factor)[] s_retention =
    [
        ("log.retention.ms", 1),
        ("log.retention.minutes", MillisecondsPerMinute),
        ("log.retention.hours", MillisecondsPerHour),
    ];
    private static readonly (string Name, long Factor)[] s_roll =
    [
        ("log.roll.ms", 1),
        ("log.roll.hours", MillisecondsPerHour),
    ];
    private static readonly (string Name, long Factor)[] s_rollJitter =
    [
        ("log.roll.jitter.ms", 1),
        ("log.roll.jitter.hours", MillisecondsPerHour),
    ];
    private static readonly (string Name, long Factor)[] s_flush =
    [
        ("log.flush.interval.ms", 1),
        ("log.flush.scheduler.interval.ms", 1),
    ];

    /// <summary>The broker's setting for a topic's, or null.</summary>
    public static string? BrokerNameOfTopic(string topicName) =>
        topicName switch
        {
            "cleanup.policy" => "log.cleanup.policy",
            "compression.gzip.level" or "compression.lz4.level" or "compression.type" or "compression.zstd.level" =>
                topicName,
            "delete.retention.ms" => "log.cleaner.delete.retention.ms",
            "file.delete.delay.ms" => "log.segment.delete.delay.ms",
            "flush.messages" => "log.flush.interval.messages",
            "flush.ms" => "log.flush.interval.ms",
            "index.interval.bytes" => "log.index.interval.bytes",
            "local.retention.bytes" => "log.local.retention.bytes",
            "local.retention.ms" => "log.local.retention.ms",
            "max.compaction.lag.ms" => "log.cleaner.max.compaction.lag.ms",
            "max.decompressed.message.bytes" => "max.decompressed.message.bytes",
            "max.message.bytes" => "message.max.bytes",
            "message.timestamp.after.max.ms" => "log.message.timestamp.after.max.ms",
            "message.timestamp.before.max.ms" => "log.message.timestamp.before.max.ms",
            "message.timestamp.type" => "log.message.timestamp.type",
            "min.cleanable.dirty.ratio" => "log.cleaner.min.cleanable.ratio",
            "min.compaction.lag.ms" => "log.cleaner.min.compaction.lag.ms",
            "min.insync.replicas" => "min.insync.replicas",
            "preallocate" => "log.preallocate",
            "remote.copy.lag.bytes" => "log.remote.copy.lag.bytes",
            "remote.copy.lag.ms" => "log.remote.copy.lag.ms",
            "retention.bytes" => "log.retention.bytes",
            "retention.ms" => "log.retention.ms",
            "segment.bytes" => "log.segment.bytes",
            "segment.index.bytes" => "log.index.size.max.bytes",
            "segment.jitter.ms" => "log.roll.jitter.ms",
            "segment.ms" => "log.roll.ms",
            "unclean.leader.election.enable" => "unclean.leader.election.enable",
            _ => null,
        };

    /// <summary>The broker's setting for a group's, or null.</summary>
    public static string? BrokerNameOfGroup(string groupName)
    {
        if (groupName == "streams.assignor.name")
        {
            return "group.streams.assignors";
        }
        string name = "group." + groupName;
        return ConfigTable.Broker.Find(name) is null ? null : name;
    }

    /// <summary>A broker setting with those in other units that stand behind it, the finest first.</summary>
    public static IReadOnlyList<string> OfBroker(string name)
    {
        foreach ((string Name, long Factor)[] family in Families)
        {
            // log.flush.scheduler.interval.ms alone does not show the setting that it stands behind.
            if (
                Array.Exists(family, member => member.Name == name)
                && !(ReferenceEquals(family, s_flush) && name != family[0].Name)
            )
            {
                return Array.ConvertAll(family, member => member.Name);
            }
        }
        string? ofAllListeners = WithoutListener(name);
        return ofAllListeners is null ? [name] : [name, ofAllListeners];
    }

    private static ReadOnlySpan<(string Name, long Factor)[]> Families =>
        new[] { s_retention, s_roll, s_rollJitter, s_flush };

    /// <summary>The value of a broker setting in the unit of its finest form, whichever form was given.</summary>
    public static string? EffectiveText(ConfigValues broker, string finestName)
    {
        foreach ((string Name, long Factor)[] family in Families)
        {
            if (family[0].Name == finestName)
            {
                return EffectiveMilliseconds(broker, family).ToString();
            }
        }
        return broker.Text(finestName);
    }

    public static long RetentionMs(ConfigValues broker) => EffectiveMilliseconds(broker, s_retention);

    private static long EffectiveMilliseconds(ConfigValues broker, (string Name, long Factor)[] family)
    {
        foreach ((string name, long factor) in family)
        {
            if (broker.GetLongOrNull(name) is { } value)
            {
                // Below zero means no limit, in every unit.
                return value < 0 ? -1 : value * factor;
            }
        }
        throw Invariant.Unreachable(family[0].Name);
    }

    /// <summary>
    /// <c>listener.name.NAME.KEY</c> or <c>listener.name.NAME.MECHANISM.KEY</c>: the KEY that it overrides for one
    /// listener; null for other names.
    /// </summary>
    public static string? WithoutListener(string name)
    {
        const string prefix = "listener.name.";
        if (!name.StartsWith(prefix, StringComparison.Ordinal))
        {
            return null;
        }
        int dot = name.IndexOf('.', prefix.Length);
        if (dot < 0 || dot + 1 == name.Length)
        {
            return null;
        }
        string key = name[(dot + 1)..];
        foreach (string perMechanism in s_perMechanism)
        {
            if (key.EndsWith("." + perMechanism, StringComparison.Ordinal))
            {
                return perMechanism;
            }
        }
        return key;
    }

    private static readonly string[] s_perMechanism =
    [
        "sasl.jaas.config",
        "sasl.login.callback.handler.class",
        "sasl.login.class",
        "sasl.server.callback.handler.class",
        "connections.max.reauth.ms",
    ];
}
