using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// The monotonic clock as of the kernel's last tick: steps of 1 to 10 ms, but about a third of the price of the
/// precise one, since the vdso only loads it.
/// </summary>
// SAFETY: the vdso writes one local timespec of the caller's stack before the call returns.
public static unsafe class CoarseClock
{
    [HotPath]
    public static long MonotonicNanoseconds()
    {
        timespec now = default;
        Invariant.That(Libc.clock_gettime_vdso((int)ClockId.CLOCK_MONOTONIC_COARSE, &now) == 0);
        return (now.tv_sec * 1_000_000_000L) + now.tv_nsec;
    }
}
