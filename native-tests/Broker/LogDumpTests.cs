using System.Text;
using System.Text.Json;
using Aot.Broker.CommandLine;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Dump;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Tests;

/// <summary>What <c>log dump</c> says of files that are made here byte by byte.</summary>
public sealed class LogDumpTests : IDisposable
{
    private const long Time = 1_700_000_000_000;
    private static readonly DumpOptions s_nothing = new(false, false, false, false, null);

    private readonly string _root = Directory.CreateTempSubdirectory("log-dump-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Theory]
    [InlineData(CompressionCodec.None)]
    [InlineData(CompressionCodec.Gzip)]
    [InlineData(CompressionCodec.Snappy)]
    [InlineData(CompressionCodec.Lz4)]
    [InlineData(CompressionCodec.Zstd)]
    public void Records_of_every_codec_are_shown_with_all_that_they_have(CompressionCodec codec)
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                BaseOffset = 7,
                Codec = codec,
                ProducerId = 5,
                ProducerEpoch = 1,
                BaseSequence = 40,
                PartitionLeaderEpoch = 3,
            }
        );
        builder.Append(Time, "a key"u8, "a value"u8, [new RecordHeader("h", [0xff]), new RecordHeader("i", null)]);
        builder.Append(Time + 5, NullableBytes.Null, new byte[] { 1, 0xfe });
        string log = Write("orders-0/00000000000000000007.log", builder.ToArray());

        JsonElement[] lines = Json(s_nothing with { Records = true, Verify = true }, ExitCode.Clean, log);
        JsonElement batch = Assert.Single(lines, line => Kind(line) == "batch");
        Assert.Equal((7, 8, 2), (Number(batch, "baseOffset"), Number(batch, "lastOffset"), Number(batch, "count")));
        Assert.Equal(codec.ToString().ToLowerInvariant(), batch.GetProperty("compression").GetString());
        Assert.Equal((41, Time + 5), (Number(batch, "lastSequence"), Number(batch, "maxTimestamp")));
        Assert.True(batch.GetProperty("isValid").GetBoolean());
        JsonElement[] records = [.. lines.Where(line => Kind(line) == "record")];
        Assert.Equal(
            (7, Time, 40),
            (Number(records[0], "offset"), Number(records[0], "timestamp"), Number(records[0], "sequence"))
        );
        Assert.Equal("a key", records[0].GetProperty("key").GetString());
        Assert.Equal(
            """[{"key":"h","valueBase64":"/w=="},{"key":"i","value":null}]""",
            records[0].GetProperty("headers").GetRawText()
        );
        Assert.Equal(
            (JsonValueKind.Null, -1),
            (records[1].GetProperty("key").ValueKind, Number(records[1], "keySize"))
        );
        Assert.Equal("Af4=", records[1].GetProperty("valueBase64").GetString());

        string text = Text(s_nothing with { Records = true }, ExitCode.Clean, log);
        Assert.Contains("baseOffset: 7 lastOffset: 8 count: 2 baseSequence: 40 lastSequence: 41 producerId: 5", text);
        Assert.Contains("| offset: 7 CreateTime: 1700000000000 keySize: 5 valueSize: 7 sequence: 40 headers: [", text);
        Assert.Contains("key: a key value: a value", text);
    }

    [Fact]
    public void A_terminal_is_not_steered_by_values()
    {
        RecordBatchBuilder builder = new();
        builder.Append(Time, NullableBytes.Null, Encoding.UTF8.GetBytes("red \u001b[31m\n"));
        string log = Write("orders-0/00000000000000000000.log", builder.ToArray());
        Assert.Contains(
            "value: red \\u001b[31m\\u000a\n",
            Text(s_nothing with { Records = true }, ExitCode.Clean, log)
        );
    }

    [Fact]
    public void A_torn_tail_is_shown_with_its_place_after_all_that_is_whole()
    {
        byte[] first = Batch(0, 3);
        byte[] second = Batch(3, 3);
        string log = Write("orders-0/00000000000000000000.log", [.. first, .. second.AsSpan(0, second.Length - 1)]);

        JsonElement[] lines = Json(s_nothing, ExitCode.Clean, log);
        Assert.Single(lines, line => Kind(line) == "batch");
        JsonElement end = lines[^1];
        Assert.Equal(("break", first.Length), (Kind(end), Number(end, "position")));
        Assert.StartsWith("torn tail", end.GetProperty("cause").GetString());

        JsonElement found = Assert.Single(
            Json(s_nothing with { Verify = true, Quiet = true }, ExitCode.Fatal, log),
            line => Kind(line) == "finding"
        );
        Assert.Equal(first.Length, Number(found, "position"));
    }

    [Fact]
    public void Reserved_space_is_no_damage()
    {
        string log = Write("orders-0/00000000000000000000.log", [.. Batch(0, 3), .. new byte[100_000]]);
        JsonElement[] lines = Json(s_nothing with { Verify = true }, ExitCode.Clean, log);
        Assert.Single(lines, line => Kind(line) == "reserved");
    }

    [Fact]
    public void Every_flipped_byte_behind_the_length_is_found()
    {
        byte[] batch = Batch(0, 2);
        // The epoch is the one field that neither the checksum nor the reader's own rules cover.
        for (int at = RecordBatchHeader.MagicAt; at < batch.Length; at++)
        {
            byte[] damaged = [.. batch];
            damaged[at] ^= 0x11;
            string log = Write("orders-0/00000000000000000000.log", damaged);
            JsonElement[] lines = Json(s_nothing with { Verify = true, Quiet = true }, ExitCode.Fatal, log);
            Assert.Contains(lines, line => Kind(line) == "finding");
        }
    }

    [Fact]
    public void Offsets_that_do_not_ascend_are_found_also_between_segments()
    {
        Write("orders-0/00000000000000000000.log", [.. Batch(0, 3), .. Batch(2, 3)]);
        Write("orders-0/00000000000000000004.log", Batch(4, 1));
        string text = Text(
            s_nothing with
            {
                Verify = true,
                Quiet = true,
            },
            ExitCode.Fatal,
            Path.Combine(_root, "orders-0")
        );
        Assert.Contains("offset 2 after offset 2", text);
        Assert.Contains("the segment before goes to offset 4, into this one", text);
        Assert.Contains("offset 4 after offset 4", text);
        Assert.Contains("findings: 3", text);
    }

    [Fact]
    public void Old_formats_are_shown_with_their_inner_messages()
    {
        byte[] inner = [.. Legacy(0, 1, 0, "a"), .. Legacy(1, 1, 0, "b")];
        using Memory.ScratchBuffer packed = new();
        Compression.Compress(CompressionCodec.Gzip, null, inner, packed, 0, out int length);
        byte[] wrapper = Legacy(5, 1, (byte)CompressionCodec.Gzip, packed.Span[..length]);
        string log = Write("orders-0/00000000000000000003.log", [.. Legacy(3, 0, 0, "z"), .. wrapper]);

        JsonElement[] lines = Json(s_nothing with { Records = true, Verify = true }, ExitCode.Clean, log);
        Assert.Equal([0, 1], lines.Where(line => Kind(line) == "batch").Select(line => Number(line, "magic")));
        Assert.Equal(
            [(3, "z"), (4, "a"), (5, "b")],
            lines
                .Where(line => Kind(line) == "record")
                .Select(line => ((int)Number(line, "offset"), line.GetProperty("value").GetString()!))
        );
        wrapper[^1] ^= 1;
        Write("orders-0/00000000000000000003.log", wrapper);
        Assert.Contains("checksum", Text(s_nothing with { Verify = true }, ExitCode.Fatal, log));
    }

    [Fact]
    public void Internal_topics_are_decoded_by_the_directorys_name_or_by_choice()
    {
        RecordBatchBuilder builder = new();
        byte[] key = GroupRecords.OffsetKey("readers", new TopicPartition("orders", 3));
        builder.Append(Time, key, NullableBytes.Null);
        builder.Append(Time, new byte[] { 0x7f, 0x7f, 1 }, "of a later version"u8);
        byte[] bytes = builder.ToArray();
        string log = Write("__consumer_offsets-9/00000000000000000000.log", bytes);
        string moved = Write("backup/00000000000000000000.log", bytes);

        string expected =
            """{"type":1,"name":"OffsetCommit","data":{"group":"readers","topic":"orders","partition":3}}""";
        DumpOptions records = s_nothing with { Records = true };
        JsonElement[] lines = [.. Json(records, ExitCode.Clean, log).Where(line => Kind(line) == "record")];
        Assert.Equal(expected, lines[0].GetProperty("key").GetRawText());
        Assert.Equal(JsonValueKind.Null, lines[0].GetProperty("value").ValueKind);
        Assert.Equal("of a later version", lines[1].GetProperty("value").GetString());
        Assert.DoesNotContain(expected, Text(records, ExitCode.Clean, moved));
        Assert.Contains(expected, Text(records with { Decoder = RecordKind.Offsets }, ExitCode.Clean, moved));
    }

    [Fact]
    public void Checkpoints_and_properties_are_shown_and_their_damage_is_found()
    {
        string epochs = Write("orders-0/leader-epoch-checkpoint", "0\n2\n0 0\n3 17\n"u8);
        Assert.Contains("epoch: 3 startOffset: 17", Text(s_nothing with { Verify = true }, ExitCode.Clean, epochs));
        Write("orders-0/leader-epoch-checkpoint", "0\n2\n3 17\n0 18\n"u8);
        Assert.Contains(
            "epoch 0 from offset 18 after epoch 3",
            Text(s_nothing with { Verify = true }, ExitCode.Fatal, epochs)
        );

        string offsets = Write("replication-offset-checkpoint", "0\n1\nfoo 0 12\n"u8);
        Assert.Contains("topic: foo partition: 0 offset: 12", Text(s_nothing, ExitCode.Clean, offsets));
        Write("replication-offset-checkpoint", "0\n2\nfoo 0 12\n"u8);
        Assert.Contains("wrong count", Text(s_nothing with { Verify = true }, ExitCode.Fatal, offsets));

        string meta = Write("meta.properties", "#\n#now\nversion=1\ncluster.id=abc\nnode.id=4\n"u8);
        JsonElement properties = Json(s_nothing, ExitCode.Clean, meta)[^1];
        Assert.Equal("abc", properties.GetProperty("cluster.id").GetString());
    }

    [Fact]
    public void A_producer_snapshot_is_shown_and_checked()
    {
        byte[] snapshot = Convert.FromHexString(
            "0001ae515594000000010000000000000064"
                + "00030000000c000000000000002d0000000300000000000003e70000000b0000000000000028"
        );
        string path = Write("orders-0/00000000000000000046.snapshot", snapshot);
        Assert.Contains(
            "producerId: 100 epoch: 3 lastSequence: 12 lastOffset: 45 offsetDelta: 3 timestamp: 999 coordinatorEpoch: 11",
            Text(s_nothing with { Verify = true }, ExitCode.Clean, path)
        );
        snapshot[30] ^= 1;
        Write("orders-0/00000000000000000046.snapshot", snapshot);
        Assert.Contains("checksum", Text(s_nothing with { Verify = true }, ExitCode.Fatal, path));
        Write("orders-0/00000000000000000046.snapshot", snapshot.AsSpan(0, 40));
        Assert.Contains("cut short", Text(s_nothing with { Verify = true }, ExitCode.Fatal, path));
    }

    [Fact]
    public void A_data_directory_is_a_line_per_partition()
    {
        Write("data/orders-0/00000000000000000000.log", Batch(0, 3));
        Write("data/orders-0/00000000000000000003.log", [.. Batch(3, 2), .. Batch(5, 2)]);
        Write("data/orders-0/partition.metadata", "version: 0\ntopic_id: nhUpLgL4ntL5PRnUE4UYgA"u8);
        Write("data/orders-1.00000000000000000000000000000000-stray/00000000000000000009.log", []);
        JsonElement[] lines = Json(s_nothing with { Verify = true }, ExitCode.Clean, Path.Combine(_root, "data"));
        JsonElement[] partitions = [.. lines.Where(line => Kind(line) == "partition")];
        Assert.Equal(2, partitions.Length);
        Assert.Equal("nhUpLgL4ntL5PRnUE4UYgA", partitions[0].GetProperty("topicId").GetString());
        Assert.Equal(
            (2, 0, 7),
            (
                Number(partitions[0], "segments"),
                Number(partitions[0], "firstOffset"),
                Number(partitions[0], "endOffset")
            )
        );
        Assert.Equal(9, Number(partitions[1], "endOffset"));
        Assert.Equal(3, Number(lines[^1], "batches"));
    }

    [Fact]
    public void What_is_not_there_or_no_log_is_told_apart()
    {
        using LogDump dump = new(new LinuxDisk(), s_nothing, new DumpWriter(Stream.Null, false));
        UnreadableException missing = Assert.Throws<UnreadableException>(() =>
            dump.Run([Path.Combine(_root, "00000000000000000000.log")])
        );
        Assert.Equal(ExitCode.DataDirectory, missing.ExitCode);
        Assert.Throws<UsageException>(() => dump.Run([Write("notes.txt", "hello"u8)]));
    }

    private string Write(string name, ReadOnlySpan<byte> bytes)
    {
        string path = Path.Combine(_root, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    private static byte[] Batch(long baseOffset, int count)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { BaseOffset = baseOffset, PartitionLeaderEpoch = 0 });
        for (int i = 0; i < count; i++)
        {
            builder.Append(Time + i, "key"u8, "value"u8);
        }
        return builder.ToArray();
    }

    private static byte[] Legacy(long offset, byte magic, byte attributes, string value) =>
        Legacy(offset, magic, attributes, Encoding.UTF8.GetBytes(value));

    private static byte[] Legacy(long offset, byte magic, byte attributes, ReadOnlySpan<byte> value)
    {
        List<byte> body = [magic, attributes];
        if (magic == 1)
        {
            body.AddRange(Number64(Time));
        }
        body.AddRange([0xff, 0xff, 0xff, 0xff, .. Number32((uint)value.Length), .. value]);
        byte[] bytes = [.. body];
        return [.. Number64(offset), .. Number32((uint)bytes.Length + 4), .. Number32(Crc32(bytes)), .. bytes];
    }

    /// <summary>IEEE's, bit by bit: not the product's own.</summary>
    private static uint Crc32(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte b in bytes)
        {
            crc ^= b;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ (0xEDB88320 & (0 - (crc & 1)));
            }
        }
        return ~crc;
    }

    private static byte[] Number32(uint value) =>
        [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    private static byte[] Number64(long value) => [.. Number32((uint)(value >> 32)), .. Number32((uint)value)];

    private static string Text(DumpOptions options, ExitCode expected, string path) =>
        Run(options, false, expected, path);

    private static JsonElement[] Json(DumpOptions options, ExitCode expected, string path) =>
        [
            .. Run(options, true, expected, path)
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => JsonDocument.Parse(line).RootElement),
        ];

    private static string Run(DumpOptions options, bool isJson, ExitCode expected, string path)
    {
        using MemoryStream output = new();
        using (DumpWriter writer = new(output, isJson))
        using (LogDump dump = new(new LinuxDisk(), options, writer))
        {
            Assert.Equal(expected, dump.Run([path]));
        }
        return Encoding.UTF8.GetString(output.ToArray());
    }

    private static string Kind(JsonElement line) => line.GetProperty("kind").GetString()!;

    private static long Number(JsonElement line, string name) => line.GetProperty(name).GetInt64();
}
