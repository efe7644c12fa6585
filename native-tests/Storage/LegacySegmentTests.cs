using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

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

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public void Of_old_messages_the_newest_of_each_key_stays_in_its_format(byte magic)
    {
        using StorageRig first = new();
        LogConfig config = new()
        {
            CleanupPolicy = CleanupPolicies.Compact,
            SegmentBytes = 2000,
            MinCleanableDirtyRatio = 0.01,
        };
        first.Open(config);
        first.StopClean();
        // What is inside a wrapper counts from 0 with magic 1, and has its own offset with magic 0.
        long inner = magic == 1 ? 0 : 2;
        byte[] set =
        [
            .. Message(magic, inner, 100, "2"u8, key: "a"),
            .. Message(magic, inner + 1, 101, "3"u8, key: "b"),
            .. Message(magic, inner + 2, 102, "4"u8, key: "c"),
        ];
        using ScratchBuffer compressed = new();
        Assert.Equal(
            CodecResult.Ok,
            Compression.Compress(CompressionCodec.Gzip, null, set, compressed, 0, out int length)
        );
        File.WriteAllBytes(
            Path.Combine(first.PartitionPath, "00000000000000000000.log"),
            [
                .. Message(magic, 0, 98, "0"u8, key: "a"),
                .. Message(magic, 1, 99, "1"u8, key: "d"),
                .. Message(magic, 4, 102, compressed.Span[..length], (byte)CompressionCodec.Gzip),
                .. Message(magic, 5, 103, "5"u8, key: "b"),
                .. Message(magic, 6, 104, default, key: "d", isNull: true),
            ]
        );
        File.Delete(Path.Combine(first.DirectoryPath, ".kafka_cleanshutdown"));
        List<(long, string, string?)> expected = [(2, "a", "2"), (4, "c", "4"), (5, "b", "5"), (6, "d", null)];
        using (StorageRig rig = new(first.DirectoryPath))
        {
            PartitionLog log = rig.Open(config);
            for (int i = 0; i < 60; i++)
            {
                rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("filling", $"{i}")));
            }
            CompactionTests.Compact(rig);
            Assert.Equal(1, rig.Directories.Cleaners.Statistics.Passes);
            Assert.Equal(expected, OldMessages(log));
            Assert.Equal(ErrorCode.None, log.Read(3, 1 << 20, ReadIsolation.LogEnd, true, out LogSlice slice));
            Assert.InRange(slice.FirstOffset, 2, 4);
            slice.Lease.Release();
            rig.Kill();
        }
        using StorageRig again = new(first.DirectoryPath);
        PartitionLog recovered = again.Open(config);
        Assert.Equal((67L, 0L), (recovered.LogEndOffset, again.Directories.Progress.TruncatedBytes));
        Assert.Equal(expected, OldMessages(recovered));
    }

    /// <summary>The messages of magic 0 and 1 at the beginning of the first segment, those in wrappers too.</summary>
    private static List<(long Offset, string Key, string? Value)> OldMessages(PartitionLog log)
    {
        byte[] bytes = File.ReadAllBytes(log.Segments[0].PathOf(".log"));
        List<(long, string, string?)> found = [];
        using ScratchBuffer plain = new();
        for (int at = 0; at < bytes.Length && bytes[at + 16] < 2; )
        {
            Assert.True(LegacyMessageView.TryRead(bytes.AsSpan(at), out LegacyMessageView message));
            Assert.True(message.HasValidCrc);
            LegacyMessageEnumerator messages = new(bytes.AsSpan(at, message.TotalSize));
            if (message.Codec != CompressionCodec.None)
            {
                CodecResult result = Compression.DecompressLegacy(
                    message.Magic,
                    message.Codec,
                    message.Value.Span,
                    plain,
                    1 << 20,
                    out int length
                );
                Assert.Equal(CodecResult.Ok, result);
                messages = new LegacyMessageEnumerator(plain.Span[..length], message);
            }
            while (messages.MoveNext())
            {
                NullableBytes value = messages.Current.Value;
                string? text = value.IsNull ? null : Encoding.UTF8.GetString(value.Span);
                found.Add((messages.Offset, Encoding.UTF8.GetString(messages.Current.Key.Span), text));
            }
            at += message.TotalSize;
        }
        return found;
    }

    private static (long Offset, long Timestamp) Find(PartitionLog log, long timestamp)
    {
        TimestampOffset found = log.OffsetForTimestamp(timestamp);
        Assert.Equal(ErrorCode.None, found.Error);
        return (found.Offset, found.Timestamp);
    }

    private static byte[] Message(
        byte magic,
        long offset,
        long timestamp,
        ReadOnlySpan<byte> value,
        int attributes = 0,
        string? key = null,
        bool isNull = false
    )
    {
        byte[] keyBytes = Encoding.UTF8.GetBytes(key ?? "");
        byte[] bytes = new byte[26 + (magic == 1 ? 8 : 0) + keyBytes.Length + value.Length];
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
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at), key is null ? -1 : keyBytes.Length);
        keyBytes.CopyTo(bytes, at + 4);
        at += keyBytes.Length;
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(at + 4), isNull ? -1 : value.Length);
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
