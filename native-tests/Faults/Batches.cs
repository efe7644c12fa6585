using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Faults.Tests;

/// <summary>Batches whose records say who made them and as which one.</summary>
internal static class Batches
{
    private const int ValueBytesMin = 12;
    private const int KeyBytes = 4;

    /// <summary>Records without a key, or with the keys from 0 to <paramref name="keys"/> - 1 in turn.</summary>
    public static byte[] Numbered(
        int producer,
        long first,
        int count,
        int padding,
        RecordBatchOptions? options = null,
        int keys = 0
    )
    {
        RecordBatchBuilder builder = new(options);
        byte[] key = new byte[KeyBytes];
        byte[] value = new byte[ValueBytesMin + padding];
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt32BigEndian(value, producer);
            BinaryPrimitives.WriteInt64BigEndian(value.AsSpan(4), first + i);
            if (keys > 0)
            {
                BinaryPrimitives.WriteInt32BigEndian(key, (int)((first + i) % keys));
            }
            builder.Append(1_700_000_000_000, keys > 0 ? key : NullableBytes.Null, value);
        }
        return builder.ToArray();
    }

    /// <summary>The records of a batch of any codec; they are in <paramref name="plain"/> when it has one.</summary>
    public static RecordEnumerator Records(RecordBatchView batch, ScratchBuffer plain)
    {
        if (!batch.IsCompressed)
        {
            return batch.Records();
        }
        Assert.Equal(
            CodecResult.Ok,
            Compression.Decompress(batch.Codec, batch.RecordsBytes, plain, plain.BytesMax, out int length)
        );
        return new RecordEnumerator(plain.Span[..length], batch.RecordsCount);
    }

    public static int ReadKey(ReadOnlySpan<byte> key) => BinaryPrimitives.ReadInt32BigEndian(key);

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
