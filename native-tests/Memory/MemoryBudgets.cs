using Aot.Broker.Base;

namespace Aot.Broker.Memory.Tests;

public sealed class MemoryBudgets
{
    [Fact]
    public void Past_a_connections_limit_only_that_connection_stops()
    {
        ProcessMemoryBudget process = new(1000, 1);
        CoreMemoryBudget core = new(process, new CoreIndex(0), 500, 100);
        ConnectionMemory greedy = default,
            other = default;

        Assert.True(core.TryReserve(ref greedy, 60));
        Assert.True(core.TryReserve(ref greedy, 60));
        Assert.True(core.IsExhaustedFor(greedy));
        Assert.False(core.TryReserve(ref greedy, 1));
        Assert.False(core.IsExhaustedFor(other));
        Assert.True(core.TryReserve(ref other, 1));

        core.Release(ref greedy, 60);
        Assert.True(core.TryReserve(ref greedy, 1));
        Assert.Equal(62, core.BytesUsed);
        Assert.Equal(62, process.BytesUsed);
        core.Release(ref greedy, 61);
        core.Release(ref other, 1);
        core.AssertNothingReserved();
        Assert.Equal(0, process.BytesUsed);
    }

    [Fact]
    public void A_request_larger_than_what_is_left_enters_once_and_then_the_core_stops()
    {
        CoreMemoryBudget core = new(new ProcessMemoryBudget(10_000, 1), new CoreIndex(0), 100, 100_000);
        ConnectionMemory connection = default;

        Assert.True(core.TryReserve(ref connection, 99));
        Assert.True(core.TryReserve(ref connection, 5000));
        Assert.True(core.IsExhausted);
        Assert.False(core.TryReserve(ref connection, 1));

        core.Release(ref connection, 5000);
        Assert.False(core.IsExhausted);
        core.Release(ref connection, 99);
        core.AssertNothingReserved();
    }

    [Fact]
    public void A_core_that_waits_for_the_process_is_handed_to_the_releaser_once()
    {
        ProcessMemoryBudget process = new(100, 3);
        CoreMemoryBudget a = new(process, new CoreIndex(0), 1000, 1000);
        CoreMemoryBudget b = new(process, new CoreIndex(2), 1000, 1000);
        ConnectionMemory ofA = default,
            ofB = default;
        Assert.True(a.TryReserve(ref ofA, 150));
        Assert.True(b.IsExhausted);
        Assert.False(b.TryReserve(ref ofB, 1));

        Assert.True(b.WaitForProcess());
        Assert.True(b.WaitForProcess());
        Assert.False(a.Release(ref ofA, 20)); // Still at 130 of 100.
        Assert.True(a.Release(ref ofA, 80));

        Assert.True(process.TryTakeWaiter(out CoreIndex woken));
        Assert.Equal(new CoreIndex(2), woken);
        Assert.False(process.TryTakeWaiter(out _));
        Assert.False(b.WaitForProcess()); // There is room: no reason to wait.
        Assert.False(process.TryTakeWaiter(out _));
        Assert.True(b.TryReserve(ref ofB, 60));
        b.Release(ref ofB, 60);
        a.Release(ref ofA, 50);
        Assert.Equal(0, process.BytesUsed);
    }

    [Fact]
    public void Releasing_more_than_was_reserved_stops()
    {
        CoreMemoryBudget core = new(new ProcessMemoryBudget(100, 1), new CoreIndex(0), 100, 100);
        ConnectionMemory connection = default;
        Assert.True(core.TryReserve(ref connection, 10));

        Assert.Contains("connection.BytesUsed", Stops.MessageOf(() => core.Release(ref connection, 11)));
        Assert.Contains("BytesUsed == 0", Stops.MessageOf(core.AssertNothingReserved));
    }

    /// <summary>
    /// Two cores fight for a budget that holds one request: every wait must be answered by a release, or the waiter
    /// would sleep forever (the test would not end).
    /// </summary>
    [Fact]
    public void No_wake_up_is_lost_between_two_cores_and_the_bound_holds()
    {
        const int turns = 20_000;
        ProcessMemoryBudget process = new(1, 2);
        SemaphoreSlim[] mailboxes = [new(0), new(0)];
        long highest = 0;
        Thread[] threads = new Thread[2];
        for (int i = 0; i < 2; i++)
        {
            int me = i;
            threads[i] = new Thread(() =>
            {
                CoreMemoryBudget core = new(process, new CoreIndex(me), 1000, 1000);
                ConnectionMemory connection = default;
                for (int turn = 0; turn < turns; turn++)
                {
                    while (!core.TryReserve(ref connection, 1))
                    {
                        if (core.WaitForProcess())
                        {
                            mailboxes[me].Wait();
                        }
                    }
                    highest = Math.Max(highest, process.BytesUsed);
                    bool someWait = core.Release(ref connection, 1);
                    while (someWait && process.TryTakeWaiter(out CoreIndex waiter))
                    {
                        mailboxes[waiter.Value].Release();
                    }
                }
                core.AssertNothingReserved();
            });
        }
        foreach (Thread thread in threads)
        {
            thread.Start();
        }
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
        Assert.Equal(0, process.BytesUsed);
        Assert.InRange(highest, 1, 2);
    }
}
