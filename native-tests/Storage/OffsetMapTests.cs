using System.Text;
using Aot.Broker.Storage.Compaction;

namespace Aot.Broker.Storage.Tests;

public sealed class OffsetMapTests
{
    /// <summary>The first vectors of the authors' reference for 128 bits: key 00 to 0f, input of nothing and of one zero.</summary>
    [Fact]
    public void The_hash_is_SipHash_of_128_bits()
    {
        KeyHasher hasher = new(0x0706050403020100, 0x0f0e0d0c0b0a0908);
        Assert.Equal(new KeyHash(0xe6a825ba047f81a3, 0x930255c71472f66d), hasher.Hash([]));
        Assert.Equal(new KeyHash(0x44af996bd8c187da, 0x45fc229b11597634), hasher.Hash([0]));
    }

    [Fact]
    public void A_map_knows_the_newest_offsets_through_growth_up_to_its_limit()
    {
        KeyHasher hasher = new(1, 2);
        using OffsetMap map = new(100_000 * OffsetMap.SlotBytes, 0.9);
        Dictionary<int, long> expected = [];
        Random random = new(7);
        for (long offset = 0; offset < 150_000; offset++)
        {
            int key = random.Next(60_000);
            Assert.True(map.TryPut(hasher.Hash(Encoding.ASCII.GetBytes($"{key}")), offset));
            expected[key] = offset;
        }
        Assert.Equal(expected.Count, map.Count);
        foreach ((int key, long offset) in expected)
        {
            Assert.Equal(offset, map.Get(hasher.Hash(Encoding.ASCII.GetBytes($"{key}"))));
        }
        Assert.Equal(-1, map.Get(hasher.Hash("never"u8)));
        int more = 0;
        while (map.TryPut(hasher.Hash(Encoding.ASCII.GetBytes($"new {more}")), 1_000_000 + more))
        {
            more++;
        }
        Assert.Equal(map.CountMax, map.Count);
        Assert.InRange(map.Bytes, 1, 100_000 * OffsetMap.SlotBytes);
    }
}
