using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// The three calls of io_uring. Building rings, entries and barriers from them is the Reactor's. What makes a ring
/// impossible comes back from <see cref="Setup"/>: ENOSYS (no io_uring in this kernel), EPERM (seccomp filter or
/// io_uring_disabled), ENOMEM (RLIMIT_MEMLOCK), EINVAL (a flag that this kernel does not know).
/// </summary>
public static unsafe class IoRings
{
    /// <summary>The ring's descriptor; the kernel fills <paramref name="parameters"/>. Close-on-exec by nature.</summary>
    public static SysResult<Fd> Setup(uint entries, ref io_uring_params parameters)
    {
        // SAFETY: the caller's struct is pinned until the call returns; the kernel writes only within its 120 bytes.
        fixed (io_uring_params* p = &parameters)
        {
            nint fd = Libc.syscall((nint)SyscallNumber.SYS_io_uring_setup, (nint)entries, (nint)p, 0, 0, 0, 0);
            return fd >= 0 ? new SysResult<Fd>(new Fd((int)fd)) : new SysResult<Fd>(LinuxError.Last());
        }
    }

    /// <summary>
    /// Submits, and with IORING_ENTER_GETEVENTS runs deferred work and waits for <paramref name="minComplete"/>
    /// completions, at most <paramref name="timeoutNanoseconds"/> (<see cref="Readiness.Forever"/> = no limit; needs
    /// IORING_FEAT_EXT_ARG). Returns how many entries were submitted.
    /// A wait that ends by its time (ETIME) or by a signal (EINTR) is not an error: the loop turns and looks at its
    /// clock. In both cases nothing was submitted, since a submission's count goes first. EAGAIN and EBUSY = the kernel
    /// is short of memory or of completion slots: reap and come again.
    /// </summary>
    [HotPath]
    public static SysResult<int> Enter(
        Fd ring,
        uint toSubmit,
        uint minComplete,
        RingEnterFlags flags,
        long timeoutNanoseconds = Readiness.Forever
    )
    {
        __kernel_timespec limit = default;
        io_uring_getevents_arg argument = default;
        nint argumentAddress = 0;
        nint argumentBytes = 0;
        if (timeoutNanoseconds >= 0)
        {
            timespec split = Clocks.ToTimespec(timeoutNanoseconds);
            limit.tv_sec = split.tv_sec;
            limit.tv_nsec = split.tv_nsec;
            argument.ts = (ulong)(nint)(&limit);
            argumentAddress = (nint)(&argument);
            argumentBytes = sizeof(io_uring_getevents_arg);
            flags |= RingEnterFlags.IORING_ENTER_EXT_ARG;
        }
        nint returned = Libc.syscall(
            (nint)SyscallNumber.SYS_io_uring_enter,
            ring.Value,
            (nint)toSubmit,
            (nint)minComplete,
            (nint)(uint)flags,
            argumentAddress,
            argumentBytes
        );
        if (returned < 0)
        {
            return EnterSlow();
        }
        return (int)returned;
    }

    private static SysResult<int> EnterSlow()
    {
        Errno error = LinuxError.Last();
        return error is Errno.ETIME or Errno.EINTR ? new SysResult<int>(0) : new SysResult<int>(error);
    }

    /// <summary>What the value means depends on the operation; mostly 0.</summary>
    public static SysResult<int> Register(Fd ring, RingRegister operation, void* argument, uint count)
    {
        while (true)
        {
            nint returned = Libc.syscall(
                (nint)SyscallNumber.SYS_io_uring_register,
                ring.Value,
                (nint)(uint)operation,
                (nint)argument,
                (nint)count,
                0,
                0
            );
            if (returned >= 0)
            {
                return (int)returned;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    /// <summary>Which of the given operations this kernel's ring does not know; empty = all are there.</summary>
    public static SysResult Probe(Fd ring, ReadOnlySpan<RingOp> wanted, out IReadOnlyList<RingOp> missing)
    {
        const int operations = 256;
        List<RingOp> absent = [];
        missing = absent;
        int bytes = sizeof(io_uring_probe) + (operations * sizeof(io_uring_probe_op));
        byte* answer = stackalloc byte[bytes];
        new Span<byte>(answer, bytes).Clear();
        SysResult<int> registered = Register(ring, RingRegister.IORING_REGISTER_PROBE, answer, operations);
        if (!registered.IsOk)
        {
            return registered.Error;
        }
        io_uring_probe* head = (io_uring_probe*)answer;
        io_uring_probe_op* elements = (io_uring_probe_op*)(answer + sizeof(io_uring_probe));
        foreach (RingOp op in wanted)
        {
            bool isKnown = (byte)op < head->ops_len;
            if (!isKnown || (elements[(byte)op].flags & (ushort)ProbeFlags.IO_URING_OP_SUPPORTED) == 0)
            {
                absent.Add(op);
            }
        }
        return SysResult.Ok;
    }
}
