using System.Globalization;
using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Configuration;

/// <summary>What to say about settings that are not in the table, and about those that this binary cannot honour.</summary>
internal static class UnknownKeys
{
    /// <summary>Names that plug-ins, clients of brokers and other products own.</summary>
    private static readonly string[] s_knownPrefixes =
    [
        "listener.name.",
        "confluent.",
        "rlmm.config.",
        "rsm.config.",
        "config.providers.",
        "metrics.context.",
        "metric.reporters.",
        "kafka.metrics.",
        "prometheus.",
        "strimzi.",
        "cruise.control.",
        "authorizer.",
        "client.",
        "producer.",
        "consumer.",
    ];

    private static readonly string[] s_known = ["super.users", "allow.everyone.if.no.acl.found", "cluster.id"];

    /// <summary>Settings that Apache Kafka had before 4.0.</summary>
    private static readonly HashSet<string> s_gone =
    [
        "broker.id.generation.enable",
        "control.plane.listener.name",
        "controlled.shutdown.max.retries",
        "controlled.shutdown.retry.backoff.ms",
        "group.coordinator.new.enable",
        "inter.broker.protocol.version",
        "leader.imbalance.per.broker.percentage",
        "log.message.downconversion.enable",
        "log.message.format.version",
        "log.message.timestamp.difference.max.ms",
        "metadata.log.segment.min.bytes",
        "reserved.broker.max.id",
    ];

    /// <summary>Settings that name code to load: a native binary has none to load it with.</summary>
    private static readonly string[] s_plugIns =
    [
        "alter.config.policy.class.name",
        "client.quota.callback.class",
        "create.topic.policy.class.name",
        "remote.log.storage.manager.class.name",
        "replica.selector.class",
        "ssl.engine.factory.class",
    ];

    /// <summary>
    /// How long coordinators gather records before a write. Here all that a turn of a core appends is one write, so there is
    /// nothing to wait for.
    /// </summary>
    private static readonly string[] s_lingers =
    [
        "group.coordinator.append.linger.ms",
        "share.coordinator.append.linger.ms",
    ];

    public static void Check(IReadOnlyDictionary<string, GivenValue> values, List<string> warnings, List<string> errors)
    {
        foreach (string key in values.Keys.Order(StringComparer.Ordinal))
        {
            GivenValue given = values[key];
            if (ConfigTable.Broker.Find(key) is { } definition)
            {
                if (definition.IsDynamicOnly)
                {
                    warnings.Add($"{given.Origin}: {key} can only be set on a running broker; ignored");
                }
                continue;
            }
            if (
                s_known.Contains(key) || s_knownPrefixes.Any(prefix => key.StartsWith(prefix, StringComparison.Ordinal))
            )
            {
                continue;
            }
            if (s_gone.Contains(key) || StartsWithAny(key, "zookeeper.", "password.encoder."))
            {
                warnings.Add($"{given.Origin}: {key} has no meaning since Apache Kafka 4.0; ignored");
                continue;
            }
            string? nearest = ConfigTable.Broker.Nearest(key);
            warnings.Add(
                $"{given.Origin}: unknown setting {key}" + (nearest is null ? "" : $"; did you mean {nearest}?")
            );
        }
        foreach (string key in s_plugIns)
        {
            if (values.TryGetValue(key, out GivenValue? given) && given.Value.Trim().Length > 0)
            {
                warnings.Add($"{given.Origin}: {key} names a class; this broker loads no plug-ins; ignored");
            }
        }
        foreach (string key in s_lingers)
        {
            if (
                values.TryGetValue(key, out GivenValue? given)
                && int.TryParse(given.Value, NumberStyles.Integer, CultureInfo.InvariantCulture, out int lingerMs)
                && lingerMs > 0
            )
            {
                warnings.Add(
                    $"{given.Origin}: {key} has no meaning here: records are gathered without waiting; ignored"
                );
            }
        }
        // Going on without these would be less safe than the operator believes.
        Refuse(
            values,
            errors,
            "authorizer.class.name",
            "this version has no authorizer and would let everyone in; remove the setting to run without one"
        );
        Refuse(values, errors, "config.providers", "values cannot be fetched from elsewhere; put them into the file");
    }

    private static void Refuse(
        IReadOnlyDictionary<string, GivenValue> values,
        List<string> errors,
        string key,
        string why
    )
    {
        if (values.TryGetValue(key, out GivenValue? given) && given.Value.Trim().Length > 0)
        {
            errors.Add($"{given.Origin}: {key}={given.Value.Trim()}: {why}");
        }
    }

    private static bool StartsWithAny(string key, params ReadOnlySpan<string> prefixes)
    {
        foreach (string prefix in prefixes)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal))
            {
                return true;
            }
        }
        return false;
    }
}
