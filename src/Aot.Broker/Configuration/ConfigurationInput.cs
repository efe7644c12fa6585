using Aot.Broker.Cluster.Configs;
using Aot.Broker.CommandLine;

namespace Aot.Broker.Configuration;

/// <summary>One setting as it was given, and where: what a message about it names.</summary>
public sealed record GivenValue(string Value, string Origin);

/// <summary>
/// What a person gave to start the broker with, before anything is made of it; <see cref="Collect"/> merges it key by
/// key. Each place overrides the one before it: built-in, file, environment, options.
/// </summary>
public sealed class ConfigurationInput
{
    public string? ConfigFile { get; init; }
    public string? Data { get; init; }
    public string? Listen { get; init; }
    public string? Cores { get; init; }
    public string? Io { get; init; }
    public IReadOnlyList<string> Set { get; init; } = [];
    public IReadOnlyDictionary<string, string> Environment { get; init; } = new Dictionary<string, string>();

    /// <summary>
    /// Without a file the broker is a cluster of its own. With one, Apache Kafka's own defaults hold, and what Kafka
    /// requires has to be there: a node id that nobody chose would be a trap in a cluster.
    /// </summary>
    private static readonly (string Key, string Value)[] s_builtIn =
    [
        ("process.roles", "broker,controller"),
        ("node.id", "1"),
        ("listeners", "PLAINTEXT://127.0.0.1:9092"),
        ("controller.listener.names", "CONTROLLER"),
        ("log.dirs", "data"),
        // One node: there is nobody else to hold a copy, or to wait for.
        ("offsets.topic.replication.factor", "1"),
        ("transaction.state.log.replication.factor", "1"),
        ("transaction.state.log.min.isr", "1"),
        ("share.coordinator.state.topic.replication.factor", "1"),
        ("share.coordinator.state.topic.min.isr", "1"),
        ("group.initial.rebalance.delay.ms", "0"),
    ];

    /// <summary>Variables of Kafka's scripts and images that are not settings.</summary>
    private static readonly HashSet<string> s_notSettings =
    [
        "KAFKA_CLUSTER_ID",
        "KAFKA_DEBUG",
        "KAFKA_GC_LOG_OPTS",
        "KAFKA_HEAP_OPTS",
        "KAFKA_HOME",
        "KAFKA_JMX_HOSTNAME",
        "KAFKA_JMX_OPTS",
        "KAFKA_JMX_PORT",
        "KAFKA_JVM_PERFORMANCE_OPTS",
        "KAFKA_LOG4J_LOGGERS",
        "KAFKA_LOG4J_OPTS",
        "KAFKA_LOG4J_ROOT_LOGLEVEL",
        "KAFKA_OPTS",
        "KAFKA_TOOLS_LOG4J_LOGLEVEL",
        "KAFKA_VERSION",
        "KAFKA_VERBOSE",
    ];

    public static IReadOnlyDictionary<string, string> ReadEnvironment()
    {
        Dictionary<string, string> variables = [];
        foreach (System.Collections.DictionaryEntry variable in System.Environment.GetEnvironmentVariables())
        {
            string name = (string)variable.Key;
            if (name.StartsWith("KAFKA_", StringComparison.Ordinal) || name == "CLUSTER_ID")
            {
                variables[name] = (string?)variable.Value ?? "";
            }
        }
        return variables;
    }

    /// <summary><c>KAFKA_LOG_DIRS</c> to <c>log.dirs</c>; null for a variable that is no setting.</summary>
    public static string? KeyOfVariable(string variable)
    {
        const string prefix = "KAFKA_";
        if (
            !variable.StartsWith(prefix, StringComparison.Ordinal)
            || variable.Length == prefix.Length
            || s_notSettings.Contains(variable)
        )
        {
            return null;
        }
        return variable[prefix.Length..]
            .ToLowerInvariant()
            .Replace("___", "-")
            .Replace("__", "\0")
            .Replace('_', '.')
            .Replace('\0', '_');
    }

    internal Dictionary<string, GivenValue> Collect(List<string> warnings)
    {
        Dictionary<string, GivenValue> values = [];
        if (ConfigFile is null)
        {
            foreach ((string key, string value) in s_builtIn)
            {
                values[key] = new GivenValue(value, "built-in");
            }
        }
        else
        {
            ReadFile(ConfigFile, values, warnings);
        }
        foreach (string variable in Environment.Keys.Order(StringComparer.Ordinal))
        {
            if (KeyOfVariable(variable) is { } key)
            {
                Put(values, key, Environment[variable], $"environment {variable}");
            }
        }
        HashSet<string> set = [];
        foreach (string pair in Set)
        {
            int equals = pair.IndexOf('=');
            if (equals <= 0)
            {
                throw new UsageException($"--set {pair}: expected KEY=VALUE");
            }
            string key = pair[..equals].Trim();
            if (!set.Add(key))
            {
                throw new UsageException($"--set {key} is given twice; leave one of them out");
            }
            Put(values, key, pair[(equals + 1)..], "--set");
        }
        if (Cores is not null)
        {
            Put(values, "broker.cores", Cores, "--cores");
        }
        if (Io is not null)
        {
            Put(values, "broker.io", Io, "--io");
        }
        if (Data is not null)
        {
            Put(values, "log.dirs", Data, "--data");
            if (values.ContainsKey("metadata.log.dir"))
            {
                Put(values, "metadata.log.dir", Data, "--data");
            }
        }
        return values;
    }

    /// <summary>A coarser or older name of the same setting, given earlier, must not win over the newer one.</summary>
    private static void Put(Dictionary<string, GivenValue> values, string key, string value, string origin)
    {
        values[key] = new GivenValue(value, origin);
        if (key == "log.dir")
        {
            values.Remove("log.dirs");
        }
        else if (key == "node.id" && values.TryGetValue("broker.id", out GivenValue? old) && old.Origin != origin)
        {
            values.Remove("broker.id");
        }
        else if (key == "broker.id" && values.TryGetValue("node.id", out old) && old.Origin == "built-in")
        {
            values.Remove("node.id");
        }
    }

    private static void ReadFile(string path, Dictionary<string, GivenValue> values, List<string> warnings)
    {
        string name = Path.GetFileName(path);
        try
        {
            foreach (PropertyEntry entry in PropertiesFile.Parse(File.ReadAllText(path)))
            {
                string origin = $"{name}:{entry.Line}";
                if (values.TryGetValue(entry.Key, out GivenValue? earlier))
                {
                    warnings.Add($"{entry.Key} is given twice, at {earlier.Origin} and {origin}; the last one holds");
                }
                values[entry.Key] = new GivenValue(entry.Value, origin);
            }
        }
        catch (FormatException mistake)
        {
            throw new UsageException($"--config {path}: {mistake.Message}");
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"--config {path}: {failure.Message}");
        }
    }
}
