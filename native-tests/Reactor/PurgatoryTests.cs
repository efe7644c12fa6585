namespace Aot.Broker.Reactor.Tests;

public sealed class PurgatoryTests
{
    private static readonly WatchKey s_a = new(1, 1);
    private static readonly WatchKey s_b = new(1, 2);
    private static readonly WatchKey s_c = new(2, 1);

    private sealed class Operation : DelayedOperation
    {
        public volatile bool Condition;
        public int Checks;
        public int Completed;
        public int Expired;
        public Action? OnDone;
        public Action? OnCheck;

        protected override bool TryComplete()
        {
            Checks++;
            OnCheck?.Invoke();
            return Condition;
        }

        protected override void OnComplete()
        {
            Interlocked.Increment(ref Completed);
            OnDone?.Invoke();
        }

        protected override void OnExpire() => Interlocked.Increment(ref Expired);
    }

    private readonly TimerWheel _wheel = new(0);
    private readonly Purgatory _purgatory;

    public PurgatoryTests() => _purgatory = new Purgatory(_wheel);

    [Fact]
    public void An_operation_whose_condition_holds_completes_at_once_and_is_not_watched()
    {
        Operation operation = new() { Condition = true };
        Assert.True(_purgatory.TryCompleteElseWatch(operation, [s_a], 100));
        Assert.Equal((1, 0), (operation.Completed, operation.Expired));
        AssertEmpty();
    }

    [Fact]
    public void An_event_on_any_of_its_keys_completes_it_once()
    {
        Operation operation = new();
        Assert.False(_purgatory.TryCompleteElseWatch(operation, [s_a, s_b, s_c], 100));
        Assert.Equal((3, 1), (_purgatory.Watched, _purgatory.Delayed));
        Assert.Equal(0, _purgatory.CheckAndComplete(s_b));
        operation.Condition = true;
        Assert.Equal(0, _purgatory.CheckAndComplete(new WatchKey(9, 9)));
        Assert.Equal(1, _purgatory.CheckAndComplete(s_b));
        Assert.Equal(0, _purgatory.CheckAndComplete(s_a));
        Assert.Equal((1, 0), (operation.Completed, operation.Expired));
        AssertEmpty();
    }

    [Fact]
    public void Operations_of_one_key_complete_in_the_order_in_which_they_began_to_wait()
    {
        List<int> order = [];
        for (int i = 0; i < 5; i++)
        {
            int number = i;
            Operation operation = new() { OnDone = () => order.Add(number) };
            Assert.False(_purgatory.TryCompleteElseWatch(operation, [s_a], 100));
            operation.Condition = true;
        }
        Assert.Equal(5, _purgatory.CheckAndComplete(s_a));
        Assert.Equal([0, 1, 2, 3, 4], order);
    }

    [Fact]
    public void Its_deadline_expires_it_and_then_completes_it()
    {
        Operation operation = new();
        _purgatory.TryCompleteElseWatch(operation, [s_a], 50);
        _wheel.Advance(49);
        Assert.True(operation.IsWaiting);
        _wheel.Advance(50);
        Assert.Equal((1, 1), (operation.Completed, operation.Expired));
        operation.Condition = true;
        Assert.Equal(0, _purgatory.CheckAndComplete(s_a));
        Assert.Equal(1, operation.Completed);
        AssertEmpty();
    }

    [Fact]
    public void A_cancelled_operation_neither_completes_nor_expires()
    {
        Operation operation = new();
        _purgatory.TryCompleteElseWatch(operation, [s_a, s_b], 50);
        Assert.True(_purgatory.Cancel(operation));
        Assert.False(_purgatory.Cancel(operation));
        operation.Condition = true;
        Assert.Equal(0, _purgatory.CheckAndComplete(s_a));
        _wheel.Advance(100);
        Assert.Equal((0, 0), (operation.Completed, operation.Expired));
        AssertEmpty();
    }

    [Fact]
    public void A_forced_completion_does_not_ask_the_condition()
    {
        Operation operation = new();
        _purgatory.TryCompleteElseWatch(operation, [s_a], 50);
        int checks = operation.Checks;
        Assert.True(_purgatory.Complete(operation));
        Assert.False(_purgatory.Complete(operation));
        Assert.Equal((1, 0, checks), (operation.Completed, operation.Expired, operation.Checks));
        AssertEmpty();
    }

