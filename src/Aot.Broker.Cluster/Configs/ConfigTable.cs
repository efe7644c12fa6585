using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Cluster.Configs;

/// <summary>The settings of one kind of resource, by name. Immutable; the four tables live as long as the process.</summary>
public sealed class ConfigTable
{
    private static readonly Lazy<ConfigTable> s_broker = new(() =>
        new ConfigTable(
            BrokerConfigText.Core,
            BrokerConfigText.Logs,
            BrokerFeatureConfigText.Coordinators,
            BrokerFeatureConfigText.Security,
            BrokerFeatureConfigText.TieredStorage,
            BrokerFeatureConfigText.DynamicOnly,
            BrokerFeatureConfigText.Own
        )
    );
    private static readonly Lazy<ConfigTable> s_topic = new(() => new ConfigTable(ResourceConfigText.Topic));
    private static readonly Lazy<ConfigTable> s_group = new(() => new ConfigTable(ResourceConfigText.Group));
    private static readonly Lazy<ConfigTable> s_clientMetrics = new(() =>
        new ConfigTable(ResourceConfigText.ClientMetrics)
    );

    private readonly Dictionary<string, ConfigDefinition> _byName = new(512);
    private readonly List<ConfigDefinition> _all = [];

    private ConfigTable(
        ReadOnlySpan<byte> text,
        ReadOnlySpan<byte> text2 = default,
        ReadOnlySpan<byte> text3 = default,
        ReadOnlySpan<byte> text4 = default,
        ReadOnlySpan<byte> text5 = default,
        ReadOnlySpan<byte> text6 = default,
        ReadOnlySpan<byte> text7 = default
    )
    {
        Add(text);
        Add(text2);
        Add(text3);
        Add(text4);
        Add(text5);
        Add(text6);
        Add(text7);
        _all.Sort((a, b) => string.CompareOrdinal(a.Name, b.Name));
    }

    public static ConfigTable Broker => s_broker.Value;

    public static ConfigTable Topic => s_topic.Value;

    public static ConfigTable Group => s_group.Value;

    public static ConfigTable ClientMetrics => s_clientMetrics.Value;

    /// <summary>All settings, by name.</summary>
    public IReadOnlyList<ConfigDefinition> All => _all;

    public ConfigDefinition? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>The definition of a setting that our own code names.</summary>
    public ConfigDefinition Get(string name)
    {
        ConfigDefinition? definition = Find(name);
        Invariant.That(definition is not null);
        return definition;
    }

    /// <summary>The known name that is most like a misspelt one, or null when none is near.</summary>
    public string? Nearest(string name)
    {
        int bestDistance = Math.Max(2, name.Length / 4) + 1;
        string? best = null;
        foreach (ConfigDefinition definition in _all)
        {
            if (Math.Abs(definition.Name.Length - name.Length) >= bestDistance)
            {
                continue;
            }
            int distance = EditDistance.Between(name, definition.Name, bestDistance);
            if (distance < bestDistance)
            {
                bestDistance = distance;
                best = definition.Name;
            }
        }
        return best;
    }

    private void Add(ReadOnlySpan<byte> text)
    {
        while (text.Length > 0)
        {
            int end = text.IndexOf((byte)'\n');
            ReadOnlySpan<byte> line = end < 0 ? text : text[..end];
            text = end < 0 ? default : text[(end + 1)..];
            string[] words = Encoding.ASCII.GetString(line).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length > 0)
            {
                ConfigDefinition definition = ParseLine(words);
                _byName.Add(definition.Name, definition);
                _all.Add(definition);
            }
        }
    }

    private static ConfigDefinition ParseLine(string[] words)
    {
        Invariant.That(words.Length is 6 or 7);
        return new ConfigDefinition(
            words[0],
            ParseType(words[1]),
            words[2] switch
            {
                "-" or "!" => null,
                "\"\"" => "",
                string text => text,
            },
            words[2] == "!",
            ConfigRule.Parse(words[3]),
            words[4] switch
            {
                "high" => ConfigImportance.High,
                "medium" => ConfigImportance.Medium,
                _ => ConfigImportance.Low,
            },
            words[5] switch
            {
                "fixed" => ConfigUpdateMode.Fixed,
                "broker" => ConfigUpdateMode.PerBroker,
                "cluster" => ConfigUpdateMode.ClusterWide,
                _ => ConfigUpdateMode.Always,
            },
            words.Length > 6 ? words[6] : ""
        );
    }

    private static ConfigType ParseType(string word) =>
        word switch
        {
            "bool" => ConfigType.Boolean,
            "str" => ConfigType.String,
            "i32" => ConfigType.Int,
            "i16" => ConfigType.Short,
            "i64" => ConfigType.Long,
            "f64" => ConfigType.Double,
            "list" => ConfigType.List,
            "class" => ConfigType.Class,
            "pwd" => ConfigType.Password,
            _ => throw Invariant.Unreachable(word),
        };
}

/// <summary>How many characters must change to make one name of the other.</summary>
public static class EditDistance
{
    /// <summary>The distance, or <paramref name="limit"/> when it is not below it.</summary>
    public static int Between(ReadOnlySpan<char> a, ReadOnlySpan<char> b, int limit)
    {
        if (b.Length > 255)
        {
            return limit;
        }
        Span<int> above = stackalloc int[b.Length + 1];
        Span<int> row = stackalloc int[b.Length + 1];
        for (int j = 0; j <= b.Length; j++)
        {
            above[j] = j;
        }
        for (int i = 1; i <= a.Length; i++)
        {
            row[0] = i;
            int least = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int replace = above[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(replace, Math.Min(above[j], row[j - 1]) + 1);
                least = Math.Min(least, row[j]);
            }
            if (least >= limit)
            {
                return limit;
            }
            Span<int> swap = above;
            above = row;
            row = swap;
        }
        return Math.Min(above[b.Length], limit);
    }
}
