using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/sendfile.h

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint sendfile(int out_fd, int in_fd, long* offset, nuint count);
}
