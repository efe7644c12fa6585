namespace Aot.Broker.Reactor.Tests;

public sealed class TimerWheelTests
{
    private sealed class Recorder : ITimerTarget
    {
        public readonly List<long> Fired = [];
        public Action<long>? Then;

        public void OnTimer(long token)
        {
            Fired.Add(token);
            Then?.Invoke(token);
        }
    }

    /// <summary>Runs random schedules, cancels and advances against a sorted list that is right by being simple.</summary>
    [Theory]
    [InlineData(1, 300L)]
    [InlineData(2, 70_000L)]
    [InlineData(3, 20_000_000L)]
    [InlineData(4, 6_000_000_000L)]
    [InlineData(5, 200_000_000_000L)]
    public void Fires_what_a_sorted_model_fires_in_the_same_order(int seed, long farthestMillis)
    {
        Random random = new(seed);
        long now = random.NextInt64(0, 1L << 33);
        TimerWheel wheel = new(now, 4);
        Recorder recorder = new();
        List<(long Deadline, long Token, TimerHandle Handle)> model = [];
        long token = 0;
        for (int step = 0; step < 20_000; step++)
        {
            int action = random.Next(10);
            if (action < 5)
            {
                long reach = (long)(farthestMillis * Math.Pow(random.NextDouble(), 6)) + 1;
                long deadline = now + random.NextInt64(1, reach + 1);
                model.Add((deadline, token, wheel.Schedule(deadline, recorder, token)));
                token++;
            }
            else if (action < 7 && model.Count > 0)
            {
                int at = random.Next(model.Count);
                Assert.True(wheel.Cancel(model[at].Handle));
                Assert.False(wheel.Cancel(model[at].Handle));
                model.RemoveAt(at);
            }
            else
            {
                long? next = wheel.NextDeadlineMillis;
                Assert.Equal(model.Count == 0, next is null);
                if (next is not null)
                {
                    Assert.InRange(next.Value, now + 1, model.Min(entry => entry.Deadline));
                }
                now =
                    random.Next(4) == 0 && next is not null
                        ? next.Value
                        : now + random.NextInt64(1, farthestMillis / 50 + 2);
                wheel.Advance(now);
                long[] expected =
                [
                    .. model
                        .Where(e => e.Deadline <= now)
                        .OrderBy(e => e.Deadline)
                        .ThenBy(e => e.Token)
                        .Select(e => e.Token),
                ];
                Assert.Equal(expected, recorder.Fired);
                model.RemoveAll(e => e.Deadline <= now);
                recorder.Fired.Clear();
            }
            Assert.Equal(model.Count, wheel.Count);
        }
    }

    [Fact]
    public void The_worked_example_of_the_head_comment_holds()
    {
        TimerWheel wheel = new(0x1FE);
        Recorder recorder = new();
        wheel.Schedule(0x1FF, recorder, 1);
        wheel.Schedule(0x203, recorder, 2);
        wheel.Schedule(0x10000, recorder, 3);
        Assert.Equal(0x1FF, wheel.NextDeadlineMillis);
        wheel.Advance(0x1FF);
        Assert.Equal([1], recorder.Fired);
        Assert.Equal(0x200, wheel.NextDeadlineMillis);
        wheel.Advance(0x200);
        Assert.Equal(0x203, wheel.NextDeadlineMillis);
        wheel.Advance(0x202);
        Assert.Equal([1], recorder.Fired);
        wheel.Advance(0x203);
        Assert.Equal([1, 2], recorder.Fired);
        Assert.Equal(0x10000, wheel.NextDeadlineMillis);
        wheel.Advance(0x10000);
        Assert.Equal([1, 2, 3], recorder.Fired);
        Assert.Null(wheel.NextDeadlineMillis);
    }

    [Fact]
    public void A_deadline_that_has_passed_fires_in_the_next_advance_and_not_before()
    {
        TimerWheel wheel = new(1000);
        Recorder recorder = new();
        wheel.Schedule(1000, recorder, 1);
        wheel.Schedule(5, recorder, 2);
        Assert.Empty(recorder.Fired);
        Assert.Equal(1000, wheel.NextDeadlineMillis);
        wheel.Advance(1000);
        Assert.Equal([1, 2], recorder.Fired);
        Assert.Null(wheel.NextDeadlineMillis);
    }

    [Fact]
    public void A_callback_that_schedules_for_now_does_not_keep_the_advance_running()
    {
        TimerWheel wheel = new(0);
        Recorder recorder = new();
        recorder.Then = token => wheel.Schedule(0, recorder, token + 1);
        wheel.Schedule(3, recorder, 0);
        wheel.Advance(10);
        Assert.Equal([0], recorder.Fired);
        wheel.Advance(10);
        Assert.Equal([0, 1], recorder.Fired);
    }

    [Fact]
    public void A_callback_may_cancel_a_timer_of_the_same_tick()
    {
        TimerWheel wheel = new(0);
        Recorder recorder = new();
        TimerHandle second = default;
        recorder.Then = token =>
        {
            if (token == 1)
            {
                Assert.True(wheel.Cancel(second));
            }
        };
        wheel.Schedule(7, recorder, 1);
        second = wheel.Schedule(7, recorder, 2);
        wheel.Schedule(7, recorder, 3);
        wheel.Advance(7);
        Assert.Equal([1, 3], recorder.Fired);
        Assert.Equal(0, wheel.Count);
    }

    [Fact]
    public void A_handle_of_a_fired_timer_does_not_cancel_the_next_one_in_its_slot()
    {
        TimerWheel wheel = new(0);
        Recorder recorder = new();
        TimerHandle first = wheel.Schedule(1, recorder, 1);
        wheel.Advance(1);
        TimerHandle second = wheel.Schedule(2, recorder, 2);
        Assert.Equal(first.Slot, second.Slot);
        Assert.False(wheel.Cancel(first));
        Assert.False(wheel.Cancel(TimerHandle.None));
        wheel.Advance(2);
        Assert.Equal([1, 2], recorder.Fired);
    }

    [Fact]
    public void Nothing_is_allocated_once_the_slab_has_grown()
    {
        TimerWheel wheel = new(0, 2048);
        Recorder recorder = new();
        recorder.Fired.Capacity = 100_000;
        TimerHandle[] handles = new TimerHandle[1000];
        long now = 0;
        Round();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int round = 0; round < 20; round++)
        {
            Round();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Round()
        {
            for (int i = 0; i < handles.Length; i++)
            {
                handles[i] = wheel.Schedule(now + 1 + (i * 37L), recorder, i);
            }
            for (int i = 0; i < handles.Length; i += 2)
            {
                wheel.Cancel(handles[i]);
            }
            now += 50_000;
            wheel.Advance(now);
        }
    }
}
