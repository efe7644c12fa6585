using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.CommandLine;

namespace Aot.Broker.Configuration;

/// <summary>A voter of the metadata quorum: <c>id@host:port</c>.</summary>
public readonly record struct QuorumVoter(NodeId Node, string Host, int Port);

/// <summary>
/// What the broker was started with, checked and typed. Immutable. Made once on the main thread before there are
/// cores; dynamic settings come later and stand above it (see <see cref="ConfigValues.ForBroker"/>).
/// </summary>
public sealed class BrokerConfiguration
{
    private BrokerConfiguration(IReadOnlyDictionary<string, GivenValue> given, ConfigValues values)
    {
        Given = given;
        Values = values;
    }

    public NodeId NodeId { get; private init; }
    public bool IsBroker { get; private init; }
    public bool IsController { get; private init; }
    public IReadOnlyList<ListenerConfiguration> Listeners { get; private init; } = [];
    public IReadOnlyList<QuorumVoter> QuorumVoters { get; private init; } = [];

    /// <summary>Absolute, without repeats, in the order given.</summary>
    public IReadOnlyList<string> LogDirs { get; private init; } = [];

    /// <summary>Those, and the metadata log's where that is apart.</summary>
    public IReadOnlyList<string> LogDirsWithMetadata => [.. LogDirs.Append(MetadataLogDir).Distinct()];

    /// <summary>The log directory that holds <c>__cluster_metadata-0</c>.</summary>
    public string MetadataLogDir { get; private init; } = "";

    /// <summary>What the environment says the cluster is called (CLUSTER_ID); null leaves it to the data directory.</summary>
    public string? ClusterId { get; private init; }

    /// <summary>0: as many as the process may use.</summary>
    public int Cores { get; private init; }

    /// <summary><c>auto</c>, <c>uring</c> or <c>epoll</c>.</summary>
    public string Io { get; private init; } = "auto";

    /// <summary>Every key that was given, with the place that gave it.</summary>
    public IReadOnlyDictionary<string, GivenValue> Given { get; }

    /// <summary>The same over the defaults of the table; the layers above are empty.</summary>
    public ConfigValues Values { get; }

    /// <summary>To be logged when the broker starts.</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>Throws <see cref="UsageException"/> with every mistake on a line of its own.</summary>
    public static BrokerConfiguration Load(ConfigurationInput input)
    {
        List<string> warnings = [];
        List<string> errors = [];
        Dictionary<string, GivenValue> given = input.Collect(warnings);
        MatchIds(given, errors);
        CheckValues(given, errors);
        Stop(errors);
        ApplyListen(given, input.Listen);
        UnknownKeys.Check(given, warnings, errors);
        ConfigValues values = ConfigValues.ForBroker(
            given
                .Where(pair => ConfigTable.Broker.Find(pair.Key) is not { IsDynamicOnly: true })
                .ToDictionary(pair => pair.Key, pair => pair.Value.Value)
        );
        string[] roles = values.GetList("process.roles");
        bool isBroker = roles.Contains("broker");
        bool isController = roles.Contains("controller");
        List<QuorumVoter> voters = ParseVoters(values, given, errors);
        NodeId node = new(values.GetInt("node.id"));
        CheckQuorum(values, given, node, isBroker && isController, voters, errors);
        IReadOnlyList<ListenerConfiguration> listeners = new ListenerParser(values, given, errors).Parse(isBroker);
        IReadOnlyList<string> logDirs = ReadLogDirs(values, errors);
        Stop(errors);
        string? metadataLogDir = values.Text("metadata.log.dir");
        return new BrokerConfiguration(given, values)
        {
            NodeId = node,
            IsBroker = isBroker,
            IsController = isController,
            Listeners = listeners,
            QuorumVoters = voters,
            LogDirs = logDirs,
            MetadataLogDir = metadataLogDir is null ? logDirs[0] : Path.GetFullPath(metadataLogDir),
            ClusterId = input.Environment.GetValueOrDefault("CLUSTER_ID") is { Length: > 0 } id ? id : null,
            Cores = values.GetInt("broker.cores"),
            Io = values.Text("broker.io")!,
            Warnings = warnings,
        };
    }

    private static void Stop(List<string> errors)
    {
        if (errors.Count > 0)
        {
            throw new UsageException(string.Join('\n', errors.Distinct()));
        }
    }

    /// <summary><c>broker.id</c> is the old name of <c>node.id</c>; either gives both.</summary>
    private static void MatchIds(Dictionary<string, GivenValue> given, List<string> errors)
    {
        bool hasNode = given.TryGetValue("node.id", out GivenValue? node);
        bool hasBroker = given.TryGetValue("broker.id", out GivenValue? broker);
        if (hasNode && hasBroker && node!.Value.Trim() != broker!.Value.Trim())
        {
            errors.Add(
                $"You must set `node.id` to the same value as `broker.id`: {node.Origin} says {node.Value}, "
                    + $"{broker.Origin} says {broker.Value}; remove broker.id"
            );
        }
        else if (hasNode)
        {
            given["broker.id"] = node!;
        }
        else if (hasBroker)
        {
            given["node.id"] = broker!;
        }
    }

