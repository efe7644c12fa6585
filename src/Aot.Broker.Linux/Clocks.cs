using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>The kernel's clocks, read through the vdso in about 20 ns. A core reads them once per turn of its loop.</summary>
// SAFETY: the kernel writes one local timespec of the caller's stack before the call returns.
public static unsafe class Clocks
{
    private const long NanosecondsPerSecond = 1_000_000_000;

    /// <summary>Never goes back; starts somewhere. The same clock as timerfd's and io_uring's.</summary>
    [HotPath]
    public static long MonotonicNanoseconds() => Read(ClockId.CLOCK_MONOTONIC);

    /// <summary>Since 1970, as set by the machine's administrator or by NTP: may jump.</summary>
    [HotPath]
    public static long RealtimeNanoseconds() => Read(ClockId.CLOCK_REALTIME);

    /// <summary>CPU time of the calling thread. Enters the kernel (170 ns).</summary>
    public static long ThreadCpuNanoseconds()
    {
        timespec now = default;
        SysResult.FromReturn(Libc.clock_gettime((int)ClockId.CLOCK_THREAD_CPUTIME_ID, &now)).OrStop("clock_gettime");
        return (now.tv_sec * NanosecondsPerSecond) + now.tv_nsec;
    }

    internal static timespec ToTimespec(long nanoseconds)
    {
        (long seconds, long rest) = Math.DivRem(nanoseconds, NanosecondsPerSecond);
        return new timespec { tv_sec = seconds, tv_nsec = rest };
    }

    private static long Read(ClockId clock)
    {
        timespec now = default;
        Invariant.That(Libc.clock_gettime_vdso((int)clock, &now) == 0);
        return (now.tv_sec * NanosecondsPerSecond) + now.tv_nsec;
    }
}
