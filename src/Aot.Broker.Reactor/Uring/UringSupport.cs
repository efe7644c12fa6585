using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>Whether this process may use io_uring as the loop needs it, and if not, why and what would help.</summary>
public static class UringSupport
{
    private static readonly RingOp[] s_needed =
    [
        RingOp.IORING_OP_ACCEPT,
        RingOp.IORING_OP_RECV,
        RingOp.IORING_OP_POLL_ADD,
        RingOp.IORING_OP_ASYNC_CANCEL,
        RingOp.IORING_OP_FSYNC,
        RingOp.IORING_OP_FADVISE,
        RingOp.IORING_OP_READ,
        RingOp.IORING_OP_MSG_RING,
    ];

    /// <summary>A ring ready for a core, or null with the cause and its cure in one line.</summary>
    internal static Ring? TryCreateRing(RingSizes sizes, out string? reason)
    {
        Ring? ring = Ring.TryCreate(sizes, out Errno error, out string call);
        if (ring is null)
        {
            reason = Explain(call, error, ReadDisabledSetting());
            return null;
        }
        SysResult probed = IoRings.Probe(ring.Fd, s_needed, out IReadOnlyList<RingOp> missing);
        if (probed.IsOk && missing.Count == 0)
        {
            reason = null;
            return ring;
        }
        ring.Dispose();
        reason = probed.IsOk
            ? $"this kernel's io_uring lacks {string.Join(", ", missing)}: use a kernel of 6.1 or later"
            : Explain("io_uring_register (probe)", probed.Error, ReadDisabledSetting());
        return null;
    }

    /// <summary>True = cores can run on io_uring here.</summary>
    public static bool Probe(out string? reason)
    {
        Ring? ring = TryCreateRing(RingSizes.Default, out reason);
        ring?.Dispose();
        return ring is not null;
    }

    /// <param name="call">The call that failed.</param>
    /// <param name="error">Its errno.</param>
    /// <param name="disabledSetting">Content of kernel.io_uring_disabled, null = the kernel has no such setting.</param>
    internal static string Explain(string call, Errno error, string? disabledSetting)
    {
        bool isDisabled = disabledSetting is "1" or "2";
        return error switch
        {
            Errno.ENOSYS =>
                $"{call}: ENOSYS, this kernel or sandbox has no io_uring: use a Linux kernel of 6.1 or later",
            Errno.EPERM when isDisabled =>
                $"{call}: EPERM, kernel.io_uring_disabled = {disabledSetting}: set it to 0 with sysctl",
            Errno.EPERM or Errno.EACCES =>
                $"{call}: {error}, a seccomp filter forbids io_uring (the default of Docker and of Kubernetes' RuntimeDefault): "
                    + "allow io_uring_setup, io_uring_enter and io_uring_register in its profile",
            Errno.ENOMEM =>
                $"{call}: ENOMEM, the limit of locked memory is too low: raise it (ulimit -l, LimitMEMLOCK=, or --ulimit memlock)",
            Errno.EINVAL => $"{call}: EINVAL, this kernel's io_uring is too old: use a kernel of 6.1 or later",
            Errno.EMFILE or Errno.ENFILE =>
                $"{call}: {error}, no file descriptor is left: raise the limit (ulimit -n, LimitNOFILE=)",
            _ => $"{call}: {LinuxError.Describe(error)}",
        };
    }

    private static string? ReadDisabledSetting()
    {
        try
        {
            return File.ReadAllText("/proc/sys/kernel/io_uring_disabled").Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
