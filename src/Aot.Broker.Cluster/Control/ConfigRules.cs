using System.Globalization;
using Aot.Broker.Cluster.Configs;

namespace Aot.Broker.Cluster;

/// <summary>
/// What the settings of a resource must satisfy together, beyond the rule of each: null when they do, else what is
/// wrong in Apache Kafka's words.
/// </summary>
internal static class ConfigRules
{
    private const int PushIntervalMsMin = 100;
    private const int PushIntervalMsMax = 3_600_000;

    private static readonly string[] s_matchable =
    [
        "client_instance_id",
        "client_id",
        "client_software_name",
        "client_software_version",
        "client_source_address",
        "client_source_port",
    ];

    public static string? TopicProblem(IReadOnlyDictionary<string, string> settings, ConfigValues broker)
    {
        if (EachProblem(ConfigTable.Topic, settings, "topic config") is { } problem)
        {
            return problem;
        }
        if (settings.Count == 0)
        {
            return null;
        }
        TopicSettings effective = TopicSettings.Resolve(broker, settings);
        if (effective.MinCompactionLagMs > effective.MaxCompactionLagMs)
        {
            return $"conflict topic config setting min.compaction.lag.ms ({effective.MinCompactionLagMs}) > "
                + $"max.compaction.lag.ms ({effective.MaxCompactionLagMs})";
        }
        if (effective.Text("remote.storage.enable") == "true" && !broker.GetBoolean("remote.log.storage.system.enable"))
        {
            return "Tiered Storage functionality is disabled in the broker. "
                + "Topic cannot be configured with remote log storage.";
        }
        return null;
    }

    public static string? GroupProblem(IReadOnlyDictionary<string, string> settings, ConfigValues broker)
    {
        if (EachProblem(ConfigTable.Group, settings, "group config") is { } problem)
        {
            return problem;
        }
        foreach ((string name, string text) in settings)
        {
            int dot = name.IndexOf('.', StringComparison.Ordinal);
            string lowest = $"group.{name[..dot]}.min{name[dot..]}";
            string highest = $"group.{name[..dot]}.max{name[dot..]}";
            if (ConfigTable.Broker.Find(lowest) is null || ConfigTable.Broker.Find(highest) is null)
            {
                continue;
            }
            long value = long.Parse(text.Trim(), CultureInfo.InvariantCulture);
            if (value < broker.GetLong(lowest) || value > broker.GetLong(highest))
            {
                return $"{name} must be in the range {broker.GetLong(lowest)} to {broker.GetLong(highest)} inclusive.";
            }
        }
        foreach (string kind in (ReadOnlySpan<string>)["consumer", "share", "streams"])
        {
            long session = OfGroup(settings, broker, kind + ".session.timeout.ms");
            long heartbeat = OfGroup(settings, broker, kind + ".heartbeat.interval.ms");
            if (session <= heartbeat)
            {
                return $"{kind}.session.timeout.ms must be greater than {kind}.heartbeat.interval.ms";
            }
        }
        return null;
    }

    private static long OfGroup(IReadOnlyDictionary<string, string> settings, ConfigValues broker, string name) =>
        settings.TryGetValue(name, out string? text)
            ? long.Parse(text.Trim(), CultureInfo.InvariantCulture)
            : broker.GetLong("group." + name);

    public static string? BrokerProblem(IReadOnlyDictionary<string, string> settings, ConfigValues current)
    {
        foreach ((string name, string text) in settings.OrderBy(static pair => pair.Key, StringComparer.Ordinal))
        {
            // A name that nobody knows may belong to a plug-in, or override a setting for one listener.
            ConfigDefinition? definition =
                ConfigTable.Broker.Find(name)
                ?? (ConfigSynonyms.WithoutListener(name) is { } general ? ConfigTable.Broker.Find(general) : null);
            if (definition?.Validate(text) is { } problem)
            {
                return problem;
            }
            if (definition?.Name == name && ThreadsProblem(name, text, current) is { } threads)
            {
                return threads;
            }
        }
        return null;
    }

    /// <summary>A pool of threads may at most double or halve in one step.</summary>
    private static string? ThreadsProblem(string name, string text, ConfigValues current)
    {
        if (
            name
            is not (
                "num.io.threads"
                or "num.network.threads"
                or "num.replica.fetchers"
                or "num.recovery.threads.per.data.dir"
                or "background.threads"
            )
        )
        {
            return null;
        }
        int value = int.Parse(text.Trim(), CultureInfo.InvariantCulture);
        int now = current.GetInt(name);
        string? why =
            value == now ? null
            : value <= 0 ? "value should be at least 1"
            : value < now / 2 ? $"value should be at least half the current value {now}"
            : value > now * 2 ? $"value should not be greater than double the current value {now}"
            : null;
        return why is null
            ? null
            : "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation "
                + $"failed for {name}={value}, {why} for configuration Invalid dynamic configuration";
    }

    /// <summary>What is wrong with a subscription to clients' metrics, and whether the request or a value is at fault.</summary>
    public static string? ClientMetricsProblem(IReadOnlyDictionary<string, string> settings, out bool requestIsAtFault)
    {
        requestIsAtFault = true;
        foreach ((string name, string text) in settings)
        {
            if (ConfigTable.ClientMetrics.Find(name) is null)
            {
                return $"Unknown client metrics configuration: {name}";
            }
            if (name == "interval.ms")
            {
                if (!int.TryParse(text.Trim(), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out int ms))
                {
                    requestIsAtFault = false;
                    return $"Invalid value {text} for configuration interval.ms: Not a number of type INT";
                }
                if (ms is < PushIntervalMsMin or > PushIntervalMsMax)
                {
                    return $"Invalid value {ms} for interval.ms, interval must be between {PushIntervalMsMin} and "
                        + $"{PushIntervalMsMax} (1 hour)";
                }
            }
            if (name == "match")
            {
                requestIsAtFault = false;
                foreach (string pattern in ConfigValue.Items(text))
                {
                    int equals = pattern.IndexOf('=', StringComparison.Ordinal);
                    if (equals < 0 || !IsPattern(pattern[(equals + 1)..].Trim()))
                    {
                        return $"Illegal client matching pattern: {pattern}";
                    }
                    if (!s_matchable.Contains(pattern[..equals].Trim()))
                    {
                        return $"Illegal client matching pattern: {pattern}";
                    }
                }
                requestIsAtFault = true;
            }
        }
        return null;
    }

    /// <summary>Brackets of a regular expression close, and no escape is left open.</summary>
    private static bool IsPattern(string pattern)
    {
        int round = 0;
        bool square = false;
        for (int i = 0; i < pattern.Length; i++)
        {
            switch (pattern[i])
            {
                case '\\':
                    i++;
                    if (i == pattern.Length)
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
        return pattern.Length > 0 && round == 0 && !square;
    }

    private static string? EachProblem(ConfigTable table, IReadOnlyDictionary<string, string> settings, string what)
    {
        foreach ((string name, string text) in settings)
        {
            if (table.Find(name) is not { } definition)
            {
                return $"Unknown {what} name: {name}";
            }
            if (definition.Validate(text) is { } problem)
            {
                return problem;
            }
        }
        return null;
    }
}
