using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// poll.h

[Flags]
public enum PollEvents : short
{
    None = 0,
    POLLIN = 0x1,
    POLLPRI = 0x2,
    POLLOUT = 0x4,
    POLLERR = 0x8,
    POLLHUP = 0x10,
    POLLNVAL = 0x20,
    POLLRDHUP = 0x2000,
}

[StructLayout(LayoutKind.Sequential)]
public struct pollfd
{
    public int fd;
    public PollEvents events;
    public PollEvents revents;
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int poll(pollfd* fds, nuint nfds, int timeout);
}
