using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// signal.h

public enum SignalNumber
{
    SIGHUP = 1,
    SIGINT = 2,
    SIGKILL = 9,
    SIGPIPE = 13,
    SIGTERM = 15,
}

internal static unsafe partial class Libc
{
    /// <summary>handler: 0 = SIG_DFL, 1 = SIG_IGN. Returns the former handler, or -1.</summary>
    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint signal(int signum, nint handler);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int kill(int pid, int sig);
}
