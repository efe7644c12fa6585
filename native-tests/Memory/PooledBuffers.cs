using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Memory.Tests;

public sealed unsafe class PooledBuffers
{
    private const int MiB = 1024 * 1024;

    [Theory]
    [InlineData(1, 4096)]
    [InlineData(4096, 4096)]
    [InlineData(4097, 8192)]
    [InlineData(262_144, 262_144)]
    [InlineData(262_145, 524_288)]
    [InlineData(100 * MiB, 128 * MiB)]
    public void A_buffer_has_the_next_power_of_two(int asked, int given)
    {
        using Fixture f = new(shareBytes: 256L * MiB);

        Assert.True(f.Pool.TryRent(asked, out BufferHandle handle));

        Assert.Equal(given, f.Pool.Capacity(handle));
        Assert.Equal(given, f.Pool.Span(handle).Length);
        Assert.Equal(given, BufferPool.RoundUp(asked));
        Assert.Equal(given, f.Pool.RentedBytes);
        f.Pool.Span(handle)[^1] = 1;
        f.Pool.Release(ref handle);
        Assert.True(handle.IsNone);
        Assert.Equal(0, f.Pool.RentedBytes);
    }

    [Theory]
    [InlineData(BufferChecks.None)]
    [InlineData(BufferChecks.PoisonAndGuard)]
    public void Buffers_never_overlap_through_random_rents_and_releases(BufferChecks checks)
    {
        using Fixture f = new(shareBytes: 48L * MiB, checks);
        Random random = new(20);
        List<(BufferHandle Handle, byte Mark)> rented = [];
        int refused = 0;
        for (int i = 0; i < 4000; i++)
        {
            if (rented.Count == 0 || random.Next(100) < 55)
            {
                int bytes = 1 << random.Next(8, 22);
                if (!f.Pool.TryRent(bytes, out BufferHandle handle))
                {
                    refused++;
                    continue;
                }
                byte mark = (byte)random.Next(1, 200);
                MarkEnds(f.Pool.Span(handle), mark);
                rented.Add((handle, mark));
            }
            else
            {
                int at = random.Next(rented.Count);
                (BufferHandle handle, byte mark) = rented[at];
                rented.RemoveAt(at);
                AssertEnds(f.Pool.Span(handle), mark);
                f.Pool.Release(ref handle);
            }
            if (i % 500 == 0)
            {
                f.Pool.Trim();
            }
        }
        Assert.True(refused > 0, "the share was never used up");
        Assert.Equal(rented.Count, f.Pool.RentedCount);
        foreach ((BufferHandle handle, byte mark) in rented)
        {
            BufferHandle last = handle;
            AssertEnds(f.Pool.Span(last), mark);
            f.Pool.Release(ref last);
        }
    }

    [Fact]
    public void A_shared_buffer_lives_until_its_last_release()
    {
        using Fixture f = new();
        Assert.True(f.Pool.TryRent(5000, out BufferHandle frame));
        BufferSlice slice = new(f.Pool.Retain(frame), 100, 50);
        f.Pool.Span(frame)[100] = 9;
        Assert.Equal(2, f.Pool.References(frame));

        f.Pool.Release(ref frame);

        Assert.Equal(50, f.Pool.Span(slice).Length);
        Assert.Equal(9, f.Pool.Span(slice)[0]);
        Assert.Equal(9, f.Pool.Borrow(slice.Buffer).Bytes[100]);
        BufferHandle last = slice.Buffer;
        f.Pool.Release(ref last);
        Assert.False(f.Pool.IsLive(slice.Buffer));
    }

    [Fact]
    public void A_stale_handle_stops_with_its_slot_and_generation()
    {
        using Fixture f = new();
        Assert.True(f.Pool.TryRent(4096, out BufferHandle first));
        BufferHandle stale = first;
        f.Pool.Release(ref first);
        Assert.True(f.Pool.TryRent(4096, out BufferHandle second));
        Assert.NotEqual(stale, second);

        Assert.Contains("stale buffer 0#1: the slot is at generation 2", Stops.MessageOf(() => f.Pool.Span(stale)));
        Assert.Contains("stale", Stops.MessageOf(() => f.Pool.Pointer(stale)));
        Assert.Contains("stale", Stops.MessageOf(() => f.Pool.Retain(stale)));
        Assert.Contains("stale", Stops.MessageOf(() => f.Pool.Release(ref stale)));
        Assert.Contains("stale no buffer", Stops.MessageOf(() => f.Pool.Capacity(BufferHandle.None)));
        Assert.Contains("no such slot", Stops.MessageOf(() => f.Pool.Span(new BufferHandle(-5, 1))));
        f.Pool.Release(ref second);
    }

