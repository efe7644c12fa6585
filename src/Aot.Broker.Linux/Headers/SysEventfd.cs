using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/eventfd.h

[Flags]
public enum EventFdFlags
{
    EFD_SEMAPHORE = 1,
    EFD_NONBLOCK = 0x800,
    EFD_CLOEXEC = 0x80000,
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int eventfd(uint initval, int flags);
}
