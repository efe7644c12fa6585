using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/uio.h

[StructLayout(LayoutKind.Sequential)]
public unsafe struct iovec
{
    public void* iov_base;
    public nuint iov_len;

    /// <summary>Elements that one call takes (IOV_MAX).</summary>
    public const int CountMax = 1024;
}

[Flags]
public enum ReadWriteFlags
{
    None = 0,
    RWF_HIPRI = 0x1,
    RWF_DSYNC = 0x2,
    RWF_SYNC = 0x4,
    RWF_NOWAIT = 0x8,
    RWF_APPEND = 0x10,
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint pwritev(int fd, iovec* iov, int iovcnt, long offset);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint preadv2(int fd, iovec* iov, int iovcnt, long offset, int flags);
}