    [Fact]
    public void A_handle_stays_stale_after_its_region_went_back_to_the_kernel()
    {
        using Fixture f = new(shareBytes: 4L * MiB);
        Assert.True(f.Pool.TryRent(2 * MiB, out BufferHandle large));
        BufferHandle stale = large;
        f.Pool.Release(ref large);
        f.Pool.Trim();
        f.Pool.Trim();
        Assert.Equal(0, f.Share.MappedBytes);
        Assert.Contains("stale", Stops.MessageOf(() => f.Pool.Span(stale)));

        Assert.True(f.Pool.TryRent(4096, out BufferHandle small));

        Assert.Equal(stale.Slot, small.Slot);
        Assert.Contains("stale", Stops.MessageOf(() => f.Pool.Span(stale)));
        f.Pool.Release(ref small);
    }

    [Fact]
    public void A_write_after_the_release_is_found_at_the_next_rent()
    {
        using Fixture f = new();
        Assert.True(f.Pool.TryRent(4096, out BufferHandle handle));
        byte* kept = f.Pool.Pointer(handle);
        f.Pool.Release(ref handle);
        Assert.Equal(BufferPool.PoisonByte, kept[0]);
        kept[77] = 1;

        string message = Stops.MessageOf(() => f.Pool.TryRent(4096, out _));

        Assert.Contains("was written at byte 77 after it was released", message);
        f.Abandon();
    }

    [Theory]
    [InlineData(4096)]
    [InlineData(1 << 20)]
    public void Bytes_before_and_behind_a_buffer_cannot_be_touched(int bytes)
    {
        using Fixture f = new();
        Assert.True(f.Pool.TryRent(bytes, out BufferHandle a));
        Assert.True(f.Pool.TryRent(bytes, out BufferHandle b));
        Assert.True(Sockets.OpenPair(out Fd sender, out Fd receiver).IsOk);

        // The kernel reads for us: where the process may not, it says EFAULT instead of ending it.
        foreach (BufferHandle handle in new[] { a, b })
        {
            byte* start = f.Pool.Pointer(handle);
            Assert.Equal(1, Sockets.Send(sender, start, 1).Value);
            Assert.Equal(1, Sockets.Send(sender, start + bytes - 1, 1).Value);
            Assert.Equal(Errno.EFAULT, Sockets.Send(sender, start - 1, 1).Error);
            Assert.Equal(Errno.EFAULT, Sockets.Send(sender, start + bytes, 1).Error);
        }
        f.Pool.Release(ref a);
        f.Pool.Release(ref b);
        Assert.True(Files.Close(sender).IsOk);
        Assert.True(Files.Close(receiver).IsOk);
    }

    [Fact]
    public void A_used_up_share_refuses_until_something_is_released()
    {
        using Fixture f = new(shareBytes: 2L * MiB, BufferChecks.None);
        BufferHandle[] all = new BufferHandle[512];
        foreach (ref BufferHandle handle in all.AsSpan())
        {
            Assert.True(f.Pool.TryRent(4096, out handle));
        }
        Assert.False(f.Pool.TryRent(4096, out BufferHandle none));
        Assert.True(none.IsNone);
        Assert.False(f.Pool.TryRent(MiB, out _));

        for (int i = 0; i < 256; i++)
        {
            f.Pool.Release(ref all[i]);
        }

        // The emptied region serves another class, carved or of its own.
        Assert.True(f.Pool.TryRent(MiB, out BufferHandle large));
        f.Pool.Release(ref large);
        Assert.True(f.Pool.TryRent(65536, out BufferHandle middle));
        f.Pool.Release(ref middle);
        for (int i = 256; i < 512; i++)
        {
            f.Pool.Release(ref all[i]);
        }
    }

    [Fact]
    public void Memory_of_a_burst_goes_back_after_two_trims_and_a_buffer_in_use_stays()
    {
        using Fixture f = new(shareBytes: 64L * MiB, BufferChecks.None);
        BufferHandle[] burst = new BufferHandle[1024];
        foreach (ref BufferHandle handle in burst.AsSpan())
        {
            Assert.True(f.Pool.TryRent(32768, out handle));
        }
        Assert.Equal(32L * MiB, f.Share.MappedBytes);
        for (int i = 1; i < burst.Length; i++)
        {
            f.Pool.Release(ref burst[i]);
        }
        f.Pool.Trim();
        Assert.Equal(32L * MiB, f.Share.MappedBytes);
        f.Pool.Trim();
        Assert.Equal(MiB, f.Share.MappedBytes);

        f.Pool.Span(burst[0])[0] = 1;
        f.Pool.Release(ref burst[0]);
    }

    [Fact]
    public void A_released_large_buffer_is_used_again_without_a_new_mapping()
    {
        using Fixture f = new(shareBytes: 64L * MiB, BufferChecks.None);
        Assert.True(f.Pool.TryRent(4 * MiB, out BufferHandle handle));
        byte* at = f.Pool.Pointer(handle);
        for (int i = 0; i < 10; i++)
        {
            f.Pool.Release(ref handle);
            f.Pool.Trim();
            Assert.True(f.Pool.TryRent(3 * MiB, out handle));
            Assert.True(at == f.Pool.Pointer(handle));
        }
        f.Pool.Release(ref handle);
    }

