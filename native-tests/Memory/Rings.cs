using System.Runtime.CompilerServices;

namespace Aot.Broker.Memory.Tests;

public sealed class Rings
{
    private const int Capacity = 16;

    [Fact]
    public void The_single_producer_ring_is_sound_between_two_cpus()
    {
        RingLitmus litmus = new(() => new Spsc(Capacity), Capacity, producerCount: 1);

        Assert.True(litmus.Run() == LitmusVerdict.Sound, litmus.Explanation);
    }

    [Fact]
    public void The_single_producer_ring_is_sound_when_it_is_drained_in_batches()
    {
        RingLitmus litmus = new(() => new SpscDrained(Capacity), 2 * Capacity, producerCount: 1);

        Assert.True(litmus.Run() == LitmusVerdict.Sound, litmus.Explanation);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public void The_many_producer_ring_is_sound(int producers)
    {
        RingLitmus litmus = new(() => new Mpsc(Capacity), Capacity, producers);

        Assert.True(litmus.Run() == LitmusVerdict.Sound, litmus.Explanation);
    }

    [Theory]
    [InlineData(nameof(PublishBeforeFill))]
    [InlineData(nameof(NoFullCheck))]
    [InlineData(nameof(FreeBeforeRead))]
    public void A_broken_single_producer_ring_is_found_out(string mistake)
    {
        RingLitmus litmus = new(
            () =>
                mistake switch
                {
                    nameof(PublishBeforeFill) => new PublishBeforeFill(Capacity),
                    nameof(NoFullCheck) => new NoFullCheck(Capacity),
                    _ => new FreeBeforeRead(Capacity),
                },
            Capacity,
            producerCount: 1
        );

        Assert.True(litmus.Run() == LitmusVerdict.Broken, litmus.Explanation);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_broken_many_producer_ring_is_found_out(bool claimsWithoutExchange)
    {
        RingLitmus litmus = new(
            () =>
                claimsWithoutExchange
                    ? MpscTwin.ClaimingWithoutExchange(Capacity)
                    : MpscTwin.PublishingBeforeFill(Capacity),
            Capacity,
            producerCount: 2
        );

        Assert.True(litmus.Run() == LitmusVerdict.Broken, litmus.Explanation);
    }

    [Fact]
    public void Threads_that_never_met_prove_nothing()
    {
        // Room for every message of every round: the ring is never seen full.
        RingLitmus litmus = new(() => new Spsc(1 << 18), 1 << 18, producerCount: 1, roundsMax: 6);

        Assert.True(litmus.Run() == LitmusVerdict.Inconclusive, litmus.Explanation);
    }

    [Fact]
    public void A_single_producer_ring_refuses_when_full_and_keeps_nothing_alive()
    {
        SpscRing<LitmusMessage> ring = new(4);
        FillWithPayloads(ring);
        Assert.False(ring.TryEnqueue(default));
        Assert.False(ring.IsEmpty);
        Assert.Equal(4, ring.CountEstimate);

        LitmusMessage[] target = new LitmusMessage[3];
        Assert.Equal(3, ring.Drain(target));
        Assert.Equal([0, 1, 2], target.Select(m => m.Number));
        WeakReference dropped = DequeuePayload(ring);
        Array.Clear(target);
        Assert.True(ring.IsEmpty);
        Assert.Equal(0, ring.Drain(target));
        Assert.False(ring.TryDequeue(out _));
        GC.Collect();
        Assert.False(dropped.IsAlive);
    }

    [Fact]
    public void A_many_producer_ring_refuses_when_full_and_goes_round()
    {
        MpscRing<LitmusMessage> ring = new(4);
        for (int lap = 0; lap < 10; lap++)
        {
            Assert.True(ring.IsEmpty);
            for (int i = 0; i < 4; i++)
            {
                Assert.True(ring.TryEnqueue(new LitmusMessage { Number = i }));
            }
            Assert.False(ring.TryEnqueue(default));
            for (int i = 0; i < 4; i++)
            {
                Assert.False(ring.IsEmpty);
                Assert.True(ring.TryDequeue(out LitmusMessage message));
                Assert.Equal(i, message.Number);
            }
            Assert.False(ring.TryDequeue(out _));
        }
    }

    [Fact]
    public void A_capacity_that_is_no_power_of_two_stops()
    {
        Assert.Contains("IsPow2", Stops.MessageOf(() => new SpscRing<LitmusMessage>(12)));
        Assert.Contains("IsPow2", Stops.MessageOf(() => new MpscRing<LitmusMessage>(12)));
    }

    [Fact]
    public void Passing_messages_allocates_nothing()
    {
        SpscRing<LitmusMessage> spsc = new(64);
        MpscRing<LitmusMessage> mpsc = new(64);
        LitmusMessage[] target = new LitmusMessage[64];
        long allocated = -1;
        for (int round = 0; round < 3; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < 1000; i++)
            {
                spsc.TryEnqueue(default);
                spsc.TryEnqueue(default);
                spsc.TryDequeue(out _);
                spsc.Drain(target);
                mpsc.TryEnqueue(default);
                mpsc.TryDequeue(out _);
            }
            allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        }
        Assert.Equal(0, allocated);
    }

    // Of its own, so that no temporary of the test's frame keeps a payload alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void FillWithPayloads(SpscRing<LitmusMessage> ring)
    {
        for (int i = 0; i < ring.Capacity; i++)
        {
            Assert.True(ring.TryEnqueue(new LitmusMessage { Number = i, Payload = new LitmusPayload() }));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static WeakReference DequeuePayload(SpscRing<LitmusMessage> ring)
    {
        Assert.True(ring.TryDequeue(out LitmusMessage message));
        return new WeakReference(message.Payload);
    }

    private sealed class Spsc(int capacity) : IRingUnderTest
    {
        private readonly SpscRing<LitmusMessage> _ring = new(capacity);

        public bool TryEnqueue(in LitmusMessage message) => _ring.TryEnqueue(message);

        public bool TryDequeue(out LitmusMessage message) => _ring.TryDequeue(out message);
    }

    /// <summary>Takes batches as a core's loop does, and hands them out one by one.</summary>
    private sealed class SpscDrained(int capacity) : IRingUnderTest
    {
        private readonly SpscRing<LitmusMessage> _ring = new(capacity);
        private readonly LitmusMessage[] _batch = new LitmusMessage[7];
        private int _next;
        private int _count;

        public bool TryEnqueue(in LitmusMessage message) => _ring.TryEnqueue(message);

        public bool TryDequeue(out LitmusMessage message)
        {
            if (_next == _count)
            {
                _next = 0;
                _count = _ring.Drain(_batch);
                if (_count == 0)
                {
                    message = default;
                    return false;
                }
            }
            message = _batch[_next++];
            return true;
        }
    }

    private sealed class Mpsc(int capacity) : IRingUnderTest
    {
        private readonly MpscRing<LitmusMessage> _ring = new(capacity);

        public bool TryEnqueue(in LitmusMessage message) => _ring.TryEnqueue(message);

        public bool TryDequeue(out LitmusMessage message) => _ring.TryDequeue(out message);
    }
}
