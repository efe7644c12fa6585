using Aot.Broker.Base;

namespace Aot.Broker.Memory.Tests;

public sealed unsafe class Arenas
{
    [Fact]
    public void Capacity_is_the_sum_of_the_named_shares_and_no_share_takes_anothers()
    {
        using Arena arena = new(new CoreIndex(3));
        ArenaShare buffers = arena.AddShare("request buffers", 1 << 20);
        ArenaShare ring = arena.AddShare("receive ring", 1 << 16);

        Assert.Equal((1 << 20) + (1 << 16), arena.CapacityBytes);
        Assert.Equal("core 3: 1114112 bytes = request buffers 1048576 + receive ring 65536", arena.ToString());
        Assert.True(ring.TryMap(1 << 16, out nint at));
        Assert.False(ring.TryMap(4096, out nint none));
        Assert.Equal(0, none);
        Assert.True(buffers.TryMap(1 << 20, out nint other));
        Assert.Equal(arena.CapacityBytes, arena.MappedBytes);
        *(byte*)at = 1;

        ring.Unmap(at, 1 << 16);
        buffers.Unmap(other, 1 << 20);
        Assert.Equal(0, arena.MappedBytes);
        Assert.Contains("Holder != holder", Stops.MessageOf(() => arena.AddShare("receive ring", 1)));
    }

    [Fact]
    public void What_was_not_given_back_is_named_at_tear_down()
    {
        Arena arena = new(new CoreIndex(0));
        ArenaShare share = arena.AddShare("timers", 8192);
        Assert.True(share.TryMap(8192, out nint at));

        Assert.Contains("arena share 'timers' still holds 8192 bytes", Stops.MessageOf(arena.Dispose));

        share.Unmap(at, 8192);
        arena.Dispose();
    }

    [Fact]
    public void A_share_larger_than_the_machine_refuses_instead_of_stopping()
    {
        using Arena arena = new(new CoreIndex(0));
        ArenaShare share = arena.AddShare("too much", 1L << 60);

        Assert.False(share.TryMap(1L << 59, out _));
        Assert.Equal(0, share.MappedBytes);
    }
}
