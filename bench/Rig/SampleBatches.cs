using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Bench.Rig;

/// <summary>Batches as producers send them: records with a key of 16 and a value of 100 bytes, half of it words.</summary>
internal static class SampleBatches
{
    public const long TimestampMs = 1_700_000_000_000;
    public const int ValueBytes = 100;
    private const int KeyBytes = 16;

    /// <summary>As many records as fit into the size, at least one.</summary>
    public static byte[] OfSize(int bytes, CompressionCodec codec = CompressionCodec.None)
    {
        Random random = new(bytes);
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        byte[] key = new byte[KeyBytes];
        byte[] value = new byte[ValueBytes];
        int recordBytesMax = RecordBatchBuilder.SizeMaxOf(key, value);
        do
        {
            random.NextBytes(key);
            random.NextBytes(value);
            "the quick brown fox jumps over the lazy dog, again"u8.CopyTo(value);
            builder.Append(TimestampMs + builder.RecordsCount, key, value);
        } while (builder.SizeInBytes + recordBytesMax <= bytes);
        return builder.ToArray();
    }

    /// <summary>One record, so that offsets count batches.</summary>
    public static byte[] OfOneRecord(int valueBytes)
    {
        byte[] value = new byte[valueBytes];
        new Random(valueBytes).NextBytes(value);
        RecordBatchBuilder builder = new();
        builder.Append(TimestampMs, NullableBytes.Null, value);
        return builder.ToArray();
    }
}
