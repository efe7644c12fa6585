using System.Runtime.CompilerServices;

[assembly: DisableRuntimeMarshalling]

namespace Aot.Broker.Linux;

/// <summary>
/// The raw declarations: one file of this folder per C header, names and argument order of the man pages, blittable
/// types only. Nothing outside this room calls them. The typed form (<see cref="Sockets"/>, <see cref="Files"/>,
/// <see cref="Mappings"/>, ...) reads errno once and holds the loops over EINTR.
/// </summary>
/// <remarks>
/// Every declaration that can fail has SetLastError: the generated stub reads errno directly after the call, before
/// the runtime can do anything else on this thread. It costs about 4.5 ns, against 85 ns of the cheapest system call.
/// SuppressGCTransition is only on calls that the vdso answers without entering the kernel.
/// Variadic C functions (open, fcntl, prctl, syscall) are declared with their fixed integer form, which the x64 and
/// arm64 Linux calling conventions pass in the same registers.
/// </remarks>
internal static unsafe partial class Libc
{
    /// <summary>The executable binds this name directly (DirectPInvoke); under the JIT the runtime maps it to libc.so.6.</summary>
    private const string Library = "libc";
}
