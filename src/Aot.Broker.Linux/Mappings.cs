using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// Pages of the address space. An address here is a number: whoever maps a range owns it and unmaps it, and nobody
/// may hold a pointer into it afterwards. Lengths are bytes and multiples of <see cref="PageBytes"/>.
/// </summary>
// SAFETY: addresses are passed to the kernel and never read here; who maps a range keeps it until it unmaps it.
public static unsafe class Mappings
{
    /// <summary>4 KiB on x64.</summary>
    public static readonly int PageBytes = Environment.SystemPageSize;

    /// <summary>What madvise's huge pages are on x64.</summary>
    public const int HugePageBytes = 2 * 1024 * 1024;

    /// <summary>Zeroed private memory, no page touched. ENOMEM past a limit of the process or of the machine.</summary>
    public static SysResult<nint> MapAnonymous(long bytes, MapProtection protection, MapFlags extra = 0) =>
        Map(bytes, protection, MapFlags.MAP_PRIVATE | MapFlags.MAP_ANONYMOUS | extra, Fd.None, 0);

    /// <summary>Shared with the file: stores reach it. An access past its last page raises SIGBUS.</summary>
    public static SysResult<nint> MapFile(Fd file, long position, long bytes, MapProtection protection) =>
        Map(bytes, protection, MapFlags.MAP_SHARED, file, position);

    /// <summary>A part of a ring, populated at once so that the loop never faults on it.</summary>
    public static SysResult<nint> MapRing(Fd ring, RingOffset offset, long bytes) =>
        Map(
            bytes,
            MapProtection.PROT_READ | MapProtection.PROT_WRITE,
            MapFlags.MAP_SHARED | MapFlags.MAP_POPULATE,
            ring,
            (long)offset
        );

    public static SysResult Unmap(nint address, long bytes) =>
        SysResult.FromReturn(Libc.munmap((void*)address, (nuint)bytes));

    public static SysResult Protect(nint address, long bytes, MapProtection protection) =>
        SysResult.FromReturn(Libc.mprotect((void*)address, (nuint)bytes, (int)protection));

    /// <summary>
    /// MADV_POPULATE_WRITE touches every page now (2.5-3.4 us each on a fresh virtual machine; EINVAL before kernel
    /// 5.14); MADV_DONTNEED gives the pages back, and they read as zero afterwards.
    /// </summary>
    public static SysResult Advise(nint address, long bytes, MapAdvice advice)
    {
        while (true)
        {
            SysResult result = SysResult.FromReturn(Libc.madvise((void*)address, (nuint)bytes, (int)advice));
            if (result.Error != Errno.EINTR)
            {
                return result;
            }
        }
    }

    /// <summary>Keeps the pages in memory. ENOMEM past RLIMIT_MEMLOCK, EPERM where that is zero.</summary>
    public static SysResult Lock(nint address, long bytes) =>
        SysResult.FromReturn(Libc.mlock((void*)address, (nuint)bytes));

    public static SysResult Unlock(nint address, long bytes) =>
        SysResult.FromReturn(Libc.munlock((void*)address, (nuint)bytes));

    /// <summary>Writes a shared file mapping back. MS_SYNC blocks until it is on the disk.</summary>
    public static SysResult Sync(nint address, long bytes, MapSyncFlags flags) =>
        SysResult.FromReturn(Libc.msync((void*)address, (nuint)bytes, (int)flags));

    private static SysResult<nint> Map(long bytes, MapProtection protection, MapFlags flags, Fd fd, long position)
    {
        Invariant.That(bytes > 0);
        void* address = Libc.mmap(null, (nuint)bytes, (int)protection, (int)flags, fd.Value, position);
        return (nint)address != -1 ? new SysResult<nint>((nint)address) : new SysResult<nint>(LinuxError.Last());
    }
}
