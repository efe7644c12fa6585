using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// time.h; __kernel_timespec of linux/time_types.h

[StructLayout(LayoutKind.Sequential)]
public struct timespec
{
    public long tv_sec;
    public long tv_nsec;
}

/// <summary>What io_uring reads; 64 bits on every architecture.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct __kernel_timespec
{
    public long tv_sec;
    public long tv_nsec;
}

public enum ClockId
{
    CLOCK_REALTIME = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS_CPUTIME_ID = 2,
    CLOCK_THREAD_CPUTIME_ID = 3,
    CLOCK_REALTIME_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int clock_gettime(int clockid, timespec* tp);

    /// <summary>For the clocks that the vdso answers: never blocks, cannot fail.</summary>
    [LibraryImport(Library, EntryPoint = "clock_gettime")]
    [SuppressGCTransition]
    internal static partial int clock_gettime_vdso(int clockid, timespec* tp);
}
