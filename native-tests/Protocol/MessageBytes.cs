using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol.Generator;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

/// <summary>
/// Makes random bytes of a message straight from its schema, by its own reading of the protocol and with none of the
/// code under test, in the one form that a writer would choose: tagged fields never hold their default.
/// </summary>
internal sealed class MessageBytes(SchemaMessage message, int version, Random random)
{
    private const int DepthOfEmptyArrays = 4;

    private readonly List<byte> _bytes = [];
    private readonly bool _flexible = message.Flexible.Contains(version);

    public bool WithUnknownTags { get; init; } = true;

    public byte[] Make()
    {
        AddFields(message.Fields, 0, mustBeSet: false);
        return [.. _bytes];
    }

    /// <summary>A structure that must differ from its default does so in its first field.</summary>
    private void AddFields(List<SchemaField> fields, int depth, bool mustBeSet)
    {
        bool first = mustBeSet;
        foreach (SchemaField field in fields.Where(field => field.Versions.Contains(version) && !field.IsTagged))
        {
            AddField(field, depth, first);
            first = false;
        }
        if (_flexible)
        {
            AddTags(fields, depth);
        }
    }

    private void AddField(SchemaField field, int depth, bool mustBeSet)
    {
        bool compact = _flexible && !field.IsNeverCompact;
        bool canBeNull = field.Nullable.Contains(version);
        bool isNull = canBeNull && (!mustBeSet || field.Default != "null") && random.Next(4) == 0;
        bool isStruct = field.IsStruct && !field.IsArray;
        if (isNull && !isStruct)
        {
            AddLength(-1, compact, isText: field.Type == "string" && !field.IsArray);
        }
        else if (field.IsArray)
        {
            int count = mustBeSet || depth < DepthOfEmptyArrays ? random.Next(mustBeSet ? 1 : 0, 4) : 0;
            AddLength(count, compact, isText: false);
            for (int i = 0; i < count; i++)
            {
                AddValue(field, depth + 1, compact, mustBeSet: false);
            }
        }
        else if (isStruct && canBeNull)
        {
            byte none = field.IsTagged ? (byte)0 : (byte)0xFF;
            _bytes.Add(isNull ? none : (byte)1);
            if (!isNull)
            {
                AddValue(field, depth, compact, mustBeSet);
            }
        }
        else
        {
            AddValue(field, depth, compact, mustBeSet);
        }
    }

    private void AddValue(SchemaField field, int depth, bool compact, bool mustBeSet)
    {
        // The default of an array says nothing about its elements.
        string held = field.IsArray ? "" : field.Default;
        switch (field.Type)
        {
            case "bool":
                _bytes.Add((mustBeSet ? held != "true" : random.Next(2) == 0) ? (byte)1 : (byte)0);
                break;
            case "int8":
                AddInteger(1, held, mustBeSet);
                break;
            case "int16" or "uint16":
                AddInteger(2, held, mustBeSet);
                break;
            case "int32" or "uint32":
                AddInteger(4, held, mustBeSet);
                break;
            case "int64" or "float64":
                AddInteger(8, held, mustBeSet);
                break;
            case "uuid":
                AddInteger(8, "0", mustBeSet);
                AddInteger(8, "0", mustBeSet: false);
                break;
            case "string":
                byte[] text = Encoding.UTF8.GetBytes(RandomText(mustBeSet));
                AddLength(text.Length, compact, isText: true);
                _bytes.AddRange(text);
                break;
            case "bytes" or "records":
                byte[] content = RandomBytes(random.Next(mustBeSet ? 1 : 0, 200));
                AddLength(content.Length, compact, isText: false);
                _bytes.AddRange(content);
                break;
            default:
                AddFields(
                    field.Fields.Count > 0
                        ? field.Fields
                        : message.Structs.Single(common => common.Name == field.Type).Fields,
                    depth,
                    mustBeSet
                );
                break;
        }
    }

    private void AddTags(List<SchemaField> fields, int depth)
    {
        List<SchemaField> known = [.. fields.Where(field => field.TagVersions.Contains(version))];
        SortedDictionary<int, SchemaField?> present = [];
        foreach (SchemaField field in known.Where(_ => random.Next(3) > 0))
        {
            present.Add(field.Tag, field);
        }
        for (int i = WithUnknownTags ? random.Next(4) : 3; i < 3; i++)
        {
            int tag = random.Next(2) == 0 ? random.Next(12) : random.Next(1 << 24);
            if (fields.All(field => field.Tag != tag))
            {
                present[tag] = null;
            }
        }
        AddUVarint(present.Count);
        foreach ((int tag, SchemaField? field) in present)
        {
            AddUVarint(tag);
            int start = _bytes.Count;
            if (field is null)
            {
                _bytes.AddRange(RandomBytes(random.Next(150)));
            }
            else
            {
                AddField(field, depth, mustBeSet: true);
            }
            byte[] content = [.. _bytes.Skip(start)];
            _bytes.RemoveRange(start, content.Length);
            AddUVarint(content.Length);
            _bytes.AddRange(content);
        }
    }

    private void AddInteger(int size, string defaultText, bool mustBeSet)
    {
        long held = defaultText.Length == 0 ? 0 : long.Parse(defaultText);
        long value;
        do
        {
            value = random.Next(3) switch
            {
                0 => random.NextInt64(long.MinValue, long.MaxValue),
                1 => random.Next(-2, 10),
                _ => held,
            };
        } while (mustBeSet && SignExtended(value, size) == held);
        for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        {
            _bytes.Add((byte)(value >> shift));
        }
    }

    private static long SignExtended(long value, int size) => value << (64 - (size * 8)) >> (64 - (size * 8));

    private string RandomText(bool mustBeSet)
    {
        string[] pieces = ["a", "topic", "_", "é", "漢", "🙂", "0", new string('x', 130)];
        StringBuilder text = new(mustBeSet ? "t" : "");
        for (int i = random.Next(4); i > 0; i--)
        {
            text.Append(pieces[random.Next(pieces.Length)]);
        }
        return text.ToString();
    }

    private byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private void AddLength(int length, bool compact, bool isText)
    {
        if (compact)
        {
            AddUVarint(length + 1);
            return;
        }
        for (int shift = isText ? 8 : 24; shift >= 0; shift -= 8)
        {
            _bytes.Add((byte)(length >> shift));
        }
    }

    private void AddUVarint(int value)
    {
        for (; value >= 128; value >>= 7)
        {
            _bytes.Add((byte)(value | 128));
        }
        _bytes.Add((byte)value);
    }
}
