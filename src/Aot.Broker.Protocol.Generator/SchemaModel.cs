using System.Collections.Generic;

namespace Aot.Broker.Protocol.Generator;

/// <summary>A range of versions; open at the top as "3+" is, or empty as "none" is.</summary>
public readonly struct VersionRange
{
    /// <summary>The top of an open range.</summary>
    public const int Open = short.MaxValue;

    public VersionRange(int lowest, int highest)
    {
        Lowest = lowest;
        Highest = highest;
    }

    public static VersionRange None => new(0, -1);

    public int Lowest { get; }

    public int Highest { get; }

    public bool IsEmpty => Highest < Lowest;

    public bool Contains(int version) => version >= Lowest && version <= Highest;

    public bool Covers(VersionRange other) => other.IsEmpty || (Lowest <= other.Lowest && Highest >= other.Highest);

    public VersionRange And(VersionRange other) =>
        new(Lowest > other.Lowest ? Lowest : other.Lowest, Highest < other.Highest ? Highest : other.Highest);

    public override string ToString() =>
        IsEmpty ? "none"
        : Highest == Open ? Lowest + "+"
        : Lowest == Highest ? Lowest.ToString()
        : Lowest + "-" + Highest;
}

/// <summary>One field as the schema states it.</summary>
public sealed class SchemaField
{
    public string Name = "";

    /// <summary>Without the brackets of an array.</summary>
    public string Type = "";
    public bool IsArray;
    public VersionRange Versions;
    public VersionRange Nullable = VersionRange.None;
    public int Tag = -1;
    public VersionRange TagVersions = VersionRange.None;

    /// <summary>As written; empty when the type's own default holds.</summary>
    public string Default = "";
    public bool IsKey;
    public bool IsIgnorable;
    public bool IsZeroCopy;

    /// <summary>The length stays in its classic form in flexible versions (the client id of the request header).</summary>
    public bool IsNeverCompact;
    public string Entity = "";
    public int Line;

    /// <summary>What the field holds when <see cref="Type"/> is a structure defined in place.</summary>
    public readonly List<SchemaField> Fields = [];

    public bool IsTagged => Tag >= 0;

    public bool IsNullable => !Nullable.IsEmpty;

    public bool IsStruct => char.IsUpper(Type[0]);
}

/// <summary>A structure that several fields of one message share.</summary>
public sealed class SchemaStruct
{
    public string Name = "";
    public VersionRange Versions;
    public readonly List<SchemaField> Fields = [];
}

public enum MessageKind
{
    Request,
    Response,
    Header,
    Data,

    /// <summary>A record with a type number: metadata and remote log metadata.</summary>
    Record,

    /// <summary>The key and the value of a coordinator's record.</summary>
    RecordKey,
    RecordValue,
}

/// <summary>One message: what becomes one class.</summary>
public sealed class SchemaMessage
{
    public MessageKind Kind;
    public string Name = "";

    /// <summary>The number of the API or of the record's type; -1 where there is none.</summary>
    public int Number = -1;
    public VersionRange Versions;
    public VersionRange Flexible = VersionRange.None;
    public bool LatestUnstable;
    public readonly List<SchemaStruct> Structs = [];
    public readonly List<SchemaField> Fields = [];
}

/// <summary>What a file says about an API as a whole.</summary>
public sealed class SchemaApi
{
    public int Number;
    public string Name = "";
    public bool OnBroker;
    public bool OnController;
    public bool IsForwardable;
    public bool IsClusterAction;
}

/// <summary>One file.</summary>
public sealed class SchemaFile
{
    public SchemaApi? Api;
    public readonly List<SchemaMessage> Messages = [];
}
