using System.Globalization;

namespace Aot.Broker.Cluster.Configs;

/// <summary>
/// What a value must satisfy beyond its type. In the tables' text: <c>*</c> anything; <c>1..</c>, <c>0..1</c>,
/// <c>1..9|-1</c> a range; <c>in:a,b</c> one of (of a list: each item), <c>anycase:a,b</c> in upper or lower case;
/// <c>values</c> list items that are not empty; <c>nonnull</c>, <c>nonempty</c>; <c>replicas</c>
/// <c>partition:broker</c> pairs; <c>reset</c> where a share group starts. Refusals have Apache Kafka's words, because
/// tools print them and its tests compare them.
/// </summary>
internal sealed class ConfigRule
{
    private readonly Kind _kind;
    private readonly double _min = double.NegativeInfinity;
    private readonly double _max = double.PositiveInfinity;
    private readonly double? _or;
    private readonly string[] _allowed = [];

    private enum Kind
    {
        Anything,
        Range,
        OneOf,
        OneOfAnyCase,
        Values,
        NotNull,
        NotEmpty,
        Replicas,
        Reset,
    }

    private ConfigRule(Kind kind) => _kind = kind;

    private ConfigRule(Kind kind, string allowed)
        : this(kind) => _allowed = allowed.Split(',');

    private ConfigRule(string range)
        : this(Kind.Range)
    {
        int bar = range.IndexOf('|');
        if (bar >= 0)
        {
            _or = Number(range[(bar + 1)..]);
            range = range[..bar];
        }
        int dots = range.IndexOf("..", StringComparison.Ordinal);
        _min = Number(range[..dots]);
        if (dots + 2 < range.Length)
        {
            _max = Number(range[(dots + 2)..]);
        }
    }

    public static ConfigRule Parse(string text) =>
        text switch
        {
            "*" => new ConfigRule(Kind.Anything),
            "values" => new ConfigRule(Kind.Values),
            "nonnull" => new ConfigRule(Kind.NotNull),
            "nonempty" => new ConfigRule(Kind.NotEmpty),
            "replicas" => new ConfigRule(Kind.Replicas),
            "reset" => new ConfigRule(Kind.Reset),
            _ when text.StartsWith("in:", StringComparison.Ordinal) => new ConfigRule(Kind.OneOf, text[3..]),
            _ when text.StartsWith("anycase:", StringComparison.Ordinal) => new ConfigRule(
                Kind.OneOfAnyCase,
                text[8..]
            ),
            _ => new ConfigRule(text),
        };

    /// <summary>Null when the value (in its shown form) satisfies the rule.</summary>
    public string? Check(ConfigDefinition definition, string? value) =>
        _kind switch
        {
            Kind.Range => CheckRange(definition, value),
            Kind.OneOf when definition.Type == ConfigType.List => CheckItems(definition, value),
            Kind.Values => CheckItems(definition, value),
            Kind.OneOf when value is null || !_allowed.Contains(value) => NotOneOf(definition, value),
            Kind.OneOfAnyCase when value is null || !_allowed.Contains(value, StringComparer.OrdinalIgnoreCase) =>
                definition.Invalid(value, "String must be one of (case insensitive): " + string.Join(", ", _allowed)),
            Kind.NotNull when value is null => definition.Invalid(value, "entry must be non null"),
            Kind.NotEmpty when value is { Length: 0 } => definition.Invalid(value, "String must be non-empty"),
            Kind.Replicas => CheckReplicas(definition, value),
            Kind.Reset => CheckReset(definition, value),
            _ => null,
        };

    private string NotOneOf(ConfigDefinition definition, string? value) =>
        definition.Invalid(value, "String must be one of: " + string.Join(", ", _allowed));

    private string? CheckRange(ConfigDefinition definition, string? value)
    {
        if (value is null)
        {
            // A null default says that the setting may be absent.
            return definition.Default is null ? null : definition.Invalid(value, "Value must be non-null");
        }
        double number = Number(value);
        if (_or is { } or)
        {
            return (number >= _min && number <= _max) || number == or
                ? null
                : definition.Invalid(value, $"Value must be between {_min:0} and {_max:0} or equal to {or:0}");
        }
        if (number < _min)
        {
            return definition.Invalid(value, $"Value must be at least {Text(_min)}");
        }
        return number > _max ? definition.Invalid(value, $"Value must be no more than {Text(_max)}") : null;
    }

