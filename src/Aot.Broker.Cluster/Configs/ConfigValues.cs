using System.Globalization;
using Aot.Broker.Base;

namespace Aot.Broker.Cluster.Configs;

/// <summary>Values that one place gave: a file, a broker's dynamic settings, a topic.</summary>
public sealed record ConfigLayer(ConfigSource Source, IReadOnlyDictionary<string, string> Values);

/// <summary>
/// The settings of one resource: layers of given values, the first that has a name wins, below them the table's
/// defaults. Immutable, so any core may read it; a change makes a new one and publishes that.
/// Values in the layers have passed <see cref="ConfigDefinition.Validate"/>; a getter whose text does not parse is a
/// broken invariant. Getters parse each time: read them when a partition or a connection is set up, not per record.
/// </summary>
public sealed class ConfigValues
{
    private static readonly IReadOnlyDictionary<string, string> s_none = new Dictionary<string, string>();
    private readonly ConfigLayer[] _layers;

    public ConfigValues(ConfigTable table, params ReadOnlySpan<ConfigLayer> layersHighestFirst)
    {
        Table = table;
        _layers = layersHighestFirst.ToArray();
    }

    public ConfigTable Table { get; }

    public IReadOnlyList<ConfigLayer> Layers => _layers;

    /// <summary>A broker's settings: its own dynamic ones, the cluster's dynamic ones, what it was started with.</summary>
    public static ConfigValues ForBroker(
        IReadOnlyDictionary<string, string> startedWith,
        IReadOnlyDictionary<string, string>? dynamicOfBroker = null,
        IReadOnlyDictionary<string, string>? dynamicOfCluster = null
    ) =>
        new(
            ConfigTable.Broker,
            new ConfigLayer(ConfigSource.DynamicBroker, dynamicOfBroker ?? s_none),
            new ConfigLayer(ConfigSource.DynamicDefaultBroker, dynamicOfCluster ?? s_none),
            new ConfigLayer(ConfigSource.StaticBroker, startedWith)
        );

    /// <summary>The same with one layer replaced.</summary>
    public ConfigValues With(ConfigSource source, IReadOnlyDictionary<string, string> values)
    {
        ConfigLayer[] layers = [.. _layers];
        int place = Array.FindIndex(layers, layer => layer.Source == source);
        Invariant.That(place >= 0);
        layers[place] = new ConfigLayer(source, values);
        return new ConfigValues(Table, layers);
    }

    /// <summary>The value a layer gave, and which; false when only the default is left.</summary>
    public bool TryGetGiven(string name, out string value, out ConfigSource source)
    {
        foreach (ConfigLayer layer in _layers)
        {
            if (layer.Values.TryGetValue(name, out string? given))
            {
                value = given;
                source = layer.Source;
                return true;
            }
        }
        value = "";
        source = ConfigSource.Default;
        return false;
    }

    /// <summary>The value in its shown form; null when nobody gave one and there is no default.</summary>
    public string? Text(string name)
    {
        ConfigDefinition definition = Table.Get(name);
        string? text = TryGetGiven(name, out string given, out _) ? given : definition.Default;
        return text is null ? null : ConfigValue.Normalize(definition.Type, text);
    }

    public ConfigSource SourceOf(string name)
    {
        TryGetGiven(name, out _, out ConfigSource source);
        return source;
    }

    public bool Has(string name) => Text(name) is not null;

    public int GetInt(string name) => checked((int)GetLong(name));

    public long GetLong(string name)
    {
        long? value = GetLongOrNull(name);
        Invariant.That(value is not null);
        return value.Value;
    }

    public long? GetLongOrNull(string name)
    {
        Invariant.That(Table.Get(name).Type is ConfigType.Int or ConfigType.Long or ConfigType.Short);
        string? text = Text(name);
        return text is null ? null : long.Parse(text, CultureInfo.InvariantCulture);
    }

    public double GetDouble(string name)
    {
        Invariant.That(Table.Get(name).Type == ConfigType.Double);
        bool parsed = ConfigValue.TryDouble(Text(name) ?? "", out double value);
        Invariant.That(parsed);
        return value;
    }

    public bool GetBoolean(string name)
    {
        Invariant.That(Table.Get(name).Type == ConfigType.Boolean);
        return Text(name) == "true";
    }

    public string[] GetList(string name)
    {
        Invariant.That(Table.Get(name).Type == ConfigType.List);
        return ConfigValue.Items(Text(name) ?? "");
    }
}
