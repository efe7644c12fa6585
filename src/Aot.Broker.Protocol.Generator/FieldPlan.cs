namespace Aot.Broker.Protocol.Generator;

/// <summary>What becomes of one field: its property, its default, and the conditions on the version.</summary>
public sealed class FieldPlan(SchemaField schema, VersionRange versions, ClassPlan owner, ClassPlan? element)
{
    /// <summary>Bits of the mask of tagged fields that are present.</summary>
    private const int TagNumberMax = 31;

    public SchemaField Schema { get; } = schema;

    /// <summary>Versions of the message in which the field occurs.</summary>
    public VersionRange Versions { get; } = versions;

    public ClassPlan Owner { get; } = owner;

    /// <summary>The structure that the field holds, or an array of it.</summary>
    public ClassPlan? Element { get; } = element;

    public string Name => Schema.Name;

    /// <summary>Null is a value of the property: allowed by the schema, or "not sent" for a tagged structure.</summary>
    public bool IsNullable => Schema.IsNullable || IsOptionalStruct;

    public bool IsSingleStruct => Element != null && !Schema.IsArray;

    /// <summary>A tagged structure is null when it is not sent, if the schema itself has no null for it.</summary>
    public bool IsOptionalStruct => IsSingleStruct && Schema.IsTagged && !Schema.IsNullable;

    /// <summary>A tagged structure that may be null, and whose absence means something else: all its fields' defaults.</summary>
    public bool IsComparedWithDefault => IsSingleStruct && Schema.IsNullable && Schema.Default != "null";

    public bool DefaultsToNull =>
        IsOptionalStruct || Schema.Default == "null" || (Schema.Type == "records" && Schema.IsNullable);

    /// <summary>The name of a primitive type as the readers and writers spell it.</summary>
    public string WireName =>
        Schema.Type switch
        {
            "bool" => "Bool",
            "int8" => "Int8",
            "int16" => "Int16",
            "uint16" => "UInt16",
            "int32" => "Int32",
            "uint32" => "UInt32",
            "int64" => "Int64",
            "float64" => "Float64",
            "uuid" => "Uuid",
            "string" => "String",
            "bytes" or "records" => "Bytes",
            _ => throw new SchemaException(Schema.Line, $"there is no type {Schema.Type}"),
        };

    public bool IsText => !Schema.IsArray && Schema.Type == "string";

    public bool IsBytes => !Schema.IsArray && Schema.Type is "bytes" or "records";

    /// <summary>Bytes of a type of fixed size, else 0.</summary>
    public int FixedBytes => Schema.IsArray ? 0 : FixedBytesOf(Schema.Type);

    public string ElementType =>
        Element?.Name
        ?? Schema.Type switch
        {
            "bool" => "bool",
            "int8" => "sbyte",
            "int16" => "short",
            "uint16" => "ushort",
            "int32" => "int",
            "uint32" => "uint",
            "int64" => "long",
            "float64" => "double",
            "uuid" => "KafkaUuid",
            "string" => "string",
            _ => "byte[]",
        };

    public string PropertyType => (Schema.IsArray ? $"List<{ElementType}>" : ElementType) + (IsNullable ? "?" : "");

    /// <summary>The initializer of the property, with its sign; empty where the type's own zero is right.</summary>
    public string Initializer
    {
        get
        {
            if (DefaultsToNull)
            {
                return "";
            }
            if (Schema.IsArray || IsBytes)
            {
                return " = [];";
            }
            if (Element != null)
            {
                return " = new();";
            }
            return IsText || Schema.Default.Length > 0 ? $" = {DefaultLiteral};" : "";
        }
    }

    /// <summary>The condition that the property does not hold its default.</summary>
    public string IsSetExpression
    {
        get
        {
            if (DefaultsToNull)
            {
                return $"{Name} is not null";
            }
            if (IsSingleStruct)
            {
                return $"{Name} is not {{ IsDefault: true }}";
            }
            if (Schema.IsArray)
            {
                return $"{Name} is not {{ Count: 0 }}";
            }
            if (IsBytes)
            {
                return $"{Name} is not {{ Length: 0 }}";
            }
            return Schema.Type switch
            {
                "bool" => Schema.Default == "true" ? $"!{Name}" : Name,
                "uuid" => $"!{Name}.IsZero",
                "string" => $"{Name} is not {DefaultLiteral}",
                _ => $"{Name} != {DefaultLiteral}",
            };
        }
    }

