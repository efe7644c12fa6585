using System.Buffers.Binary;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Storage.Tests;

/// <summary>Segments of message sets from before Kafka 0.11 are served, searched and recovered, and appended to.</summary>
public sealed class LegacySegmentTests
{
    [Fact]
    public void Times_are_found_inside_compressed_message_sets()
    {
        using StorageRig first = new();
        first.Open();
        first.StopClean();
        byte[] inner =
        [
            .. Message(1, 0, 100, "a"u8),
            .. Message(1, 1, 300, "b"u8),
            .. Message(1, 3, 200, "c"u8), // 2 was compacted away
        ];
        using ScratchBuffer compressed = new();
        Assert.Equal(
            CodecResult.Ok,
            Compression.Compress(CompressionCodec.Gzip, null, inner, compressed, 0, out int length)
        );
        byte[] wrapper = Message(1, 8, 300, compressed.Span[..length], (byte)CompressionCodec.Gzip);
        byte[] stamped = Message(1, 12, 900, compressed.Span[..length], (byte)CompressionCodec.Gzip | 8);
        File.WriteAllBytes(
            Path.Combine(first.PartitionPath, "00000000000000000000.log"),
            [.. Message(0, 3, 0, "old"u8), .. Message(1, 4, 50, "single"u8), .. wrapper, .. stamped]
        );
        File.Delete(Path.Combine(first.DirectoryPath, ".kafka_cleanshutdown"));
        using StorageRig rig = new(first.DirectoryPath);
        PartitionLog log = rig.Open();
        Assert.Equal(13, log.LogEndOffset);
        Assert.Equal(0, rig.Directories.Progress.TruncatedBytes);
        Assert.Equal((4L, 50L), Find(log, 1));
        Assert.Equal((5L, 100L), Find(log, 51));
        Assert.Equal((6L, 300L), Find(log, 101));
        Assert.Equal((9L, 900L), Find(log, 301));
        Assert.Equal((-1L, -1L), Find(log, 901));
        Assert.Equal(9, log.OffsetOfMaxTimestamp().Offset);
        // An offset inside a wrapper is found with the wrapper, and the log goes on in today's format.
        Assert.Equal(ErrorCode.None, log.Read(7, 1 << 20, ReadIsolation.LogEnd, true, out LogSlice slice));
        Assert.Equal(8, slice.FirstOffset);
        slice.Lease.Release();
        Assert.Equal(13, rig.MustAppend(log, Batches.Plain()).BaseOffset);
        rig.On(() => Assert.Equal(ErrorCode.None, log.DeleteRecordsBefore(6)));
        Assert.Equal((6L, 300L), Find(log, 1));
    }

    private static (long Offset, long Timestamp) Find(PartitionLog log, long timestamp)
    {
        TimestampOffset found = log.OffsetForTimestamp(timestamp);
        Assert.Equal(ErrorCode.None, found.Error);
        return (found.Offset, found.Timestamp);
    }

    private static byte[] Message(byte magic, long offset, long timestamp, ReadOnlySpan<byte> value, int attributes = 0)
    {
        byte[] bytes = new byte[26 + (magic == 1 ? 8 : 0) + value.Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, offset);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), bytes.Length - 12);
        bytes[16] = magic;
        bytes[17] = (byte)attributes;
        int at = 18;
        if (magic == 1)
        {
            BinaryPrimitives.WriteInt64BigEndian(bytes.AsSpan(at), timestamp);
            at += 8;
        }
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), -1);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at + 4), value.Length);
        value.CopyTo(bytes.AsSpan(at + 8));
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(12), Crc32(bytes.AsSpan(16)));
        return bytes;
    }

    /// <summary>The checksum of these messages (IEEE 802.3), bit by bit.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) == 0 ? 0 : 0xEDB88320);
            }
        }
        return ~crc;
    }
}
