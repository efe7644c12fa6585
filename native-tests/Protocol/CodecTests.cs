using System.Diagnostics;
using System.IO.Compression;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Xunit.Abstractions;

namespace Aot.Broker.Protocol.Tests;

public sealed class CodecTests(ITestOutputHelper output)
{
    private const int Max = 64 << 20;

    public static TheoryData<CompressionCodec> AllCodecs =>
        new(CompressionCodec.Gzip, CompressionCodec.Snappy, CompressionCodec.Lz4, CompressionCodec.Zstd);

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Content_of_every_kind_comes_back(CompressionCodec codec)
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        Random random = new(31);
        foreach (byte[] content in Contents(random))
        {
            ReadOnlySpan<byte> packed = Pack(codec, null, content, compressed);
            Assert.Equal(CodecResult.Ok, Compression.Decompress(codec, packed, plain, Max, out int length));
            Assert.True(content.AsSpan().SequenceEqual(plain.Span[..length]));
        }
    }

    [Theory]
    [InlineData(CompressionCodec.Gzip, 1, 9)]
    [InlineData(CompressionCodec.Lz4, 1, 17)]
    [InlineData(CompressionCodec.Zstd, -5, 19)]
    public void Every_level_comes_back(CompressionCodec codec, int from, int to)
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] content = Text(new Random(32), 90_000);
        for (int level = from; level <= to; level++)
        {
            Assert.True(CompressionLevels.IsValid(codec, level));
            ReadOnlySpan<byte> packed = Pack(codec, level, content, compressed);
            Assert.True(packed.Length < content.Length);
            Assert.Equal(CodecResult.Ok, Compression.Decompress(codec, packed, plain, Max, out int length));
            Assert.True(content.AsSpan().SequenceEqual(plain.Span[..length]));
        }
        Assert.True(CompressionLevels.IsValid(codec, CompressionLevels.Default(codec)));
        Assert.False(CompressionLevels.IsValid(codec, 23));
    }

    [Fact]
    public void What_stands_before_the_start_stays()
    {
        using ScratchBuffer target = new();
        Assert.True(target.TryGrow(100));
        target.Span[..100].Fill(7);
        byte[] content = Text(new Random(33), 3_000_000); // Larger than the first allocation: the buffer moves.
        foreach (CompressionCodec codec in Enum.GetValues<CompressionCodec>())
        {
            Assert.Equal(CodecResult.Ok, Compression.Compress(codec, null, content, target, 100, out int length));
            Assert.True(length > 0);
            Assert.Equal(-1, target.Span[..100].IndexOfAnyExcept((byte)7));
        }
    }

    [Fact]
    public void An_lz4_frame_has_the_header_that_Kafkas_clients_write()
    {
        using ScratchBuffer compressed = new();
        byte[] frame = Pack(CompressionCodec.Lz4, null, Text(new Random(34), 200_000), compressed).ToArray();
        Assert.Equal(new byte[] { 0x04, 0x22, 0x4D, 0x18, 0x60, 0x40, 0x82 }, frame[..7]);
        Assert.Equal(new byte[4], frame[^4..]);
        Assert.Equal(0x82, Lz4Codec.HeaderChecksum([0x60, 0x40]));
    }

    [Fact]
    public void An_lz4_header_checksum_of_magic_0_is_mended_and_refused_elsewhere()
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] content = Text(new Random(35), 70_000);
        byte[] frame = Pack(CompressionCodec.Lz4, null, content, compressed).ToArray();
        frame[6] ^= 0x55;
        Assert.Equal(CodecResult.Corrupt, Compression.Decompress(CompressionCodec.Lz4, frame, plain, Max, out _));
        Assert.Equal(
            CodecResult.Corrupt,
            Compression.DecompressLegacy(1, CompressionCodec.Lz4, frame, plain, Max, out _)
        );
        Assert.Equal(
            CodecResult.Ok,
            Compression.DecompressLegacy(0, CompressionCodec.Lz4, frame, plain, Max, out int length)
        );
        Assert.True(content.AsSpan().SequenceEqual(plain.Span[..length]));
    }

    [Fact]
    public void Lz4_frames_with_linked_blocks_are_refused_because_Kafkas_clients_cannot_read_them()
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] frame = Pack(CompressionCodec.Lz4, null, Text(new Random(36), 1000), compressed).ToArray();
        frame[4] = 0x40;
        frame[6] = Lz4Codec.HeaderChecksum(frame.AsSpan(4, 2));
        Assert.Equal(CodecResult.Corrupt, Compression.Decompress(CompressionCodec.Lz4, frame, plain, Max, out _));
    }

    [Fact]
    public void Snappy_is_framed_as_the_Java_library_does_and_bare_blocks_are_read()
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] content = Text(new Random(37), 100_000);
        byte[] framed = Pack(CompressionCodec.Snappy, null, content, compressed).ToArray();
        Assert.Equal("82534E41505059000000000100000001", Convert.ToHexString(framed.AsSpan(0, 16)));
        int firstBlock = System.Buffers.Binary.BinaryPrimitives.ReadInt32BigEndian(framed.AsSpan(16));
        byte[] bare = framed.AsSpan(20, firstBlock).ToArray();
        Assert.Equal(CodecResult.Ok, Compression.Decompress(CompressionCodec.Snappy, bare, plain, Max, out int length));
        Assert.Equal(32 * 1024, length);
        Assert.True(content.AsSpan(0, length).SequenceEqual(plain.Span[..length]));

        // Two framed streams after each other are one content.
        byte[] twice = [.. framed, .. framed];
        Assert.Equal(CodecResult.Ok, Compression.Decompress(CompressionCodec.Snappy, twice, plain, Max, out length));
        Assert.Equal(2 * content.Length, length);
        // A compatible version that does not exist.
        framed[15] = 2;
        Assert.Equal(CodecResult.Corrupt, Compression.Decompress(CompressionCodec.Snappy, framed, plain, Max, out _));
    }

    [Fact]
    public void A_snappy_block_by_hand_is_read()
    {
        // Content of 11 bytes: literal "abc", then a copy of 8 bytes from 3 back.
        using ScratchBuffer plain = new();
        byte[] block = [11, 2 << 2, (byte)'a', (byte)'b', (byte)'c', ((8 - 4) << 2) | 1, 3];
        Assert.Equal(
            CodecResult.Ok,
            Compression.Decompress(CompressionCodec.Snappy, block, plain, Max, out int length)
        );
        Assert.Equal("abcabcabcab", System.Text.Encoding.ASCII.GetString(plain.Span[..length]));
    }

    [Fact]
    public void Gzip_agrees_with_the_runtimes_own_both_ways()
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        foreach (byte[] content in Contents(new Random(38)))
        {
            byte[] packed = Pack(CompressionCodec.Gzip, null, content, compressed).ToArray();
            using GZipStream reader = new(new MemoryStream(packed), CompressionMode.Decompress);
            MemoryStream unpacked = new();
            reader.CopyTo(unpacked);
            Assert.True(content.AsSpan().SequenceEqual(unpacked.GetBuffer().AsSpan(0, (int)unpacked.Length)));

            byte[] theirs = RuntimeGzip(content);
            if (theirs.Length == 0)
            {
                continue; // The runtime writes nothing at all for no content.
            }
            // Two members after each other, and rubbish after the last, which Java's reader passes over as well.
            byte[] members = [.. theirs, .. theirs, 1, 2, 3];
            Assert.Equal(
                CodecResult.Ok,
                Compression.Decompress(CompressionCodec.Gzip, members, plain, Max, out int length)
            );
            Assert.Equal(2 * content.Length, length);
            Assert.True(content.AsSpan().SequenceEqual(plain.Span.Slice(content.Length, content.Length)));
        }
    }

    [Theory]
    [InlineData(CompressionCodec.Lz4, "lz4", "-B4 -BI")]
    [InlineData(CompressionCodec.Zstd, "zstd", "")]
    [InlineData(CompressionCodec.Gzip, "gzip", "")]
    public async Task The_command_line_tool_agrees_both_ways(CompressionCodec codec, string tool, string arguments)
    {
        if (!Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(p => File.Exists(Path.Combine(p, tool))))
        {
            output.WriteLine($"skipped: no '{tool}' in PATH");
            return;
        }
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] content = Text(new Random(39), 1_500_000);
        byte[] ours = Pack(codec, null, content, compressed).ToArray();
        Assert.Equal(content, await Run(tool, "-d -c", ours));
        byte[] theirs = await Run(tool, $"{arguments} -c", content);
        Assert.Equal(CodecResult.Ok, Compression.Decompress(codec, theirs, plain, Max, out int length));
        Assert.True(content.AsSpan().SequenceEqual(plain.Span[..length]));
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void A_bomb_stops_at_the_limit_and_the_buffer_does_not_grow_past_it(CompressionCodec codec)
    {
        using ScratchBuffer compressed = new(bytesMax: 512 << 20);
        using ScratchBuffer plain = new(bytesMax: 8 << 20);
        byte[] content = new byte[20 << 20];
        byte[] bomb = Pack(codec, null, content, compressed).ToArray();
        Assert.Equal(CodecResult.TooLarge, Compression.Decompress(codec, bomb, plain, 1 << 20, out _));
        Assert.True(plain.Capacity <= 2 << 20);
        // The buffer's own limit holds where the caller's is higher.
        Assert.Equal(CodecResult.TooLarge, Compression.Decompress(codec, bomb, plain, int.MaxValue, out _));
        Assert.True(plain.Capacity <= 8 << 20);
        plain.Trim();
        Assert.True(plain.Capacity <= plain.BytesKept);
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Content_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(CompressionCodec codec)
    {
        using ScratchBuffer compressed = new();
        foreach (int size in new[] { 1, 1000, 65_536, 65_537, 131_072, 300_000 })
        {
            using ScratchBuffer plain = new();
            byte[] content = Text(new Random(40), size);
            byte[] packed = Pack(codec, null, content, compressed).ToArray();
            Assert.Equal(CodecResult.Ok, Compression.Decompress(codec, packed, plain, size, out int length));
            Assert.Equal(size, length);
            if (size > 1)
            {
                Assert.Equal(CodecResult.TooLarge, Compression.Decompress(codec, packed, plain, size - 1, out _));
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Input_cut_short_is_damage_at_every_length(CompressionCodec codec)
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] content = Text(new Random(41), 2_000);
        byte[] packed = Pack(codec, null, content, compressed).ToArray();
        for (int length = 0; length < packed.Length; length++)
        {
            CodecResult result = Compression.Decompress(codec, packed.AsSpan(0, length), plain, Max, out int got);
            // Snappy's framing has no end: a cut between blocks is a shorter content.
            bool betweenBlocks = codec == CompressionCodec.Snappy && length == 16;
            Assert.Equal(betweenBlocks ? CodecResult.Ok : CodecResult.Corrupt, result);
            Assert.True(result != CodecResult.Ok || got == 0);
        }
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Damaged_and_random_input_ends_in_a_result_and_the_next_input_is_read(CompressionCodec codec)
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new(bytesMax: 4 << 20);
        Random random = new(42);
        byte[] content = Text(random, 40_000);
        byte[] sound = Pack(codec, null, content, compressed).ToArray();
        for (int round = 0; round < 3000; round++)
        {
            byte[] bytes;
            if (round % 3 == 0)
            {
                bytes = new byte[random.Next(200)];
                random.NextBytes(bytes);
                int head = Math.Min(random.Next(20), bytes.Length);
                sound.AsSpan(0, head).CopyTo(bytes);
            }
            else
            {
                bytes = (byte[])sound.Clone();
                for (int i = random.Next(1, 6); i > 0; i--)
                {
                    bytes[random.Next(round % 3 == 1 ? 64 : bytes.Length)] = (byte)random.Next(256);
                }
            }
            CodecResult result = Compression.Decompress(codec, bytes, plain, 1 << 20, out int length);
            Assert.True(result == CodecResult.Ok ? length <= 1 << 20 : length <= plain.Capacity);
        }
        Assert.Equal(CodecResult.Ok, Compression.Decompress(codec, sound, plain, Max, out int last));
        Assert.True(content.AsSpan().SequenceEqual(plain.Span[..last]));
    }

    [Fact]
    public void Numbers_that_are_no_codec_are_damage()
    {
        using ScratchBuffer plain = new();
        Assert.Equal(CodecResult.Corrupt, Compression.Decompress((CompressionCodec)5, [1, 2, 3], plain, Max, out _));
        Assert.Equal(
            CodecResult.Ok,
            Compression.Decompress(CompressionCodec.None, [1, 2, 3], plain, 3, out int length)
        );
        Assert.Equal(3, length);
        Assert.Equal(CodecResult.TooLarge, Compression.Decompress(CompressionCodec.None, [1, 2, 3], plain, 2, out _));
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void After_the_first_use_nothing_managed_is_allocated(CompressionCodec codec)
    {
        using ScratchBuffer compressed = new();
        using ScratchBuffer plain = new();
        byte[] content = Text(new Random(43), 20_000);
        long total = 0;
        long before = 0;
        for (int round = 0; round < 50; round++)
        {
            // No assertion in the loop: boxing its arguments would be counted.
            total += (int)Compression.Compress(codec, null, content, compressed, 0, out int packed);
            total += (int)Compression.Decompress(codec, compressed.Span[..packed], plain, Max, out int length) + length;
            before = round == 0 ? GC.GetAllocatedBytesForCurrentThread() : before;
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(50L * content.Length, total);
    }

    internal static byte[] Text(Random random, int length)
    {
        byte[] text = new byte[length];
        int at = 0;
        while (at < length)
        {
            byte[] word = System.Text.Encoding.ASCII.GetBytes(
                $"{{\"id\":{random.Next(5000)},\"name\":\"user-{random.Next(300)}\"}}\n"
            );
            int part = Math.Min(word.Length, length - at);
            word.AsSpan(0, part).CopyTo(text.AsSpan(at));
            at += part;
        }
        return text;
    }

    private static IEnumerable<byte[]> Contents(Random random)
    {
        yield return [];
        yield return [42];
        foreach (int size in new[] { 100, 32_768, 32_769, 65_536, 200_000, 1_000_000 })
        {
            yield return Text(random, size);
            byte[] noise = new byte[size];
            random.NextBytes(noise);
            yield return noise;
            yield return new byte[size];
        }
    }

    private static ReadOnlySpan<byte> Pack(CompressionCodec codec, int? level, byte[] content, ScratchBuffer target)
    {
        CodecResult result = Compression.Compress(codec, level, content, target, 0, out int length);
        Assert.Equal(CodecResult.Ok, result);
        return target.Span[..length];
    }

    private static byte[] RuntimeGzip(byte[] content)
    {
        MemoryStream target = new();
        using (GZipStream writer = new(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            writer.Write(content);
        }
        return target.ToArray();
    }

    private static async Task<byte[]> Run(string tool, string arguments, byte[] input)
    {
        ProcessStartInfo start = new(tool, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            UseShellExecute = false,
        };
        using Process process = Process.Start(start)!;
        MemoryStream result = new();
        Task reading = process.StandardOutput.BaseStream.CopyToAsync(result);
        await process.StandardInput.BaseStream.WriteAsync(input);
        process.StandardInput.Close();
        await reading;
        await process.WaitForExitAsync();
        Assert.Equal(0, process.ExitCode);
        return result.ToArray();
    }
}
