using System.Text;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Generator;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// Makes requests straight from their schemas, with none of the code under test: valid in form, and with values that get
/// past the first check about as often as not, since names, ids and counts come from small pools. The pools also bound
/// what a run can do: a dozen topics of a few partitions, no setting of the broker itself, no request that waits long.
/// </summary>
internal sealed class RandomRequest(SchemaMessage message, int version, Random random, FuzzPools pools)
{
    private const int DepthOfEmptyArrays = 4;

    private readonly List<byte> _bytes = [];
    private readonly bool _flexible = message.Flexible.Contains(version);

    public byte[] Make()
    {
        AddFields(message.Fields, 0);
        return [.. _bytes];
    }

    private void AddFields(List<SchemaField> fields, int depth)
    {
        foreach (SchemaField field in fields.Where(field => field.Versions.Contains(version) && !field.IsTagged))
        {
            AddField(field, depth);
        }
        if (_flexible)
        {
            AddTags(fields, depth);
        }
    }

    private void AddField(SchemaField field, int depth)
    {
        bool compact = _flexible && !field.IsNeverCompact;
        bool isNull = field.Nullable.Contains(version) && random.Next(4) == 0;
        if (isNull && (field.IsArray || !field.IsStruct))
        {
            AddLength(-1, compact, isText: field.Type == "string" && !field.IsArray);
        }
        else if (field.IsArray)
        {
            int count = depth < DepthOfEmptyArrays ? random.Next(0, 3) : 0;
            AddLength(count, compact, isText: false);
            for (int i = 0; i < count; i++)
            {
                AddValue(field, depth + 1, compact);
            }
        }
        else if (field.IsStruct && field.Nullable.Contains(version))
        {
            byte none = field.IsTagged ? (byte)0 : (byte)0xFF;
            _bytes.Add(isNull ? none : (byte)1);
            if (!isNull)
            {
                AddValue(field, depth, compact);
            }
        }
        else
        {
            AddValue(field, depth, compact);
        }
    }

    private void AddValue(SchemaField field, int depth, bool compact)
    {
        switch (field.Type)
        {
            case "bool":
                _bytes.Add((byte)random.Next(2));
                break;
            case "int8":
                AddInteger(1, pools.Integer(message.Name, field, random));
                break;
            case "int16" or "uint16":
                AddInteger(2, pools.Integer(message.Name, field, random));
                break;
            case "int32" or "uint32":
                AddInteger(4, pools.Integer(message.Name, field, random));
                break;
            case "int64":
                AddInteger(8, pools.Integer(message.Name, field, random));
                break;
            case "float64":
                AddInteger(8, BitConverter.DoubleToInt64Bits(random.Next(3) == 0 ? double.NaN : random.Next(100)));
                break;
            case "uuid":
                _bytes.AddRange(pools.Uuid(random));
                break;
            case "string":
                byte[] text = Encoding.UTF8.GetBytes(pools.Text(message.Name, field, random));
                AddLength(text.Length, compact, isText: true);
                _bytes.AddRange(text);
                break;
            case "bytes" or "records":
                byte[] content = field.Type == "records" ? Records() : RandomBytes(random.Next(100));
                AddLength(content.Length, compact, isText: false);
                _bytes.AddRange(content);
                break;
            default:
                AddFields(
                    field.Fields.Count > 0
                        ? field.Fields
                        : message.Structs.Single(common => common.Name == field.Type).Fields,
                    depth
                );
                break;
        }
    }

    private byte[] Records()
    {
        if (random.Next(4) == 0)
        {
            return RandomBytes(random.Next(200));
        }
        byte[] batch = Batches.Numbered(
            99,
            random.Next(1000),
            random.Next(1, 5),
            random.Next(100),
            new RecordBatchOptions
            {
                Codec = (CompressionCodec)random.Next(5),
                ProducerId = random.Next(-1, 3),
                ProducerEpoch = (short)random.Next(-1, 2),
                BaseSequence = random.Next(-1, 5),
                IsTransactional = random.Next(10) == 0,
            }
        );
        if (random.Next(3) == 0)
        {
            // Damage that the checksum covers up.
            for (int i = random.Next(1, 4); i > 0; i--)
            {
                batch[random.Next(16, batch.Length)] = (byte)random.Next(256);
            }
            if (batch[16] == 2)
            {
                RecordBatchPatch.Seal(batch);
            }
        }
        return batch;
    }

    private void AddTags(List<SchemaField> fields, int depth)
    {
        SortedDictionary<int, SchemaField?> present = [];
        foreach (SchemaField field in fields.Where(field => field.TagVersions.Contains(version)))
        {
            if (random.Next(3) == 0)
            {
                present.Add(field.Tag, field);
            }
        }
        if (random.Next(10) == 0)
        {
            int tag = random.Next(20, 1 << 24);
            present[tag] = null;
        }
        AddUVarint(present.Count);
        foreach ((int tag, SchemaField? field) in present)
        {
            AddUVarint(tag);
            int start = _bytes.Count;
            if (field is null)
            {
                _bytes.AddRange(RandomBytes(random.Next(50)));
            }
            else
            {
                AddField(field, depth);
            }
            byte[] content = [.. _bytes.Skip(start)];
            _bytes.RemoveRange(start, content.Length);
            AddUVarint(content.Length);
            _bytes.AddRange(content);
        }
    }

    private void AddInteger(int size, long value)
    {
        for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        {
            _bytes.Add((byte)(value >> shift));
        }
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
        AddInteger(isText ? 2 : 4, length);
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
