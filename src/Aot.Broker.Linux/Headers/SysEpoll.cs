using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/epoll.h

/// <summary>12 bytes on x64, where the kernel packs it; natural layout would give 16 and shift every second event.</summary>
[StructLayout(LayoutKind.Sequential, Pack = 1)]
public struct epoll_event
{
    public EpollEvents events;
    public ulong data;
}

[Flags]
public enum EpollEvents : uint
{
    None = 0,
    EPOLLIN = 0x1,
    EPOLLPRI = 0x2,
    EPOLLOUT = 0x4,
    EPOLLERR = 0x8,
    EPOLLHUP = 0x10,
    EPOLLRDHUP = 0x2000,
    EPOLLEXCLUSIVE = 1u << 28,
    EPOLLONESHOT = 1u << 30,
    EPOLLET = 1u << 31,
}

public enum EpollOperation
{
    EPOLL_CTL_ADD = 1,
    EPOLL_CTL_DEL = 2,
    EPOLL_CTL_MOD = 3,
}

[Flags]
public enum EpollCreateFlags
{
    EPOLL_CLOEXEC = 0x80000,
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int epoll_create1(int flags);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int epoll_ctl(int epfd, int op, int fd, epoll_event* @event);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int epoll_wait(int epfd, epoll_event* events, int maxevents, int timeout);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int epoll_pwait2(
        int epfd,
        epoll_event* events,
        int maxevents,
        timespec* timeout,
        void* sigmask
    );
}
