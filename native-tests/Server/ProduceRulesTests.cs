using System.Buffers.Binary;
using Aot.Broker.Protocol;
using Aot.Broker.Server.Produce;

namespace Aot.Broker.Server.Tests;

public sealed class ProduceRulesTests
{
    private const int HeaderBytes = 61;

    [Fact]
    public void One_batch_of_magic_2_passes() => Assert.Equal(ErrorCode.None, ProduceRules.Check(Batch(10), 9));

    [Fact]
    public void No_batch_a_torn_batch_and_two_batches_are_invalid_records()
    {
        Assert.Equal(ErrorCode.InvalidRecord, ProduceRules.Check([], 9));
        Assert.Equal(ErrorCode.InvalidRecord, ProduceRules.Check(Batch(10).AsSpan()[..^1], 9));
        Assert.Equal(ErrorCode.InvalidRecord, ProduceRules.Check([.. Batch(10), .. Batch(10)], 9));
        Assert.Equal(ErrorCode.InvalidRecord, ProduceRules.Check(Batch(10).AsSpan()[..16], 9));
    }

    [Fact]
    public void Old_magics_are_invalid_and_a_length_below_the_header_is_corrupt()
    {
        byte[] old = Batch(10);
        old[16] = 1;
        Assert.Equal(ErrorCode.InvalidRecord, ProduceRules.Check(old, 9));
        byte[] tooShort = Batch(10);
        BinaryPrimitives.WriteInt32BigEndian(tooShort.AsSpan(8), 20);
        Assert.Equal(ErrorCode.CorruptMessage, ProduceRules.Check(tooShort, 9));
    }

    [Fact]
    public void Zstd_needs_version_7()
    {
        byte[] zstd = Batch(10);
        zstd[22] = 4;
        Assert.Equal(ErrorCode.UnsupportedCompressionType, ProduceRules.Check(zstd, 6));
        Assert.Equal(ErrorCode.None, ProduceRules.Check(zstd, 7));
    }

    private static byte[] Batch(int recordBytes)
    {
        byte[] batch = new byte[HeaderBytes + recordBytes];
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(8), batch.Length - 12);
        batch[16] = 2;
        return batch;
    }
}
