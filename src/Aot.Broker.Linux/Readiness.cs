using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// epoll, poll, eventfd and timerfd. A signal ends a wait early: that is reported as "0 events", because a repeated
/// wait would start its time again; the caller's loop looks at its clock and comes back.
/// </summary>
public static unsafe class Readiness
{
    /// <summary>
    /// Written once to true by whichever core first finds that the kernel (before 5.11) or a sandbox has no
    /// epoll_pwait2; every reader tolerates either value.
    /// </summary>
    private static volatile bool s_pwait2Missing;

    /// <summary>No limit for a wait.</summary>
    public const long Forever = -1;

    public static SysResult<Fd> CreateEpoll() => FdOrError(Libc.epoll_create1((int)EpollCreateFlags.EPOLL_CLOEXEC));

    public static SysResult EpollAdd(Fd epoll, Fd fd, EpollEvents events, ulong data) =>
        Control(epoll, EpollOperation.EPOLL_CTL_ADD, fd, events, data);

    [HotPath]
    public static SysResult EpollModify(Fd epoll, Fd fd, EpollEvents events, ulong data) =>
        Control(epoll, EpollOperation.EPOLL_CTL_MOD, fd, events, data);

    public static SysResult EpollRemove(Fd epoll, Fd fd) =>
        Control(epoll, EpollOperation.EPOLL_CTL_DEL, fd, EpollEvents.None, 0);

    /// <summary>
    /// Number of events written to the front of <paramref name="events"/>. The time limit is in nanoseconds; 0 only
    /// looks, <see cref="Forever"/> has no limit.
    /// </summary>
    [HotPath]
    public static SysResult<int> EpollWait(Fd epoll, Span<epoll_event> events, long timeoutNanoseconds)
    {
        // SAFETY: the span is pinned until the call returns, and the kernel writes at most its length.
        fixed (epoll_event* start = events)
        {
            int count;
            if (s_pwait2Missing || timeoutNanoseconds <= 0)
            {
                count = Libc.epoll_wait(epoll.Value, start, events.Length, Milliseconds(timeoutNanoseconds));
            }
            else
            {
                timespec limit = Clocks.ToTimespec(timeoutNanoseconds);
                count = Libc.epoll_pwait2(epoll.Value, start, events.Length, &limit, null);
            }
            if (count < 0)
            {
                return EpollWaitSlow(epoll, events, timeoutNanoseconds);
            }
            return count;
        }
    }

    private static SysResult<int> EpollWaitSlow(Fd epoll, Span<epoll_event> events, long timeoutNanoseconds)
    {
        Errno error = LinuxError.Last();
        if (error == Errno.ENOSYS && !s_pwait2Missing)
        {
            s_pwait2Missing = true;
            return EpollWait(epoll, events, timeoutNanoseconds);
        }
        return error == Errno.EINTR ? new SysResult<int>(0) : new SysResult<int>(error);
    }

    /// <summary>Number of elements whose revents is not None.</summary>
    public static SysResult<int> Poll(Span<pollfd> fds, long timeoutNanoseconds)
    {
        // SAFETY: the span is pinned until the call returns, and the kernel writes only the revents within it.
        fixed (pollfd* start = fds)
        {
            int count = Libc.poll(start, (nuint)fds.Length, Milliseconds(timeoutNanoseconds));
            return count >= 0 ? new SysResult<int>(count) : ZeroWhenInterrupted();
        }
    }

    /// <summary>A non-blocking counter that starts at zero.</summary>
    public static SysResult<Fd> CreateEventFd() =>
        FdOrError(Libc.eventfd(0, (int)(EventFdFlags.EFD_NONBLOCK | EventFdFlags.EFD_CLOEXEC)));

    /// <summary>Adds one and wakes whoever waits. A counter at its limit (EAGAIN) is as readable as can be: success.</summary>
    [HotPath]
    public static SysResult SignalEventFd(Fd eventFd)
    {
        ulong one = 1;
        while (true)
        {
            if (Libc.write(eventFd.Value, &one, sizeof(ulong)) >= 0)
            {
                return SysResult.Ok;
            }
            switch (LinuxError.Last())
            {
                case Errno.EINTR:
                    continue;
                case Errno.EAGAIN:
                    return SysResult.Ok;
                case Errno other:
                    return other;
            }
        }
    }

    /// <summary>Takes the whole count of an eventfd (signals since the last time) or timerfd (expirations); 0 = none.</summary>
    [HotPath]
    public static SysResult<ulong> DrainCounter(Fd counter)
    {
        ulong count = 0;
        while (true)
        {
            if (Libc.read(counter.Value, &count, sizeof(ulong)) >= 0)
            {
                return count;
            }
            switch (LinuxError.Last())
            {
                case Errno.EINTR:
                    continue;
                case Errno.EAGAIN:
                    return 0UL;
                case Errno other:
                    return other;
            }
        }
    }

    /// <summary>A non-blocking timer on the monotonic clock, not armed.</summary>
    public static SysResult<Fd> CreateTimerFd() =>
        FdOrError(
            Libc.timerfd_create(
                (int)ClockId.CLOCK_MONOTONIC,
                (int)(TimerFdFlags.TFD_NONBLOCK | TimerFdFlags.TFD_CLOEXEC)
            )
        );

    /// <summary>Fires once at a time of <see cref="Clocks.MonotonicNanoseconds"/>; 0 disarms, a time in the past fires at once.</summary>
    public static SysResult ArmTimerFd(Fd timer, long deadlineNanoseconds)
    {
        itimerspec when = new() { it_value = Clocks.ToTimespec(deadlineNanoseconds) };
        return SysResult.FromReturn(
            Libc.timerfd_settime(timer.Value, (int)TimerFdSetFlags.TFD_TIMER_ABSTIME, &when, null)
        );
    }

    private static SysResult Control(Fd epoll, EpollOperation operation, Fd fd, EpollEvents events, ulong data)
    {
        epoll_event interest = default;
        interest.events = events;
        interest.data = data;
        return SysResult.FromReturn(Libc.epoll_ctl(epoll.Value, (int)operation, fd.Value, &interest));
    }

    private static SysResult<int> ZeroWhenInterrupted()
    {
        Errno error = LinuxError.Last();
        return error == Errno.EINTR ? new SysResult<int>(0) : new SysResult<int>(error);
    }

    /// <summary>Rounds up, so that a timer is never found not yet due after its wait.</summary>
    private static int Milliseconds(long nanoseconds) =>
        nanoseconds < 0 ? -1 : (int)Math.Min(int.MaxValue, (nanoseconds + 999_999) / 1_000_000);

    private static SysResult<Fd> FdOrError(int returned) =>
        returned >= 0 ? new SysResult<Fd>(new Fd(returned)) : new SysResult<Fd>(LinuxError.Last());
}
