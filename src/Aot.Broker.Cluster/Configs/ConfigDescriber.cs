namespace Aot.Broker.Cluster.Configs;

/// <summary>One place where a described setting, or one that stands for it, has a value.</summary>
public readonly record struct ConfigSynonymValue(string Name, string? Value, ConfigSource Source);

/// <summary>One setting as a DescribeConfigs answer shows it.</summary>
public sealed record DescribedConfig(
    string Name,
    string? Value,
    ConfigType Type,
    ConfigSource Source,
    bool IsReadOnly,
    bool IsSensitive,
    IReadOnlyList<ConfigSynonymValue> Synonyms
);

/// <summary>
/// What DescribeConfigs shows of a resource. The source of a setting is that of the first place that gives it a
/// value. A list of places starts at the setting's own name: a topic whose retention comes from
/// <c>log.retention.hours</c> alone is shown as a default, as Apache Kafka shows it.
/// </summary>
public static class ConfigDescriber
{
    public static IReadOnlyList<DescribedConfig> Topic(ConfigValues broker, IReadOnlyDictionary<string, string> ofTopic)
    {
        ConfigValues values = TopicSettings.ResolveValues(broker, ofTopic);
        List<DescribedConfig> described = [];
        foreach (ConfigDefinition definition in Shown(ConfigTable.Topic, ofTopic))
        {
            string? text = values.Text(definition.Name);
            List<ConfigSynonymValue> places = [];
            if (ofTopic.ContainsKey(definition.Name))
            {
                places.Add(new ConfigSynonymValue(definition.Name, text, ConfigSource.Topic));
            }
            if (ConfigSynonyms.BrokerNameOfTopic(definition.Name) is { } brokerName)
            {
                AddPlaces(places, broker, brokerName, isSensitive: false);
            }
            described.Add(Describe(definition, text, places));
        }
        return described;
    }

    public static IReadOnlyList<DescribedConfig> Group(ConfigValues broker, IReadOnlyDictionary<string, string> ofGroup)
    {
        List<DescribedConfig> described = [];
        foreach (ConfigDefinition definition in Shown(ConfigTable.Group, ofGroup))
        {
            string? brokerName = ConfigSynonyms.BrokerNameOfGroup(definition.Name);
            string? text =
                ofGroup.GetValueOrDefault(definition.Name)
                ?? (brokerName is null ? definition.Default : FirstOfAssignors(definition, broker.Text(brokerName)));
            text = text is null ? null : ConfigValue.Normalize(definition.Type, text);
            List<ConfigSynonymValue> places = [];
            if (ofGroup.ContainsKey(definition.Name))
            {
                places.Add(new ConfigSynonymValue(definition.Name, text, ConfigSource.Group));
            }
            if (brokerName is not null)
            {
                AddPlaces(places, broker, brokerName, isSensitive: false);
            }
            else if (definition.Default is { } defaultText)
            {
                places.Add(new ConfigSynonymValue(definition.Name, defaultText, ConfigSource.Default));
            }
            described.Add(Describe(definition, text, places));
        }
        return described;
    }

    public static IReadOnlyList<DescribedConfig> ClientMetrics(IReadOnlyDictionary<string, string> ofSubscription)
    {
        ConfigValues values = new(
            ConfigTable.ClientMetrics,
            new ConfigLayer(ConfigSource.ClientMetrics, ofSubscription)
        );
        List<DescribedConfig> described = [];
        foreach (ConfigDefinition definition in ConfigTable.ClientMetrics.All)
        {
            string? text = values.Text(definition.Name);
            List<ConfigSynonymValue> places = ofSubscription.ContainsKey(definition.Name)
                ? [new ConfigSynonymValue(definition.Name, text, ConfigSource.ClientMetrics)]
                : [];
            described.Add(Describe(definition, text, places));
        }
        return described;
    }

    /// <summary>A named broker: every setting that is not internal, and whatever else somebody gave.</summary>
    public static IReadOnlyList<DescribedConfig> Broker(ConfigValues broker)
    {
        HashSet<string> names = [];
        foreach (ConfigDefinition definition in ConfigTable.Broker.All)
        {
            if (!definition.IsInternal && !definition.IsDynamicOnly)
            {
                names.Add(definition.Name);
            }
        }
        foreach (ConfigLayer layer in broker.Layers)
        {
            names.UnionWith(layer.Values.Keys);
        }
        return
        [
            .. names
                .Order(StringComparer.Ordinal)
                .Select(name => DescribeBroker(broker, name, ConfigSynonyms.OfBroker(name))),
        ];
    }

