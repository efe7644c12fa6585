using Aot.Broker.Base;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Protocol.Tests;

/// <summary>In the collection of those that set the hook of <see cref="Invariant"/>, which is one per process.</summary>
[Collection("Invariant")]
public sealed class WireWriterTests
{
    [Fact]
    public void What_the_writer_writes_the_reader_reads()
    {
        Span<byte> bytes = stackalloc byte[512];
        WireWriter writer = new(bytes);
        WriteOneOfEach(ref writer);
        WireReader reader = new(bytes[..writer.Position]);
        Assert.Equal((true, -7, -1234), (reader.ReadBool(), reader.ReadInt8(), reader.ReadInt16()));
        Assert.Equal(
            (60_000, int.MinValue, 4_000_000_000),
            (reader.ReadUInt16(), reader.ReadInt32(), reader.ReadUInt32())
        );
        Assert.Equal((long.MinValue, Math.PI), (reader.ReadInt64(), reader.ReadFloat64()));
        Assert.Equal(new KafkaUuid(1, ulong.MaxValue), reader.ReadUuid());
        Assert.Equal(
            (300u, int.MinValue, long.MaxValue),
            (reader.ReadUVarint(), reader.ReadVarint(), reader.ReadVarlong())
        );
        Assert.Equal(
            ("é🙂", "", null),
            (reader.ReadString(false), reader.ReadString(true), reader.ReadNullableString(true))
        );
        Assert.Null(reader.ReadNullableString(false));
        Assert.Equal([1, 2, 3], reader.ReadBytes(true));
        Assert.Null(reader.ReadNullableBytes(false));
        Assert.Equal("raw", reader.ReadString(true));
        Assert.True(reader.IsValid && reader.Remaining == 0);
    }

    [Fact]
    public void Measuring_counts_what_writing_takes()
    {
        WireWriter measuring = WireWriter.Measuring();
        WriteOneOfEach(ref measuring);
        byte[] bytes = new byte[measuring.Position];
        WireWriter writer = new(bytes);
        WriteOneOfEach(ref writer);
        Assert.Equal(0, writer.Remaining);
        Assert.Equal(measuring.Position, writer.Position);
        Assert.True(measuring.IsMeasuring && !writer.IsMeasuring);
    }

    [Fact]
    public void The_sizes_of_varints_are_those_that_are_written()
    {
        byte[] bytes = new byte[10];
        for (int bit = 0; bit < 64; bit++)
        {
            foreach (long value in (long[])[1L << bit, (1L << bit) - 1, -(1L << bit), (1L << bit) + 1])
            {
                WireWriter writer = new(bytes);
                writer.WriteVarlong(value);
                Assert.Equal(WireWriter.VarlongSize(value), writer.Position);
                WireReader reader = new(bytes.AsSpan(0, writer.Position));
                Assert.Equal((value, 0), (reader.ReadVarlong(), reader.Remaining));
                writer = new WireWriter(bytes);
                writer.WriteUVarint((uint)value);
                Assert.Equal(WireWriter.UVarintSize((uint)value), writer.Position);
                reader = new WireReader(bytes.AsSpan(0, writer.Position));
                Assert.Equal(((uint)value, 0), (reader.ReadUVarint(), reader.Remaining));
                Assert.Equal(WireWriter.VarlongSize((int)value), WireWriter.VarintSize((int)value));
            }
        }
    }

    [Fact]
    public void Room_that_was_left_can_be_filled_later()
    {
        byte[] bytes = new byte[6];
        WireWriter writer = new(bytes);
        Span<byte> size = writer.Reserve(4);
        writer.WriteInt16(-1);
        size[3] = 2;
        Assert.Equal("00000002FFFF", Convert.ToHexString(bytes));
    }

    [Fact]
    public void Writing_past_the_end_breaks_an_invariant()
    {
        Invariant.OnFailure = message => throw new InvalidDataException(message);
        try
        {
            Assert.Throws<InvalidDataException>(() =>
            {
                WireWriter writer = new(new byte[3]);
                writer.WriteInt32(1);
            });
        }
        finally
        {
            Invariant.OnFailure = null;
        }
    }

    [Fact]
    public void Writing_allocates_nothing()
    {
        byte[] bytes = new byte[512];
        WireWriter warm = new(bytes);
        WriteOneOfEach(ref warm);
        long before = GC.GetAllocatedBytesForCurrentThread();
        WireWriter writer = new(bytes);
        WriteOneOfEach(ref writer);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    private static void WriteOneOfEach(ref WireWriter writer)
    {
        writer.WriteBool(true);
        writer.WriteInt8(-7);
        writer.WriteInt16(-1234);
        writer.WriteUInt16(60_000);
        writer.WriteInt32(int.MinValue);
        writer.WriteUInt32(4_000_000_000);
        writer.WriteInt64(long.MinValue);
        writer.WriteFloat64(Math.PI);
        writer.WriteUuid(new KafkaUuid(1, ulong.MaxValue));
        writer.WriteUVarint(300);
        writer.WriteVarint(int.MinValue);
        writer.WriteVarlong(long.MaxValue);
        writer.WriteString("é🙂", compact: false);
        writer.WriteString("", compact: true);
        writer.WriteNullableString(null, compact: true);
        writer.WriteNullableString(null, compact: false);
        writer.WriteBytes([1, 2, 3], compact: true);
        writer.WriteNullableBytes(null, compact: false);
        writer.WriteStringBytes("raw"u8, compact: true);
    }
}
