using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Faults.Tests;

/// <summary>Batches whose records say who made them and as which one.</summary>
internal static class Batches
{
    private const int ValueBytesMin = 12;

    public static byte[] Numbered(int producer, long first, int count, int padding, RecordBatchOptions? options = null)
    {
        RecordBatchBuilder builder = new(options);
        byte[] value = new byte[ValueBytesMin + padding];
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(value, producer);
            BinaryPrimitives.WriteInt64BigEndian(value.AsSpan(4), first + i);
            builder.Append(1_700_000_000_000, NullableBytes.Null, value);
        }
        return builder.ToArray();
    }

    public static (int Producer, long Number) Read(ReadOnlySpan<byte> value) =>
        (BinaryPrimitives.ReadInt32BigEndian(value), BinaryPrimitives.ReadInt64BigEndian(value[4..]));

    public static byte[] Of(CompressionCodec codec, params string[] values)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        foreach (string value in values)
        {
            builder.Append(1_700_000_000_000, NullableBytes.Null, Encoding.UTF8.GetBytes(value));
        }
        return builder.ToArray();
    }
}