    [Fact]
    public void A_completed_operation_may_wait_again_from_its_own_completion()
    {
        Operation operation = new();
        operation.OnDone = () =>
        {
            if (operation.Completed == 1)
            {
                operation.Condition = false;
                Assert.False(_purgatory.TryCompleteElseWatch(operation, [s_b], 200));
            }
        };
        _purgatory.TryCompleteElseWatch(operation, [s_a], 100);
        operation.Condition = true;
        Assert.Equal(1, _purgatory.CheckAndComplete(s_a));
        Assert.True(operation.IsWaiting);
        _wheel.Advance(150);
        Assert.Equal((1, 0), (operation.Completed, operation.Expired));
        _wheel.Advance(200);
        Assert.Equal((2, 1), (operation.Completed, operation.Expired));
        AssertEmpty();
    }

    [Fact]
    public void An_event_that_is_reported_during_the_first_check_is_not_lost()
    {
        Operation operation = new();
        operation.OnCheck = () =>
        {
            if (operation.Checks == 1)
            {
                // Another thread makes the condition true and reports it after our look, before we watch the key.
                Thread reporter = new(() => _purgatory.CheckAndComplete(s_a));
                reporter.Start();
                reporter.Join();
            }
            else
            {
                operation.Condition = true;
            }
        };
        Assert.True(_purgatory.TryCompleteElseWatch(operation, [s_a], 100));
        Assert.Equal((2, 1), (operation.Checks, operation.Completed));
        AssertEmpty();
    }

    [Fact]
    public void Watching_and_completing_again_and_again_keeps_no_stale_watchers_and_allocates_nothing()
    {
        Operation[] operations = [.. Enumerable.Range(0, 100).Select(_ => new Operation())];
        WatchKey[] keys = new WatchKey[8];
        Round();
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 50; i++)
        {
            Round();
        }
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        AssertEmpty();

        void Round()
        {
            for (int i = 0; i < operations.Length; i++)
            {
                for (int k = 0; k < keys.Length; k++)
                {
                    keys[k] = new WatchKey((ulong)((i + k) % 20), 7);
                }
                operations[i].Condition = false;
                _purgatory.TryCompleteElseWatch(operations[i], keys, 1_000_000);
                operations[i].Condition = true;
            }
            for (ulong k = 0; k < 20; k++)
            {
                _purgatory.CheckAndComplete(new WatchKey(k, 7));
            }
        }
    }

    /// <summary>The owner expires and reports while two other threads report, complete by force and cancel: one of them wins each time.</summary>
    [Fact]
    public void Racing_threads_complete_each_operation_exactly_once()
    {
        const int rounds = 20_000;
        Operation operation = new();
        int cancelled = 0;
        int forced = 0;
        using Barrier barrier = new(3);
        Thread reporter = new(() =>
        {
            for (int round = 0; round < rounds; round++)
            {
                barrier.SignalAndWait();
                if (round % 3 == 0)
                {
                    operation.Condition = true;
                }
                _purgatory.CheckAndComplete(s_a);
                barrier.SignalAndWait();
            }
        });
        Thread forcer = new(() =>
        {
            for (int round = 0; round < rounds; round++)
            {
                barrier.SignalAndWait();
                if (round % 5 == 0)
                {
                    cancelled += _purgatory.Cancel(operation) ? 1 : 0;
                }
                else
                {
                    forced += _purgatory.Complete(operation) ? 1 : 0;
                }
                barrier.SignalAndWait();
            }
        });
        reporter.Start();
        forcer.Start();
        int wrong = 0;
        for (int round = 0; round < rounds; round++)
        {
            operation.Condition = false;
            _purgatory.TryCompleteElseWatch(operation, [s_a, s_b], round + 1);
            barrier.SignalAndWait();
            _purgatory.CheckAndComplete(s_b);
            _wheel.Advance(round + 1);
            barrier.SignalAndWait();
            wrong += operation.Completed + cancelled == round + 1 ? 0 : 1;
            wrong += operation.IsWaiting ? 1 : 0;
        }
        reporter.Join();
        forcer.Join();
        Assert.Equal(0, wrong);
        Assert.Equal(rounds, operation.Completed + cancelled);
        Assert.True(
            forced > 0 && operation.Expired > 0,
            $"forced {forced}, expired {operation.Expired}, cancelled {cancelled}"
        );
        AssertEmptyButOrphans();
    }

    private void AssertEmpty()
    {
        Assert.Equal((0, 0, 0), (_purgatory.Watched, _purgatory.Delayed, _wheel.Count));
    }

    /// <summary>Timers of waits that other threads ended go at the owner's next wait.</summary>
    private void AssertEmptyButOrphans()
    {
        Operation last = new();
        _purgatory.TryCompleteElseWatch(last, [s_a], long.MaxValue / 2);
        Assert.Equal(1, _wheel.Count);
        _purgatory.Cancel(last);
        AssertEmpty();
    }
}
