using Aot.Broker.Protocol;

namespace Aot.Broker.Cluster.Configs;

/// <summary>Why a change of settings is refused: the code on the wire, and Apache Kafka's words for it.</summary>
public readonly record struct ConfigRefusal(ErrorCode Error, string Message);

/// <summary>One step of a change to a resource's settings; the numbers are those of the wire.</summary>
public enum ConfigOperation : sbyte
{
    Set = 0,
    Delete = 1,
    Append = 2,
    Subtract = 3,
}

/// <summary>
/// Whether a whole new set of values may be given to a resource. Pure; the controller calls it before it writes the
/// records of a change, and again for the values that CreateTopics brings. Null means yes.
/// </summary>
public static class ConfigValidation
{
    private const string DeadLetterTopic = "errors.deadletterqueue.topic.name";
    private const int IntervalMsMin = 100;
    private const int IntervalMsMax = 3_600_000;
    private const long CleanerBytesPerThreadMin = 1024 * 1024;

    /// <summary>The settings whose TLS stores differ per listener: never for all listeners at once.</summary>
    private static readonly HashSet<string> s_perListenerOnly =
    [
        "ssl.key.password",
        "ssl.keystore.certificate.chain",
        "ssl.keystore.key",
        "ssl.keystore.location",
        "ssl.keystore.password",
        "ssl.keystore.type",
        "ssl.truststore.certificates",
        "ssl.truststore.location",
        "ssl.truststore.password",
        "ssl.truststore.type",
    ];

    private static readonly HashSet<string> s_threadCounts =
    [
        "background.threads",
        "num.io.threads",
        "num.network.threads",
        "num.recovery.threads.per.data.dir",
        "num.replica.fetchers",
    ];

