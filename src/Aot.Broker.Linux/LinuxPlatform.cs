using System.Runtime.InteropServices;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>The start-up check of what this room takes for granted.</summary>
// SAFETY: only sizes of types, no memory.
public static unsafe class LinuxPlatform
{
    /// <summary>
    /// Sizes of the structs that go to the kernel, and the processor whose constants they are. A test compares every
    /// field and constant with the C headers; this catches a compiler or runtime that lays a struct out differently.
    /// </summary>
    public static void CheckLayouts()
    {
        Invariant.That(RuntimeInformation.ProcessArchitecture == Architecture.X64);
        Invariant.That(BitConverter.IsLittleEndian);
        Invariant.That(sizeof(io_uring_sqe) == 64);
        Invariant.That(sizeof(io_uring_cqe) == 16);
        Invariant.That(sizeof(io_uring_params) == 120);
        Invariant.That(sizeof(io_uring_buf) == 16);
        Invariant.That(sizeof(io_uring_buf_reg) == 40);
        Invariant.That(sizeof(io_uring_getevents_arg) == 24);
        Invariant.That(sizeof(io_uring_probe) == 16);
        Invariant.That(sizeof(io_uring_probe_op) == 8);
        Invariant.That(sizeof(epoll_event) == 12);
        Invariant.That(sizeof(pollfd) == 8);
        Invariant.That(sizeof(iovec) == 16);
        Invariant.That(sizeof(msghdr) == 56);
        Invariant.That(sizeof(sockaddr_in) == 16);
        Invariant.That(sizeof(sockaddr_in6) == 28);
        Invariant.That(sizeof(InetEndpoint) == InetEndpoint.SizeInBytes);
        Invariant.That(sizeof(statx) == 256);
        Invariant.That(sizeof(flock) == 32);
        Invariant.That(sizeof(cachestat) == 40);
        Invariant.That(sizeof(cpu_set_t) == 128);
        Invariant.That(sizeof(rlimit) == 16);
        Invariant.That(sizeof(itimerspec) == 32);
    }
}
