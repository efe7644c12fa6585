using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sched.h, sys/prctl.h, sys/resource.h, sys/random.h

/// <summary>One bit per CPU, 1024 of them.</summary>
[StructLayout(LayoutKind.Sequential)]
public unsafe struct cpu_set_t
{
    public fixed ulong __bits[16];
}

public enum PrctlOption
{
    PR_SET_PDEATHSIG = 1,
    PR_SET_NAME = 15,
    PR_GET_NAME = 16,
    PR_SET_TIMERSLACK = 29,
}

public enum ResourceLimit
{
    RLIMIT_CORE = 4,
    RLIMIT_NOFILE = 7,
    RLIMIT_MEMLOCK = 8,
}

[StructLayout(LayoutKind.Sequential)]
public struct rlimit
{
    public ulong rlim_cur;
    public ulong rlim_max;

    /// <summary>RLIM_INFINITY.</summary>
    public const ulong Infinity = ulong.MaxValue;
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int sched_setaffinity(int pid, nuint cpusetsize, cpu_set_t* mask);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int sched_getaffinity(int pid, nuint cpusetsize, cpu_set_t* mask);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int sched_getcpu();

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int prctl(int option, nuint arg2, nuint arg3, nuint arg4, nuint arg5);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int getrlimit(int resource, rlimit* rlim);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int setrlimit(int resource, rlimit* rlim);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint getrandom(void* buf, nuint buflen, uint flags);
}
