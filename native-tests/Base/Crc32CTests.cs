using System.Runtime.Intrinsics.X86;
using System.Text;

namespace Aot.Broker.Base.Tests;

public sealed class Crc32CTests
{
    [Theory]
    [InlineData("", 0u)]
    [InlineData("a", 0xC1D04330u)]
    [InlineData("123456789", 0xE3069283u)]
    [InlineData("The quick brown fox jumps over the lazy dog", 0x22620404u)]
    public void Known_texts_have_their_published_checksums(string text, uint expected)
    {
        byte[] bytes = Encoding.ASCII.GetBytes(text);
        Assert.Equal(expected, Crc32C.ComputeByTable(bytes));
        Assert.Equal(expected, Crc32C.Compute(bytes));
    }

    [Fact]
    public void The_vectors_of_RFC_3720_hold()
    {
        byte[] bytes = new byte[32];
        Assert.Equal(0x8A9136AAu, Crc32C.Compute(bytes));
        Array.Fill(bytes, (byte)0xFF);
        Assert.Equal(0x62A8AB43u, Crc32C.Compute(bytes));
        for (int i = 0; i < 32; i++)
        {
            bytes[i] = (byte)i;
        }
        Assert.Equal(0x46DD794Eu, Crc32C.Compute(bytes));
        Array.Reverse(bytes);
        Assert.Equal(0x113FDB5Cu, Crc32C.Compute(bytes));
    }

    [Fact]
    public void Every_length_at_every_alignment_equals_the_table()
    {
        byte[] bytes = RandomBytes(2048 + 64, seed: 1);
        for (int start = 0; start < 64; start++)
        {
            // The table runs once over the longest piece; each shorter length is a prefix of it.
            uint byTable = 0;
            for (int length = 0; length <= 2048; length++)
            {
                Assert.Equal(byTable, Crc32C.Compute(bytes.AsSpan(start, length)));
                byTable = Crc32C.AppendByTable(byTable, bytes.AsSpan(start + length, 1));
            }
        }
    }

    [Fact]
    public void Big_inputs_equal_the_table_whole_and_in_pieces()
    {
        Random random = new(2);
        byte[] bytes = RandomBytes(3 << 20, seed: 3);
        for (int round = 0; round < 60; round++)
        {
            int start = random.Next(64);
            int length = random.Next(round < 30 ? 70_000 : bytes.Length - 64);
            int cut = random.Next(length + 1);
            ReadOnlySpan<byte> data = bytes.AsSpan(start, length);
            uint expected = Crc32C.ComputeByTable(data);
            uint first = Crc32C.Compute(data[..cut]);
            Assert.Equal(expected, Crc32C.Compute(data));
            Assert.Equal(expected, Crc32C.Append(first, data[cut..]));
            Assert.Equal(expected, Crc32C.Combine(first, Crc32C.Compute(data[cut..]), length - cut));
        }
    }

    [Fact]
    public void Each_form_for_x64_equals_the_table_by_itself()
    {
        if (!Sse42.X64.IsSupported || !Pclmulqdq.IsSupported)
        {
            return; // The processor has only the form that the other tests compare.
        }
        byte[] bytes = RandomBytes((2 * Crc32CFolding.FusedBlockBytes) + (2 * Crc32CStreams.BlockBytes) + 77, seed: 4);
        for (int cut = 0; cut < 200; cut += 7)
        {
            ReadOnlySpan<byte> data = bytes.AsSpan(cut);
            uint expected = Crc32C.ComputeByTable(data);

            ReadOnlySpan<byte> rest = data;
            uint state = Crc32CStreams.Append<Crc32CStreams.Sse>(uint.MaxValue, ref rest);
            Assert.True(rest.Length < Crc32CStreams.BlockBytes);
            Assert.Equal(expected, ~Crc32CStreams.AppendWords<Crc32CStreams.Sse>(state, rest));

            Assert.Equal(expected, ~Crc32CStreams.AppendWords<Crc32CStreams.Sse>(uint.MaxValue, data));

            rest = data;
            state = Crc32CFolding.AppendNarrow(uint.MaxValue, ref rest);
            Assert.True(rest.Length < 64);
            Assert.Equal(expected, ~Crc32CStreams.AppendWords<Crc32CStreams.Sse>(state, rest));
        }
    }

    [Fact]
    public void The_powers_are_what_their_names_say()
    {
        uint power = 1u << 23; // x^8
        for (int i = 0; i < Crc32C.Powers.Length; i++)
        {
            Assert.Equal(power, Crc32C.Powers[i]);
            uint lifted = Crc32C.PowersLess33[i];
            for (int bit = 0; bit < 33; bit++)
            {
                lifted = Crc32CTable.Multiply(lifted, 1u << 30);
            }
            Assert.Equal(power, lifted);
            power = Crc32CTable.Multiply(power, power);
        }
    }

    [Fact]
    public void A_patched_checksum_is_that_of_the_changed_bytes()
    {
        Random random = new(5);
        for (int round = 0; round < 200; round++)
        {
            byte[] before = RandomBytes(random.Next(1, 20_000), seed: round);
            byte[] after = (byte[])before.Clone();
            int start = random.Next(before.Length);
            int length = Math.Min(random.Next(1, 40), before.Length - start);
            byte[] difference = new byte[length];
            random.NextBytes(difference);
            for (int i = 0; i < length; i++)
            {
                after[start + i] ^= difference[i];
            }
            uint patched = Crc32C.Patch(Crc32C.Compute(before), difference, before.Length - start - length);
            Assert.Equal(Crc32C.Compute(after), patched);
        }
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        byte[] bytes = RandomBytes(100_000, seed: 6);
        uint crc = Crc32C.Patch(Crc32C.Compute(bytes), bytes.AsSpan(0, 22), 1000);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            crc ^= Crc32C.Append(crc, bytes.AsSpan(i));
            crc ^= Crc32C.Patch(crc, bytes.AsSpan(0, 22), i * 1000);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.NotEqual(0u, crc);
    }

    private static byte[] RandomBytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