    private static readonly HashSet<string> s_matchKeys =
    [
        "client_id",
        "client_instance_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    ];

    /// <summary>
    /// One step of IncrementalAlterConfigs on one value. <paramref name="next"/> is the new given value, null when there is
    /// none any more.
    /// </summary>
    public static ConfigRefusal? Apply(
        ConfigTable table,
        string name,
        ConfigOperation operation,
        string? value,
        string? current,
        out string? next
    )
    {
        next = null;
        switch (operation)
        {
            case ConfigOperation.Set:
                next = value;
                return null;
            case ConfigOperation.Delete:
                return null;
            case ConfigOperation.Append:
            case ConfigOperation.Subtract:
                break;
            default:
                return new ConfigRefusal(ErrorCode.InvalidRequest, $"Unknown operation type {(sbyte)operation}");
        }
        bool appends = operation == ConfigOperation.Append;
        ConfigDefinition? definition = table.Find(name);
        if (definition?.Type != ConfigType.List)
        {
            string verb = appends ? "APPEND" : "SUBTRACT";
            return Invalid($"Can't {verb} to key {name} because its type is not LIST.");
        }
        List<string> items = [.. ConfigValue.Items(current ?? definition.Default ?? "")];
        foreach (string item in ConfigValue.Items(value ?? ""))
        {
            if (!appends)
            {
                items.RemoveAll(candidate => candidate == item);
            }
            else if (!items.Contains(item))
            {
                items.Add(item);
            }
        }
        next = string.Join(',', items);
        return null;
    }

    public static ConfigRefusal? Topic(ConfigValues broker, IReadOnlyDictionary<string, string> ofTopic)
    {
        if (ofTopic.Count == 0)
        {
            return null;
        }
        foreach (string name in ofTopic.Keys)
        {
            if (ConfigTable.Topic.Find(name) is null)
            {
                return Invalid($"Unknown topic config name: {name}");
            }
        }
        if (CheckValues(ConfigTable.Topic, ofTopic) is { } wrong)
        {
            return Invalid(wrong);
        }
        ConfigValues values = TopicSettings.ResolveValues(broker, ofTopic);
        long minLag = values.GetLong("min.compaction.lag.ms");
        long maxLag = values.GetLong("max.compaction.lag.ms");
        if (minLag > maxLag)
        {
            return Invalid(
                $"conflict topic config setting min.compaction.lag.ms ({minLag}) > max.compaction.lag.ms ({maxLag})"
            );
        }
        if (values.GetBoolean("remote.storage.enable") && !broker.GetBoolean("remote.log.storage.system.enable"))
        {
            return Invalid(
                "Tiered Storage functionality is disabled in the broker. "
                    + "Topic cannot be configured with remote log storage."
            );
        }
        return null;
    }

    public static ConfigRefusal? Group(ConfigValues broker, IReadOnlyDictionary<string, string> ofGroup)
    {
        foreach (string name in ofGroup.Keys)
        {
            if (ConfigTable.Group.Find(name) is null)
            {
                return Invalid($"Unknown group config name: {name}");
            }
        }
        if (CheckValues(ConfigTable.Group, ofGroup) is { } wrong)
        {
            return Invalid(wrong);
        }
        if (ofGroup.TryGetValue(DeadLetterTopic, out string? topic) && topic.Length > 0)
        {
            // A group that counts on it would lose what is given up.
            return Invalid($"{DeadLetterTopic}: this broker has no dead-letter queues (KIP-1191)");
        }
        foreach ((string name, string text) in ofGroup)
        {
            if (CheckGroupBounds(broker, name, text) is { } outside)
            {
                return Invalid(outside);
            }
        }
        foreach (string kind in (ReadOnlySpan<string>)["consumer", "share", "streams"])
        {
            long session = GroupNumber(broker, ofGroup, $"{kind}.session.timeout.ms");
            long heartbeat = GroupNumber(broker, ofGroup, $"{kind}.heartbeat.interval.ms");
            if (session <= heartbeat)
            {
                return Invalid($"{kind}.session.timeout.ms must be greater than {kind}.heartbeat.interval.ms");
            }
        }
        return null;
    }

    /// <summary>A subscription to clients' metrics.</summary>
    public static ConfigRefusal? ClientMetrics(IReadOnlyDictionary<string, string> values)
    {
        foreach ((string name, string text) in values)
        {
            if (ConfigTable.ClientMetrics.Find(name) is not { } definition)
            {
                return new ConfigRefusal(ErrorCode.InvalidRequest, $"Unknown client metrics configuration: {name}");
            }
            if (definition.Validate(text) is { } wrong)
            {
                return Invalid(wrong);
            }
            if (name == "interval.ms" && long.Parse(text) is < IntervalMsMin or > IntervalMsMax)
            {
                return new ConfigRefusal(
                    ErrorCode.InvalidRequest,
                    $"Invalid value {text} for interval.ms, interval must be between {IntervalMsMin} and "
                        + $"{IntervalMsMax} (1 hour)"
                );
            }
            if (name == "match")
            {
                foreach (string pattern in ConfigValue.Items(text))
                {
                    if (!IsMatchPattern(pattern))
                    {
                        return Invalid($"Illegal client matching pattern: {pattern}");
                    }
                }
            }
        }
        return null;
    }

    /// <summary>
    /// The dynamic values that a broker would have; <paramref name="broker"/> is what holds now, and
    /// <paramref name="ofOneBroker"/> tells a named broker from the cluster's default.
    /// </summary>
    public static ConfigRefusal? Broker(
        ConfigValues broker,
        IReadOnlyDictionary<string, string> dynamicValues,
        bool ofOneBroker
    )
    {
        List<string> names = [.. dynamicValues.Keys.Order(StringComparer.Ordinal)];
        ConfigRefusal? refusal =
            RefuseNames(
                "Cannot update these configs dynamically",
                names.Where(name => Definition(name) is { IsDynamic: false })
            )
            ?? RefuseNames(
                "These security configs can be dynamically updated only per-listener using the listener prefix",
                names.Where(s_perListenerOnly.Contains)
            );
        if (refusal is not null)
        {
            return refusal;
        }
        foreach (string name in names)
        {
            if (Definition(name)?.Validate(dynamicValues[name]) is { } wrong)
            {
                return new ConfigRefusal(ErrorCode.InvalidRequest, wrong);
            }
            if (
                name == ConnectionOverrides.Name
                && !ConnectionOverrides.TryParse(dynamicValues[name], out _, out string? item)
            )
            {
                return new ConfigRefusal(
                    ErrorCode.InvalidRequest,
                    $"Error parsing configuration property '{name}': {item}"
                );
            }
        }
        if (!ofOneBroker)
        {
            refusal = RefuseNames(
                "Cannot update these configs at default cluster level, broker id must be specified",
                names.Where(name =>
                    ConfigSynonyms.WithoutListener(name) is not null
                    || Definition(name)?.UpdateMode == ConfigUpdateMode.PerBroker
                )
            );
            if (refusal is not null)
            {
                return refusal;
            }
        }
        foreach (string name in names.Where(s_threadCounts.Contains))
        {
            if (CheckThreadCount(name, long.Parse(dynamicValues[name]), broker.GetLong(name)) is { } wrong)
            {
                return new ConfigRefusal(ErrorCode.InvalidRequest, wrong);
            }
        }
        return CheckCleaner(broker, dynamicValues) is { } tooSmall
            ? new ConfigRefusal(ErrorCode.InvalidRequest, tooSmall)
            : null;

        static ConfigDefinition? Definition(string name) =>
            ConfigTable.Broker.Find(name) ?? ConfigTable.Broker.Find(ConfigSynonyms.WithoutListener(name) ?? name);
    }

    private static ConfigRefusal Invalid(string message) => new(ErrorCode.InvalidConfig, message);

    private static ConfigRefusal? RefuseNames(string why, IEnumerable<string> names)
    {
        string list = string.Join(", ", names);
        return list.Length == 0 ? null : new ConfigRefusal(ErrorCode.InvalidRequest, $"{why}: [{list}]");
    }

    private static string? CheckValues(ConfigTable table, IReadOnlyDictionary<string, string> values)
    {
        foreach ((string name, string text) in values)
        {
            if (table.Get(name).Validate(text) is { } wrong)
            {
                return wrong;
            }
        }
        return null;
    }

    /// <summary>The memory of the log cleaner must be enough for its threads, which may at most double or halve in one step.</summary>
    private static string? CheckCleaner(ConfigValues broker, IReadOnlyDictionary<string, string> dynamicValues)
    {
        const string ThreadsName = "log.cleaner.threads";
        const string MemoryName = "log.cleaner.dedupe.buffer.size";
        long current = broker.GetLong(ThreadsName);
        long threads = NumberAfter(ThreadsName);
        return threads < current / 2
                ? $"Log cleaner threads cannot be reduced to less than half the current value {current}"
            : threads > current * 2
                ? $"Log cleaner threads cannot be increased to more than double the current value {current}"
            : NumberAfter(MemoryName) / Math.Max(1, threads) <= CleanerBytesPerThreadMin
                ? $"{MemoryName} must be at least 1MB per cleaner thread."
            : null;

        long NumberAfter(string name) =>
            dynamicValues.TryGetValue(name, out string? text) ? long.Parse(text.Trim()) : broker.GetLong(name);
    }

    /// <summary>A pool of threads may at most double or halve in one step.</summary>
    private static string? CheckThreadCount(string name, long wanted, long current)
    {
        string? bound =
            wanted == current ? null
            : wanted > current * 2 ? $"value should not be greater than double the current value {current}"
            : wanted < current / 2 ? $"value should be at least half the current value {current}"
            : null;
        return bound is null
            ? null
            : "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation "
                + $"failed for {name}={wanted}, {bound} for configuration Invalid dynamic configuration";
    }

    /// <summary>The broker bounds what a group may ask for.</summary>
    private static string? CheckGroupBounds(ConfigValues broker, string name, string text)
    {
        (string? min, string? max) = name switch
        {
            "share.delivery.count.limit" => (
                "group.share.min.delivery.count.limit",
                "group.share.max.delivery.count.limit"
            ),
            "share.partition.max.record.locks" => (
                "group.share.min.partition.max.record.locks",
                "group.share.max.partition.max.record.locks"
            ),
            "share.record.lock.duration.ms" => (
                "group.share.min.record.lock.duration.ms",
                "group.share.max.record.lock.duration.ms"
            ),
            "streams.num.standby.replicas" => (null, "group.streams.max.standby.replicas"),
            "streams.num.warmup.replicas" => (null, "group.streams.max.warmup.replicas"),
            _ when IsBoundedTime(name) => Bounds(name),
            _ => ((string?)null, (string?)null),
        };
        if (max is null)
        {
            return null;
        }
        long value = long.Parse(text.Trim());
        long most = broker.GetLong(max);
        if (min is null)
        {
            return value <= most ? null : $"{name} must be less than or equal to {most}";
        }
        long least = broker.GetLong(min);
        return value >= least && value <= most ? null : $"{name} must be in the range {least} to {most} inclusive.";
    }

    private static bool IsBoundedTime(string name) =>
        name.EndsWith(".session.timeout.ms", StringComparison.Ordinal)
        || name.EndsWith(".heartbeat.interval.ms", StringComparison.Ordinal)
        || name.EndsWith(".assignment.interval.ms", StringComparison.Ordinal);

    /// <summary><c>consumer.x</c> is bounded by <c>group.consumer.min.x</c> and <c>group.consumer.max.x</c>.</summary>
    private static (string?, string?) Bounds(string name)
    {
        int dot = name.IndexOf('.');
        return ($"group.{name[..dot]}.min{name[dot..]}", $"group.{name[..dot]}.max{name[dot..]}");
    }

    private static long GroupNumber(ConfigValues broker, IReadOnlyDictionary<string, string> ofGroup, string name) =>
        ofGroup.TryGetValue(name, out string? text)
            ? long.Parse(text.Trim())
            : broker.GetLong(ConfigSynonyms.BrokerNameOfGroup(name)!);

    private static bool IsMatchPattern(string pattern)
    {
        int equals = pattern.IndexOf('=');
        return equals > 0
            && s_matchKeys.Contains(pattern[..equals].Trim())
            && IsRegularExpression(pattern[(equals + 1)..].Trim());
    }

    /// <summary>Its brackets close, and no escape is left open; an engine for the rest would be a large part of the binary.</summary>
    private static bool IsRegularExpression(string text)
    {
        int round = 0;
        bool square = false;
        for (int i = 0; i < text.Length; i++)
        {
            switch (text[i])
            {
                case '\\':
                    i++;
                    if (i == text.Length)
                    {
                        return false;
                    }
                    break;
                case '[' when !square:
                    square = true;
                    break;
                case ']' when square:
                    square = false;
                    break;
                case '(' when !square:
                    round++;
                    break;
                case ')' when !square:
                    round--;
                    if (round < 0)
                    {
                        return false;
                    }
                    break;
                default:
                    break;
            }
        }
        return text.Length > 0 && round == 0 && !square;
    }
}
