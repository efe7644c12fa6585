using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/timerfd.h

[Flags]
public enum TimerFdFlags
{
    None = 0,
    TFD_NONBLOCK = 0x800,
    TFD_CLOEXEC = 0x80000,
}

[Flags]
public enum TimerFdSetFlags
{
    None = 0,
    TFD_TIMER_ABSTIME = 1,
}

[StructLayout(LayoutKind.Sequential)]
public struct itimerspec
{
    public timespec it_interval;
    public timespec it_value;
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int timerfd_create(int clockid, int flags);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int timerfd_settime(int fd, int flags, itimerspec* new_value, itimerspec* old_value);
}
