using System.Globalization;
using System.Text;

namespace Aot.Broker.Cluster.Configs;

/// <summary>The kind of a setting's value; the numbers are those of the DescribeConfigs answer.</summary>
public enum ConfigType : sbyte
{
    Unknown = 0,
    Boolean = 1,
    String = 2,
    Int = 3,
    Short = 4,
    Long = 5,
    Double = 6,
    List = 7,
    Class = 8,
    Password = 9,
}

/// <summary>Where a value was set; the numbers are those of the DescribeConfigs answer.</summary>
public enum ConfigSource : sbyte
{
    Unknown = 0,
    Topic = 1,
    DynamicBroker = 2,
    DynamicDefaultBroker = 3,
    StaticBroker = 4,
    Default = 5,
    DynamicBrokerLogger = 6,
    ClientMetrics = 7,
    Group = 8,
}

/// <summary>The resource kinds of configs; the numbers are those of the wire and of ConfigRecord.</summary>
public enum ConfigResourceKind : sbyte
{
    Unknown = 0,
    Topic = 2,
    Broker = 4,
    BrokerLogger = 8,
    ClientMetrics = 16,
    Group = 32,
}

public enum ConfigImportance
{
    High,
    Medium,
    Low,
}

/// <summary>How a broker setting may change while the broker runs.</summary>
public enum ConfigUpdateMode
{
    /// <summary>Settings of topics, groups and subscriptions always may.</summary>
    Always,

    /// <summary>Only with a restart.</summary>
    Fixed,

    /// <summary>For one named broker.</summary>
    PerBroker,

    /// <summary>For one named broker or for all.</summary>
    ClusterWide,
}

/// <summary>One setting: its name, type, default, and what its value must satisfy.</summary>
public sealed class ConfigDefinition
{
    internal ConfigDefinition(
        string name,
        ConfigType type,
        string? defaultText,
        bool isRequired,
        ConfigRule rule,
        ConfigImportance importance,
        ConfigUpdateMode updateMode,
        string flag
    )
    {
        Name = name;
        Type = type;
        Default = defaultText;
        IsRequired = isRequired;
        Rule = rule;
        Importance = importance;
        UpdateMode = updateMode;
        IsInternal = flag == "internal";
        IsDynamicOnly = flag == "dynamic";
        IsOwn = flag == "own";
    }

    public string Name { get; }

    public ConfigType Type { get; }

    /// <summary>Null: the setting has no value until somebody gives one.</summary>
    public string? Default { get; }

    /// <summary>A broker does not start without it (the built-in configuration has them all).</summary>
    public bool IsRequired { get; }

    internal ConfigRule Rule { get; }

    public ConfigImportance Importance { get; }

    public ConfigUpdateMode UpdateMode { get; }

    /// <summary>Works, but is shown only where somebody set it.</summary>
    public bool IsInternal { get; }

    /// <summary>Cannot stand in a configuration file, and is shown only where somebody set it.</summary>
    public bool IsDynamicOnly { get; }

    /// <summary>A setting that Apache Kafka does not have.</summary>
    public bool IsOwn { get; }

    /// <summary>The value is never shown to a client.</summary>
    public bool IsSensitive => Type == ConfigType.Password;

    public bool IsDynamic => UpdateMode is ConfigUpdateMode.PerBroker or ConfigUpdateMode.ClusterWide;

    /// <summary>Null when the text is a value of this setting; else what is wrong, in Apache Kafka's words.</summary>
    public string? Validate(string? text) =>
        ConfigValue.ParseError(this, text) ?? Rule.Check(this, text is null ? null : ConfigValue.Normalize(Type, text));

    internal string Invalid(string? value, string why) =>
        $"Invalid value {value ?? "null"} for configuration {Name}: {why}";
}