    /// <summary>The cluster's default for brokers: only what was set there.</summary>
    public static IReadOnlyList<DescribedConfig> ClusterDefault(ConfigValues broker)
    {
        ConfigLayer layer = broker.Layers.Single(candidate => candidate.Source == ConfigSource.DynamicDefaultBroker);
        ConfigValues alone = new(ConfigTable.Broker, layer);
        List<DescribedConfig> described = [];
        foreach (string name in layer.Values.Keys.Order(StringComparer.Ordinal))
        {
            ConfigDefinition? definition = ConfigTable.Broker.Find(name);
            bool isSensitive = definition is null || definition.IsSensitive;
            string? text = isSensitive ? null : alone.Text(name);
            described.Add(
                new DescribedConfig(
                    name,
                    text,
                    definition?.Type ?? ConfigType.Unknown,
                    ConfigSource.DynamicDefaultBroker,
                    IsReadOnly: definition is null || !definition.IsDynamic,
                    isSensitive,
                    [new ConfigSynonymValue(name, text, ConfigSource.DynamicDefaultBroker)]
                )
            );
        }
        return described;
    }

    private static DescribedConfig DescribeBroker(ConfigValues broker, string name, IReadOnlyList<string> standsFor)
    {
        // A name that the table does not have may be a secret of a plug-in: it is listed, its value is not.
        ConfigDefinition? definition = ConfigTable.Broker.Find(name);
        ConfigDefinition? general = definition ?? ConfigTable.Broker.Find(standsFor[^1]);
        bool isSensitive = general is null || general.IsSensitive;
        List<ConfigSynonymValue> places = [];
        AddPlaces(places, broker, name, isSensitive, standsFor);
        string? text =
            isSensitive ? null
            : definition is not null ? broker.Text(name)
            : broker.TryGetGiven(name, out string given, out _) ? ConfigValue.Normalize(general!.Type, given)
            : null;
        return new DescribedConfig(
            name,
            text,
            general?.Type ?? ConfigType.Unknown,
            places.Count == 0 ? ConfigSource.Default : places[0].Source,
            IsReadOnly: general is null || !general.IsDynamic,
            isSensitive,
            places
        );
    }

    /// <summary>Dynamic before static before default, and within each the finest unit first.</summary>
    private static void AddPlaces(
        List<ConfigSynonymValue> places,
        ConfigValues broker,
        string name,
        bool isSensitive,
        IReadOnlyList<string>? standsFor = null
    )
    {
        List<ConfigSynonymValue> found = [];
        IReadOnlyList<string> names = standsFor ?? ConfigSynonyms.OfBroker(name);
        foreach (ConfigLayer layer in broker.Layers)
        {
            foreach (string candidate in names)
            {
                if (layer.Values.TryGetValue(candidate, out string? value))
                {
                    found.Add(new ConfigSynonymValue(candidate, isSensitive ? null : value, layer.Source));
                }
            }
        }
        foreach (string candidate in names)
        {
            if (ConfigTable.Broker.Find(candidate)?.Default is { } value && !IsDynamicOnly(candidate))
            {
                found.Add(new ConfigSynonymValue(candidate, isSensitive ? null : value, ConfigSource.Default));
            }
        }
        int start = found.FindIndex(place => place.Name == name);
        if (start >= 0)
        {
            places.AddRange(found[start..]);
        }
    }

    private static bool IsDynamicOnly(string name) => ConfigTable.Broker.Get(name).IsDynamicOnly;

    private static IEnumerable<ConfigDefinition> Shown(ConfigTable table, IReadOnlyDictionary<string, string> given) =>
        table.All.Where(definition => !definition.IsInternal || given.ContainsKey(definition.Name));

    private static DescribedConfig Describe(
        ConfigDefinition definition,
        string? text,
        IReadOnlyList<ConfigSynonymValue> places
    ) =>
        new(
            definition.Name,
            text,
            definition.Type,
            places.Count == 0 ? ConfigSource.Default : places[0].Source,
            IsReadOnly: false,
            IsSensitive: false,
            places
        );

    /// <summary>A group has one assignor where the broker has a list of those that it offers.</summary>
    private static string? FirstOfAssignors(ConfigDefinition definition, string? ofBroker) =>
        definition.Name == "streams.assignor.name" && ofBroker is not null
            ? ConfigValue.Items(ofBroker).FirstOrDefault()
            : ofBroker;
}