    private static void CheckValues(Dictionary<string, GivenValue> given, List<string> errors)
    {
        foreach (ConfigDefinition definition in ConfigTable.Broker.All)
        {
            if (given.TryGetValue(definition.Name, out GivenValue? value))
            {
                if (definition.Validate(value.Value) is { } wrong)
                {
                    errors.Add($"{value.Origin}: {wrong}");
                }
            }
            else if (definition.IsRequired)
            {
                errors.Add(
                    $"Missing required configuration \"{definition.Name}\" which has no default value"
                        + definition.Name switch
                        {
                            "process.roles" => "; for a single node: process.roles=broker,controller",
                            "node.id" => "; any number from 0 that no other node of the cluster has",
                            "controller.listener.names" => "; e.g. controller.listener.names=CONTROLLER",
                            _ => "",
                        }
                );
            }
        }
    }

    /// <summary>
    /// <c>--listen</c> takes the place of all listeners for clients; those of the controller stay. It keeps the name
    /// that the brokers use among themselves, so that the rest of the file still fits.
    /// </summary>
    private static void ApplyListen(Dictionary<string, GivenValue> given, string? listen)
    {
        if (listen is null)
        {
            return;
        }
        if (ListenerAddress.ParseHostAndPort(listen, allowEmptyHost: false) is null)
        {
            throw new UsageException($"--listen {listen}: expected HOST:PORT, e.g. 127.0.0.1:9092 or [::1]:0");
        }
        string[] controllers = [.. Items("controller.listener.names").Select(item => item.ToUpperInvariant())];
        string[] listeners = Items("listeners");
        string name = given.TryGetValue("inter.broker.listener.name", out GivenValue? interBroker)
            ? interBroker.Value.Trim().ToUpperInvariant()
            : "PLAINTEXT";
        IEnumerable<string> kept = listeners.Where(item =>
            ListenerAddress.Parse(item) is { } address && controllers.Contains(address.Name)
        );
        given["listeners"] = new GivenValue(string.Join(',', [$"{name}://{listen}", .. kept]), "--listen");
        given.Remove("advertised.listeners");

        string[] Items(string key) =>
            given.TryGetValue(key, out GivenValue? value) ? ConfigValue.Items(value.Value) : [];
    }

    private static List<QuorumVoter> ParseVoters(
        ConfigValues values,
        Dictionary<string, GivenValue> given,
        List<string> errors
    )
    {
        const string key = "controller.quorum.voters";
        List<QuorumVoter> voters = [];
        foreach (string text in values.GetList(key))
        {
            int at = text.IndexOf('@');
            if (
                at > 0
                && ConfigValue.TryLong(text[..at], 0, int.MaxValue, out long id)
                && ListenerAddress.ParseHostAndPort(text[(at + 1)..], allowEmptyHost: false) is { } address
            )
            {
                voters.Add(new QuorumVoter(new NodeId((int)id), address.Host, address.Port));
            }
            else
            {
                errors.Add($"{given[key].Origin}: {key}: '{text}' is not ID@HOST:PORT");
            }
        }
        return voters;
    }

    /// <summary>This version is a whole cluster on one node: both roles, and the only voter.</summary>
    private static void CheckQuorum(
        ConfigValues values,
        Dictionary<string, GivenValue> given,
        NodeId node,
        bool hasBothRoles,
        List<QuorumVoter> voters,
        List<string> errors
    )
    {
        if (!hasBothRoles)
        {
            errors.Add(
                $"{given["process.roles"].Origin}: process.roles={values.Text("process.roles")}: this version runs a "
                    + "cluster of one node only; set process.roles=broker,controller"
            );
        }
        const string votersKey = "controller.quorum.voters";
        if (voters.Count > 0 && (voters.Count > 1 || voters[0].Node != node))
        {
            errors.Add(
                $"{given[votersKey].Origin}: {votersKey}={values.Text(votersKey)}: this version can only be the single "
                    + $"voter of its cluster; set it to {node}@HOST:PORT or remove it"
            );
        }
        const string bootstrapKey = "controller.quorum.bootstrap.servers";
        if (values.GetList(bootstrapKey).Length > 1)
        {
            errors.Add(
                $"{given[bootstrapKey].Origin}: {bootstrapKey} has more than one address; this version can only be "
                    + "the single voter of its cluster"
            );
        }
        if (voters.Count > 1 && voters.Select(voter => voter.Node).Distinct().Count() != voters.Count)
        {
            errors.Add($"{given[votersKey].Origin}: {votersKey} names a node twice; keep one");
        }
    }

    private static IReadOnlyList<string> ReadLogDirs(ConfigValues values, List<string> errors)
    {
        string[] dirs = values.Has("log.dirs") ? values.GetList("log.dirs") : values.GetList("log.dir");
        if (dirs.Length == 0)
        {
            errors.Add("At least one log directory must be defined via log.dirs or log.dir.");
        }
        return [.. dirs.Select(Path.GetFullPath).Distinct()];
    }
}