    /// <summary>The condition that null may be sent, within the field's versions.</summary>
    public string NullableExpression => !Schema.IsNullable ? "false" : Condition(Schema.Nullable, Versions) ?? "true";

    /// <summary>Whether lengths are compact, as an expression.</summary>
    public string CompactExpression =>
        Schema.IsNeverCompact ? "false"
        : Schema.IsTagged ? "true"
        : Owner.FlexibleExpression;

    private string DefaultLiteral =>
        Schema.Type == "string" ? (Schema.Default.Length == 0 ? "\"\"" : Quote(Schema.Default))
        : Schema.Default.Length == 0 ? "0"
        : Schema.Default;

    /// <summary>The condition that a version of <paramref name="within"/> is in the range; null when all are.</summary>
    public static string? Condition(VersionRange range, VersionRange within)
    {
        VersionRange common = range.And(within);
        bool fromBelow = common.Lowest > within.Lowest;
        bool fromAbove = common.Highest < within.Highest;
        return common.IsEmpty ? "false"
            : fromBelow && fromAbove && common.Lowest == common.Highest ? $"version == {common.Lowest}"
            : fromBelow && fromAbove ? $"version is >= {common.Lowest} and <= {common.Highest}"
            : fromBelow ? $"version >= {common.Lowest}"
            : fromAbove ? $"version <= {common.Highest}"
            : null;
    }

    /// <summary>The opposite of a condition that <see cref="Condition"/> made.</summary>
    public static string Not(string condition) =>
        condition.StartsWith("version >= ", System.StringComparison.Ordinal) ? "version < " + condition.Substring(11)
        : condition.StartsWith("version <= ", System.StringComparison.Ordinal) ? "version > " + condition.Substring(11)
        : $"!({condition})";

    public int BytesMin(bool flexible)
    {
        if (FixedBytes > 0)
        {
            return FixedBytes;
        }
        if (Element != null && !Schema.IsArray)
        {
            return Schema.IsNullable ? 1 : Element.BytesMin();
        }
        bool compact = flexible && !Schema.IsNeverCompact;
        return compact ? 1
            : IsText ? 2
            : 4;
    }

    /// <summary>What the generator relies on, and the schemas keep to.</summary>
    public void Check()
    {
        if (Element == null)
        {
            _ = WireName;
        }
        if (Schema.IsTagged && (Schema.Tag > TagNumberMax || !Owner.Flexible.Covers(Versions)))
        {
            throw new SchemaException(Schema.Line, $"the tag of {Name} is too high or in versions without tags");
        }
        if (Schema.IsTagged && !Schema.TagVersions.Covers(Schema.Versions))
        {
            throw new SchemaException(Schema.Line, $"{Name} is tagged in only some of its versions");
        }
        if (Element != null && !Schema.IsArray && !Schema.IsTagged)
        {
            bool always = Versions.Covers(Owner.Versions);
            if ((!always && !Schema.IsNullable) || (Schema.IsNullable && NullableExpression != "true"))
            {
                throw new SchemaException(
                    Schema.Line,
                    $"{Name} is a structure of some versions and not nullable there"
                );
            }
        }
        if (
            Schema.IsArray
            && Element == null
            && Schema.Type is "bool" or "uint16" or "uint32" or "float64"
            && Schema.IsArray
        )
        {
            throw new SchemaException(Schema.Line, $"there is no array of {Schema.Type}");
        }
    }

    private static int FixedBytesOf(string type) =>
        type switch
        {
            "bool" or "int8" => 1,
            "int16" or "uint16" => 2,
            "int32" or "uint32" => 4,
            "int64" or "float64" => 8,
            "uuid" => 16,
            _ => 0,
        };

    private static string Quote(string text) =>
        text[0] == '"' ? text : "\"" + text.Replace("\\", "\\\\").Replace("\"", "\\\"") + "\"";
}
