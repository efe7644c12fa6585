using System.Buffers.Binary;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Protocol.Tests;

public sealed class RecordLegacyTests
{
    [Fact]
    public void The_IEEE_checksum_has_its_published_value() =>
        Assert.Equal(0xCBF43926u, Crc32Ieee.Compute("123456789"u8));

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_message_set_is_walked(byte magic)
    {
        byte[] set = [.. Message(magic, 10, 555, "k"u8, "v"u8), .. Message(magic, 11, 556, default, default)];
        LegacyMessageEnumerator messages = new(set);
        Assert.True(messages.MoveNext());
        Assert.Equal(10, messages.Offset);
        Assert.Equal(magic, messages.Current.Magic);
        Assert.True(messages.Current.HasValidCrc);
        Assert.Equal(magic == 0 ? -1 : 555, messages.Current.Timestamp);
        Assert.Equal(magic == 0 ? TimestampType.None : TimestampType.CreateTime, messages.Current.TimestampType);
        Assert.True(messages.Current.Key.Span.SequenceEqual("k"u8));
        Assert.True(messages.Current.Value.Span.SequenceEqual("v"u8));
        Assert.True(messages.MoveNext());
        Assert.Equal(11, messages.Offset);
        Assert.True(messages.Current.Key.IsNull);
        Assert.False(messages.MoveNext());
        Assert.False(messages.IsMalformed);

        BatchScanner scanner = new([
            .. set,
            .. RecordRandom.Build([new(0, 1, null, null, [])], new() { BaseOffset = 12 }),
        ]);
        Assert.True(scanner.MoveNext());
        Assert.Equal(magic, scanner.Magic);
        Assert.True(scanner.MoveNext());
        Assert.True(scanner.MoveNext());
        Assert.Equal(12, scanner.Batch.BaseOffset);
        Assert.False(scanner.MoveNext());
        Assert.Equal(BatchScanEnd.Clean, scanner.End);

        set[^1] ^= 1;
        messages = new(set);
        Assert.True(messages.MoveNext() && messages.MoveNext());
        Assert.False(messages.Current.HasValidCrc);
        messages = new(set.AsSpan(0, set.Length - 1));
        Assert.True(messages.MoveNext());
        Assert.False(messages.MoveNext());
        Assert.True(messages.IsMalformed);
    }

    [Theory]
    [InlineData(0, CompressionCodec.Gzip)]
    [InlineData(1, CompressionCodec.Gzip)]
    [InlineData(0, CompressionCodec.Snappy)]
    [InlineData(1, CompressionCodec.Lz4)]
    public void A_wrapper_gives_its_inner_messages_absolute_offsets(byte magic, CompressionCodec codec)
    {
        // Three messages at 20, 21 and 23 (one was compacted away); with magic 1 they are written relative.
        long[] inner = magic == 0 ? [20, 21, 23] : [0, 1, 3];
        byte[] set = [.. inner.SelectMany(o => Message(magic, o, 700 + o, "k"u8, "v"u8))];
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        Assert.Equal(CodecResult.Ok, Compression.Compress(codec, null, set, compressed, 0, out int length));
        byte[] bytes = Message(magic, 23, 703, default, compressed.Span[..length], (byte)codec);
        Assert.True(LegacyMessageView.TryRead(bytes, out LegacyMessageView wrapper));
        Assert.True(wrapper.HasValidCrc);
        Assert.Equal(codec, wrapper.Codec);
        CodecResult result = Compression.DecompressLegacy(
            wrapper.Magic,
            wrapper.Codec,
            wrapper.Value.Span,
            plain,
            1 << 20,
            out length
        );
        Assert.Equal(CodecResult.Ok, result);
        LegacyMessageEnumerator messages = new(plain.Span[..length], wrapper);
        foreach (long expected in new long[] { 20, 21, 23 })
        {
            Assert.True(messages.MoveNext());
            Assert.Equal(expected, messages.Offset);
        }
        Assert.False(messages.MoveNext());
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void A_produce_of_old_messages_is_refused(byte magic)
    {
        byte[] set = Message(magic, 0, 5, "k"u8, "v"u8);
        RecordBatchFault fault = ProduceRecords.Check(set, 3, int.MaxValue, out _);
        Assert.Equal(RecordBatchFault.UnsupportedMagic, fault);
        Assert.Equal(ErrorCode.InvalidRecord, fault.ToErrorCode());
    }

    private static byte[] Message(
        byte magic,
        long offset,
        long timestamp,
        ReadOnlySpan<byte> key,
        ReadOnlySpan<byte> value,
        byte attributes = 0
    )
    {
        byte[] bytes = new byte[12 + 14 + (magic == 1 ? 8 : 0) + key.Length + value.Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, offset);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), bytes.Length - 12);
        bytes[16] = magic;
        bytes[17] = attributes;
        int at = 18;
        if (magic == 1)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at), timestamp);
            at += 8;
        }
        foreach (bool isKey in new[] { true, false })
        {
            ReadOnlySpan<byte> part = isKey ? key : value;
            BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), part.IsEmpty ? -1 : part.Length);
            part.CopyTo(bytes.AsSpan(at + 4));
            at += 4 + part.Length;
        }
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(12), Crc32Ieee.Compute(bytes.AsSpan(16)));
        return bytes;
    }
}
