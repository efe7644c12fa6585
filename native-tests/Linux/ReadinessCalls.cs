using Aot.Broker.Base;

namespace Aot.Broker.Linux.Tests;

public sealed class ReadinessCalls
{
    [Fact]
    public void Epoll_reports_each_ready_descriptor_with_its_own_data()
    {
        Fd epoll = Readiness.CreateEpoll().Value;
        Fd[] counters = [.. Enumerable.Range(0, 5).Select(_ => Readiness.CreateEventFd().Value)];
        Span<epoll_event> events = stackalloc epoll_event[8];
        for (int i = 0; i < counters.Length; i++)
        {
            Assert.True(
                Readiness.EpollAdd(epoll, counters[i], EpollEvents.EPOLLIN, 0xABCD_0000_0000_0000 + (ulong)i).IsOk
            );
        }
        Assert.Equal(Errno.EEXIST, Readiness.EpollAdd(epoll, counters[0], EpollEvents.EPOLLIN, 0).Error);
        Assert.Equal(0, Readiness.EpollWait(epoll, events, 0).Value);
        Assert.Equal(0, Readiness.EpollWait(epoll, events, 1000).Value);

        foreach (Fd counter in counters)
        {
            Assert.True(Readiness.SignalEventFd(counter).IsOk);
        }

        Assert.Equal(5, Readiness.EpollWait(epoll, events, Readiness.Forever).Value);
        List<ulong> seen = [];
        foreach (epoll_event e in events[..5])
        {
            Assert.Equal(EpollEvents.EPOLLIN, e.events);
            seen.Add(e.data & 0xFFFF);
            Assert.Equal(0xABCDUL, e.data >> 48);
        }
        Assert.Equal([0, 1, 2, 3, 4], seen.Order().Select(v => (int)v));
        Assert.True(Readiness.EpollModify(epoll, counters[0], EpollEvents.None, 9).IsOk);
        Assert.True(Readiness.EpollRemove(epoll, counters[1]).IsOk);
        Assert.Equal(3, Readiness.EpollWait(epoll, events, 1_000_000_000).Value);
        foreach (Fd fd in counters.Append(epoll))
        {
            Assert.True(Files.Close(fd).IsOk);
        }
    }

    [Fact]
    public void An_event_counter_gives_its_whole_count_once()
    {
        Fd counter = Readiness.CreateEventFd().Value;
        Assert.Equal(0UL, Readiness.DrainCounter(counter).Value);

        Assert.True(Readiness.SignalEventFd(counter).IsOk);
        Assert.True(Readiness.SignalEventFd(counter).IsOk);

        Assert.Equal(2UL, Readiness.DrainCounter(counter).Value);
        Assert.Equal(0UL, Readiness.DrainCounter(counter).Value);
        Assert.True(Files.Close(counter).IsOk);
    }

    [Fact]
    public void A_timer_descriptor_becomes_readable_after_its_deadline()
    {
        Fd timer = Readiness.CreateTimerFd().Value;
        long deadline = Clocks.MonotonicNanoseconds() + 2_000_000;
        Assert.Equal(0UL, Readiness.DrainCounter(timer).Value);
        Assert.True(Readiness.ArmTimerFd(timer, deadline).IsOk);

        Span<pollfd> one = [new pollfd { fd = timer.Value, events = PollEvents.POLLIN }];
        Assert.Equal(1, Readiness.Poll(one, Readiness.Forever).Value);

        Assert.True(Clocks.MonotonicNanoseconds() >= deadline);
        Assert.Equal(1UL, Readiness.DrainCounter(timer).Value);
        Assert.True(Files.Close(timer).IsOk);
    }
}