    private string? CheckItems(ConfigDefinition definition, string? value)
    {
        if (value is null)
        {
            return definition.Default is null ? null : $"Configuration '{definition.Name}' values must not be null.";
        }
        foreach (string item in ConfigValue.Items(value))
        {
            if (item.Length == 0)
            {
                return $"Configuration '{definition.Name}' values must not be empty.";
            }
            if (_kind == Kind.OneOf && !_allowed.Contains(item))
            {
                return NotOneOf(definition, item);
            }
        }
        return null;
    }

    private static string? CheckReplicas(ConfigDefinition definition, string? value)
    {
        string[] items = ConfigValue.Items(value ?? "");
        if (items is ["*"])
        {
            return null;
        }
        foreach (string item in items)
        {
            int colon = item.IndexOf(':');
            if (
                colon <= 0
                || colon == item.Length - 1
                || item.AsSpan(0, colon).ContainsAnyExceptInRange('0', '9')
                || item.AsSpan(colon + 1).ContainsAnyExceptInRange('0', '9')
            )
            {
                return definition.Invalid(
                    $"[{string.Join(", ", items)}]",
                    $"{definition.Name} must be the literal '*' or a list of replicas in the following format: "
                        + "[partitionId]:[brokerId],[partitionId]:[brokerId],..."
                );
            }
        }
        return null;
    }

    private static string? CheckReset(ConfigDefinition definition, string? value)
    {
        const string durationPrefix = "by_duration:";
        if (
            value is "latest" or "earliest"
            || (
                value is not null
                && value.StartsWith(durationPrefix, StringComparison.Ordinal)
                && Iso8601Duration.TryParse(value.AsSpan(durationPrefix.Length), out _)
            )
        )
        {
            return null;
        }
        return definition.Invalid(
            value,
            $"Invalid value `{value}` for configuration {definition.Name}. The value must be either 'earliest', "
                + "'latest' or of the format 'by_duration:<PnDTnHnMn.nS>'."
        );
    }

    /// <summary>Bounds and values fit a double exactly where they differ from a bound: all bounds are below 2^53.</summary>
    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static string Text(double bound) => bound.ToString("R", CultureInfo.InvariantCulture);
}

/// <summary>Durations of days, hours, minutes and seconds: <c>P1DT2H3M4.5S</c>.</summary>
public static class Iso8601Duration
{
    public static bool TryParse(ReadOnlySpan<char> text, out TimeSpan duration)
    {
        duration = default;
        bool negative = text is ['-', ..];
        if (negative || text is ['+', ..])
        {
            text = text[1..];
        }
        if (text is not ['P' or 'p', _, ..])
        {
            return false;
        }
        text = text[1..];
        double seconds = 0;
        ReadOnlySpan<char> units = "DTHMS";
        bool inTime = false;
        bool any = false;
        while (text.Length > 0)
        {
            if (text[0] is 'T' or 't')
            {
                if (inTime || text.Length == 1)
                {
                    return false;
                }
                inTime = true;
                units = "HMS";
                text = text[1..];
                continue;
            }
            int digits = text.IndexOfAnyExcept("+-.0123456789");
            if (digits <= 0 || !ConfigValue.TryDouble(text[..digits].ToString(), out double amount))
            {
                return false;
            }
            char unit = char.ToUpperInvariant(text[digits]);
            int place = units.IndexOf(unit);
            if (place < 0 || unit == 'T' || (unit == 'D') == inTime || (unit != 'S' && amount != Math.Floor(amount)))
            {
                return false;
            }
            seconds +=
                amount
                * (
                    unit switch
                    {
                        'D' => 86400,
                        'H' => 3600,
                        'M' => 60,
                        _ => 1,
                    }
                );
            units = units[(place + 1)..];
            text = text[(digits + 1)..];
            any = true;
        }
        if (!any || Math.Abs(seconds) > TimeSpan.MaxValue.TotalSeconds / 2)
        {
            return false;
        }
        duration = TimeSpan.FromSeconds(negative ? -seconds : seconds);
        return true;
    }
}
