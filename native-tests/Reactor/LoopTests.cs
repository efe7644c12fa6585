using Aot.Broker.Base;

namespace Aot.Broker.Reactor.Tests;

/// <summary>The loop itself, on both backends: mail, wake-ups, timers, async code, idleness.</summary>
public sealed class LoopTests
{
    public static IEnumerable<object[]> Backends() => Rig.Backends();

    private sealed class Inbox : IMailTarget
    {
        public readonly List<(int From, long A, object? State)> Received = [];
        public Action<Core, Mail>? Then;

        public void Receive(Core core, in Mail mail)
        {
            Assert.Same(core, Core.Current);
            Received.Add((mail.From.Value, mail.A, mail.State));
            Then?.Invoke(core, mail);
        }
    }

    private sealed class Work(Action action) : ITurnEnd
    {
        public void OnTurnEnd() => action();
    }

    private sealed class Timer(Action<long> fired) : ITimerTarget
    {
        public void OnTimer(long token) => fired(token);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Mail_wakes_a_sleeping_core_and_comes_back(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        const int rounds = 2000;
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        Inbox inbox = new();
        inbox.Then = (core, mail) =>
        {
            if (mail.A == rounds)
            {
                done.SetResult();
                return;
            }
            Mail next = mail with { A = mail.A + 1 };
            Assert.True(core.TryPost(new CoreIndex(1 - core.Index.Value), next));
        };
        rig.On(core => Assert.True(core.TryPost(new CoreIndex(1), new Mail { Target = inbox, A = 1 })));
        Assert.True(done.Task.Wait(TimeSpan.FromSeconds(30)));
        Assert.Equal(Enumerable.Range(1, rounds).Select(a => (long)a), inbox.Received.Select(r => r.A));
        Assert.All(inbox.Received, r => Assert.Equal(r.A % 2 == 1 ? 0 : 1, r.From));
        Assert.True(rig.Group.Cores.Sum(core => core.Statistics.WakesSent) > 0);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Helper_threads_post_in_order_and_wake(IoMode mode)
    {
        using Rig rig = new(mode);
        Inbox inbox = new();
        Thread[] threads =
        [
            .. Enumerable
                .Range(0, 3)
                .Select(thread => new Thread(() =>
                {
                    for (int i = 0; i < 5000; i++)
                    {
                        rig.Core.PostFromThread(
                            new Mail
                            {
                                Target = inbox,
                                A = i,
                                B = thread,
                                State = thread,
                            }
                        );
                    }
                })),
        ];
        foreach (Thread thread in threads)
        {
            thread.Start();
        }
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
        rig.Until(_ => inbox.Received.Count == 15_000, "all mail");
        for (int thread = 0; thread < 3; thread++)
        {
            Assert.Equal(
                Enumerable.Range(0, 5000).Select(i => (long)i),
                inbox.Received.Where(r => (int)r.State! == thread).Select(r => r.A)
            );
        }
        Assert.All(inbox.Received, r => Assert.Equal(-1, r.From));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_full_mailbox_refuses_and_calls_back_when_it_has_drained(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        Inbox inbox = new();
        using ManualResetEventSlim gate = new(false);
        int retries = 0;
        bool refused = false;
        rig.Group.Cores[1]
            .PostFromThread(new Mail { Target = new Inbox { Then = (_, _) => gate.Wait(TimeSpan.FromSeconds(30)) } });
        int sent = 0;
        const int total = 10_000;
        rig.On(core => Pump(core));
        rig.Until(_ => refused, "a refusal");
        Assert.InRange(sent, Limits.MailboxSlots, Limits.MailboxSlots + 1);
        gate.Set();
        rig.Until(_ => sent == total, "everything posted");
        RigUntilOn1(rig, () => inbox.Received.Count == total);
        Assert.Equal(Enumerable.Range(0, total).Select(a => (long)a), inbox.Received.Select(r => r.A));
        Assert.True(retries > 0);
        Assert.True(rig.Core.Statistics.MailRefused > 0);

        void Pump(Core core)
        {
            while (sent < total)
            {
                if (!core.TryPost(new CoreIndex(1), new Mail { Target = inbox, A = sent }))
                {
                    refused = true;
                    core.WhenMailboxDrains(
                        new CoreIndex(1),
                        new Work(() =>
                        {
                            retries++;
                            Pump(core);
                        })
                    );
                    return;
                }
                sent++;
            }
        }
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Control_plane_mail_spills_and_keeps_its_order(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        Inbox inbox = new();
        rig.On(core =>
        {
            for (int i = 0; i < 5000; i++)
            {
                core.Post(new CoreIndex(1), new Mail { Target = inbox, A = i });
            }
            // Nothing overtakes what waits.
            bool posted = core.TryPost(new CoreIndex(1), new Mail { Target = inbox, A = -1 });
            Assert.False(posted);
        });
        RigUntilOn1(rig, () => inbox.Received.Count == 5000);
        Assert.Equal(Enumerable.Range(0, 5000).Select(a => (long)a), inbox.Received.Select(r => r.A));
        Assert.True(rig.Core.Statistics.MailSpilled > 0);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Mail_to_oneself_arrives(IoMode mode)
    {
        using Rig rig = new(mode);
        Inbox inbox = new();
        rig.On(core =>
        {
            Assert.True(core.TryPost(core.Index, new Mail { Target = inbox, A = 5 }));
            Assert.Empty(inbox.Received);
        });
        rig.Until(_ => inbox.Received.Count == 1, "mail");
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Timers_fire_on_the_loop_in_order_and_not_early(IoMode mode)
    {
        using Rig rig = new(mode);
        List<(long Deadline, long FiredAt)> fired = [];
        rig.On(core =>
        {
            foreach (int delay in new[] { 40, 3, 300, 3, 0 })
            {
                long deadline = core.NowMillis + delay;
                core.Timers.Schedule(deadline, new Timer(_ => fired.Add((deadline, core.NowMillis))), 0);
            }
        });
        rig.Until(_ => fired.Count == 5, "all timers");
        Assert.Equal(fired.Select(f => f.Deadline).Order(), fired.Select(f => f.Deadline));
        Assert.All(fired, f => Assert.True(f.FiredAt >= f.Deadline));
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void An_idle_core_does_not_turn(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        rig.On(core => core.Timers.Schedule(core.NowMillis + 3_600_000, new Timer(_ => { }), 0));
        Rig.LeaveAlone(50);
        long[] before = [.. rig.Group.Cores.Select(core => Volatile.Read(ref core.Statistics.Turns))];
        Rig.LeaveAlone(300);
        long[] after = [.. rig.Group.Cores.Select(core => Volatile.Read(ref core.Statistics.Turns))];
        // A timer far away may move down a level of the wheel once.
        Assert.InRange(after[0] - before[0], 0, 2);
        Assert.Equal(before[1], after[1]);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Ready_work_runs_in_order_within_a_budget_and_turn_end_work_in_the_same_turn(IoMode mode)
    {
        using Rig rig = new(mode);
        List<string> order = [];
        List<int> ready = [];
        long turnOfAdd = 0;
        long turnOfEnd = 0;
        rig.On(core =>
        {
            turnOfAdd = core.Statistics.Turns;
            core.AtTurnEnd(
                new Work(() =>
                {
                    order.Add("end");
                    turnOfEnd = core.Statistics.Turns;
                    core.AtTurnEnd(new Work(() => order.Add("end of end")));
                })
            );
            for (int i = 0; i < 1000; i++)
            {
                int number = i;
                core.RunLater(new Work(() => ready.Add(number)));
            }
        });
        rig.Until(_ => ready.Count == 1000, "ready work");
        Assert.Equal(Enumerable.Range(0, 1000), ready);
        Assert.Equal(["end", "end of end"], order);
        Assert.Equal(turnOfAdd, turnOfEnd);
        Assert.True(rig.Core.Statistics.BudgetExhausted > 0);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Async_code_stays_on_its_core(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        string trace = await rig.Core.RunFromThreadAsync(async core =>
        {
            List<string> steps = [];
            await core.DelayAsync(2);
            steps.Add($"delay on {Core.Current!.Index}");
            int answer = await core.CallAsync(
                new CoreIndex(1),
                async other =>
                {
                    Assert.Equal(1, Core.Current!.Index.Value);
                    await other.DelayAsync(1);
                    Assert.Equal(1, Core.Current!.Index.Value);
                    return 42;
                }
            );
            steps.Add($"call {answer} on {Core.Current!.Index}");
            int thread = await core.RunInBackgroundAsync(() =>
            {
                Assert.Null(Core.Current);
                return Environment.CurrentManagedThreadId;
            });
            Assert.NotEqual(Environment.CurrentManagedThreadId, thread);
            steps.Add($"background on {Core.Current!.Index}");
            await Task.Yield();
            steps.Add($"yield on {Core.Current!.Index}");
            int visited = 0;
            await core.RunOnAllAsync(each =>
            {
                Assert.Same(each, Core.Current);
                Interlocked.Increment(ref visited);
                return ValueTask.CompletedTask;
            });
            steps.Add($"all {visited} on {Core.Current!.Index}");
            return string.Join(", ", steps);
        });
        Assert.Equal("delay on 0, call 42 on 0, background on 0, yield on 0, all 2 on 0", trace);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task An_exception_of_a_call_comes_to_its_caller(IoMode mode)
    {
        using Rig rig = new(mode, cores: 2);
        string message = await rig.Core.RunFromThreadAsync(async core =>
        {
            List<string> messages = [];
            foreach (int target in new[] { 0, 1 })
            {
                try
                {
                    await core.CallAsync<int>(
                        new CoreIndex(target),
                        _ => throw new InvalidDataException($"from {target}")
                    );
                }
                catch (InvalidDataException e)
                {
                    messages.Add(e.Message);
                }
            }
            try
            {
                await core.RunInBackgroundAsync<int>(() => throw new InvalidDataException("from behind"));
            }
            catch (InvalidDataException e)
            {
                messages.Add(e.Message);
            }
            return string.Join(", ", messages);
        });
        Assert.Equal("from 0, from 1, from behind", message);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void What_nobody_catches_is_reported_and_the_loop_goes_on(IoMode mode)
    {
        using Rig rig = new(mode);
        rig.On(core =>
            core.Spawn(async c =>
            {
                await c.DelayAsync(1);
                throw new InvalidDataException("spawned");
            })
        );
        rig.Until(_ => rig.Unhandled.Count == 1, "the report");
        rig.On(core => core.RunLater(new Work(() => throw new InvalidDataException("ready"))));
        rig.Until(_ => rig.Unhandled.Count == 2, "the second report");
        Assert.Equal(["spawned", "ready"], rig.Unhandled.Select(e => e.Message));
        rig.ForgetUnhandled();
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void A_long_turn_is_counted(IoMode mode)
    {
        using Rig rig = new(mode);
        rig.On(core =>
        {
            long until = core.Io.MonotonicNanos() + 40_000_000;
            while (core.Io.MonotonicNanos() < until) { }
        });
        rig.Until(core => core.Statistics.Stalls >= 1, "a stall");
        Assert.InRange(rig.Core.Statistics.LongestTurnMillis, 20, 60_000);
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public void Parts_are_found_by_their_type(IoMode mode)
    {
        using Rig rig = new(mode);
        rig.On(core =>
        {
            Assert.Null(core.Find<Inbox>());
            Inbox inbox = new();
            core.Set(inbox);
            Assert.Same(inbox, core.Get<Inbox>());
            Assert.Null(core.Find<Work>());
        });
    }

    [Theory]
    [MemberData(nameof(Backends))]
    public async Task Stopping_ends_every_thread(IoMode mode)
    {
        using Rig rig = new(mode, cores: 3);
        await rig.Group.StopAsync().WaitAsync(TimeSpan.FromSeconds(20));
        // Mail to a stopped core is dropped and blocks nobody.
        for (int i = 0; i < 3000; i++)
        {
            rig.Core.PostFromThread(new Mail { Target = new Inbox() });
        }
    }

    private static void RigUntilOn1(Rig rig, Func<bool> condition)
    {
        for (int i = 0; i < 3000; i++)
        {
            bool holds = false;
            Rig.On(_ => holds = condition(), rig.Group.Cores[1]);
            if (holds)
            {
                return;
            }
            Rig.LeaveAlone(5);
        }
        Assert.Fail("did not come to be");
    }
}