/// <summary>Texts of configuration values: parsing, and the one form in which they are shown.</summary>
public static class ConfigValue
{
    /// <summary>Null when the text has the setting's type.</summary>
    internal static string? ParseError(ConfigDefinition definition, string? text)
    {
        if (text is null)
        {
            return null;
        }
        string trimmed = text.Trim();
        string? why = definition.Type switch
        {
            ConfigType.Boolean => TryBoolean(trimmed, out _) ? null : "Expected value to be either true or false",
            ConfigType.Int => TryLong(trimmed, int.MinValue, int.MaxValue, out _) ? null : "Not a number of type INT",
            ConfigType.Short => TryLong(trimmed, short.MinValue, short.MaxValue, out _)
                ? null
                : "Not a number of type SHORT",
            ConfigType.Long => TryLong(trimmed, long.MinValue, long.MaxValue, out _)
                ? null
                : "Not a number of type LONG",
            ConfigType.Double => TryDouble(trimmed, out _) ? null : "Not a number of type DOUBLE",
            _ => null,
        };
        return why is null ? null : definition.Invalid(text, why);
    }

    /// <summary>The form in which a value is shown. The text must have the type.</summary>
    public static string Normalize(ConfigType type, string text)
    {
        string trimmed = text.Trim();
        return type switch
        {
            ConfigType.Boolean => trimmed.ToLowerInvariant(),
            ConfigType.Int
            or ConfigType.Short
            or ConfigType.Long when TryLong(trimmed, long.MinValue, long.MaxValue, out long number) => number.ToString(
                CultureInfo.InvariantCulture
            ),
            ConfigType.Double when TryDouble(trimmed, out double number) => DoubleText(number),
            ConfigType.List => string.Join(',', Items(trimmed)),
            _ => trimmed,
        };
    }

    public static bool TryBoolean(string text, out bool value)
    {
        value = text.Equals("true", StringComparison.OrdinalIgnoreCase);
        return value || text.Equals("false", StringComparison.OrdinalIgnoreCase);
    }

    public static bool TryLong(string text, long min, long max, out long value) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out value)
        && value >= min
        && value <= max;

    public static bool TryDouble(string text, out double value) =>
        double.TryParse(
            text,
            NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent,
            CultureInfo.InvariantCulture,
            out value
        );

    /// <summary>The items of a list; the empty text has none. Items may be empty: rules refuse them where they must.</summary>
    public static string[] Items(string text)
    {
        string trimmed = text.Trim();
        return trimmed.Length == 0 ? [] : trimmed.Split(',', StringSplitOptions.TrimEntries);
    }

    /// <summary>
    /// A double as clients know it from Apache Kafka: plain digits from 0.001 to 10^7 and always a fraction, else one
    /// digit before the point and an exponent (<c>1.7976931348623157E308</c>).
    /// </summary>
    public static string DoubleText(double value)
    {
        double size = Math.Abs(value);
        if (value == 0 || (size >= 1e-3 && size < 1e7))
        {
            string plain = value.ToString("0.0################", CultureInfo.InvariantCulture);
            string shortest = value.ToString("R", CultureInfo.InvariantCulture);
            return shortest.Contains('E') ? plain
                : shortest.Contains('.') ? shortest
                : shortest + ".0";
        }
        if (!double.IsFinite(value))
        {
            return double.IsNaN(value) ? "NaN"
                : value > 0 ? "Infinity"
                : "-Infinity";
        }
        string scientific = value.ToString("E16", CultureInfo.InvariantCulture);
        string digits = value.ToString("R", CultureInfo.InvariantCulture);
        int exponent = int.Parse(
            scientific.AsSpan(scientific.IndexOf('E') + 1),
            provider: CultureInfo.InvariantCulture
        );
        StringBuilder text = new();
        foreach (char c in digits)
        {
            if (c == 'E')
            {
                break;
            }
            if (char.IsAsciiDigit(c) && !(text.Length == 0 && c == '0'))
            {
                text.Append(c);
            }
        }
        string significant = text.ToString().TrimEnd('0');
        string fraction = significant.Length > 1 ? significant[1..] : "0";
        return $"{(value < 0 ? "-" : "")}{significant[..1]}.{fraction}E{exponent.ToString(CultureInfo.InvariantCulture)}";
    }
}