    [Fact]
    public void Growing_keeps_the_bytes_and_clears_the_old_ownership()
    {
        using Fixture f = new(shareBytes: 8L * MiB);
        Assert.True(f.Pool.TryRent(4096, out BufferHandle handle));
        BufferHandle old = handle;
        f.Pool.Span(handle)[4000] = 5;

        Assert.True(f.Pool.TryGrow(ref handle, 4096, 4096));
        Assert.Equal(old, handle);
        Assert.True(f.Pool.TryGrow(ref handle, 100_000, 4001));

        Assert.Equal(131_072, f.Pool.Capacity(handle));
        Assert.Equal(5, f.Pool.Span(handle)[4000]);
        Assert.False(f.Pool.IsLive(old));
        Assert.False(f.Pool.TryGrow(ref handle, 16 * MiB, 4001));
        Assert.Equal(5, f.Pool.Span(handle)[4000]);
        BufferHandle second = f.Pool.Retain(handle);
        Assert.Contains("References == 1", Stops.MessageOf(() => f.Pool.TryGrow(ref handle, 200_000, 1)));
        f.Pool.Release(ref second);
        f.Pool.Release(ref handle);
    }

    [Fact]
    public void A_leak_is_named_at_tear_down()
    {
        using Fixture f = new();
        Assert.True(f.Pool.TryRent(10_000, out BufferHandle handle));

        string message = Stops.MessageOf(f.Pool.AssertNothingLeaked);

        Assert.Contains("1 buffers (16384 bytes) were not released: 0#1 (16384 bytes, 1 owners)", message);
        f.Pool.Release(ref handle);
        f.Pool.AssertNothingLeaked();
    }

    [Fact]
    public void Another_thread_may_not_use_the_pool()
    {
        using Fixture f = new();
        string? message = null;
        Thread thread = new(() => message = Stops.MessageOf(() => f.Pool.TryRent(1, out _)));
        thread.Start();
        thread.Join();

        Assert.Contains("CurrentManagedThreadId", message);
    }

    [Fact]
    public void Warm_buffers_are_resident_and_cold_ones_are_not()
    {
        using Fixture f = new(shareBytes: 64L * MiB, BufferChecks.None);
        long before = ResidentBytes();
        Assert.True(f.Pool.TryRent(16 * MiB, out BufferHandle cold));
        long untouched = ResidentBytes();
        f.Pool.Release(ref cold);

        Assert.True(f.Pool.Warm(16 * MiB, 2));

        Assert.True(untouched - before < 8 * MiB, $"{untouched - before} bytes became resident by a rent");
        Assert.True(ResidentBytes() - untouched > 24 * MiB);
        Assert.False(f.Pool.Warm(16 * MiB, 5));
    }

    [Fact]
    public void Renting_and_releasing_allocate_nothing()
    {
        using Fixture f = new(shareBytes: 64L * MiB, BufferChecks.None);
        long allocated = -1;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                f.Pool.TryRent(1 << (i % 22), out BufferHandle handle);
                BufferHandle second = f.Pool.Retain(handle);
                f.Pool.Span(handle)[0] = 1;
                Touch(f.Pool.Borrow(second));
                f.Pool.Release(ref handle);
                f.Pool.Release(ref second);
                f.Pool.Trim();
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Assert.Equal(0, allocated);
    }

    private static void Touch(BorrowedBuffer buffer) => buffer.Bytes[^1] = 2;

    private static void MarkEnds(Span<byte> bytes, byte mark)
    {
        bytes[0] = bytes[^1] = bytes[bytes.Length / 2] = mark;
    }

    private static void AssertEnds(Span<byte> bytes, byte mark)
    {
        Assert.Equal((mark, mark, mark), (bytes[0], bytes[^1], bytes[bytes.Length / 2]));
    }

    private static long ResidentBytes() =>
        long.Parse(File.ReadAllText("/proc/self/statm").Split(' ')[1]) * Mappings.PageBytes;

    /// <summary>A pool with its arena; at the end nothing may be rented or mapped.</summary>
    private sealed class Fixture : IDisposable
    {
        private readonly Arena _arena = new(new CoreIndex(0));
        private bool _isAbandoned;

        public Fixture(long shareBytes = 16L * MiB, BufferChecks checks = BufferChecks.PoisonAndGuard)
        {
            Share = _arena.AddShare("request buffers", shareBytes);
            Pool = new BufferPool(Share, checks);
        }

        public ArenaShare Share { get; }

        public BufferPool Pool { get; }

        /// <summary>For a test that broke the pool on purpose.</summary>
        public void Abandon() => _isAbandoned = true;

        public void Dispose()
        {
            if (!_isAbandoned)
            {
                Pool.Dispose();
                _arena.Dispose();
            }
        }
    }
}
