using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/mman.h; cachestat of linux/mman.h

[Flags]
public enum MapProtection
{
    PROT_NONE = 0,
    PROT_READ = 1,
    PROT_WRITE = 2,
}

[Flags]
public enum MapFlags
{
    MAP_SHARED = 0x1,
    MAP_PRIVATE = 0x2,
    MAP_FIXED = 0x10,
    MAP_ANONYMOUS = 0x20,
    MAP_NORESERVE = 0x4000,
    MAP_POPULATE = 0x8000,
}

public enum MapAdvice
{
    MADV_NORMAL = 0,
    MADV_RANDOM = 1,
    MADV_SEQUENTIAL = 2,
    MADV_WILLNEED = 3,
    MADV_DONTNEED = 4,
    MADV_FREE = 8,
    MADV_HUGEPAGE = 14,
    MADV_NOHUGEPAGE = 15,
    MADV_DONTDUMP = 16,
    MADV_POPULATE_READ = 22,
    MADV_POPULATE_WRITE = 23,
}

[Flags]
public enum MapSyncFlags
{
    MS_ASYNC = 1,
    MS_SYNC = 4,
}

[StructLayout(LayoutKind.Sequential)]
public struct cachestat_range
{
    public ulong off;

    /// <summary>Bytes; 0 = to the end of the file.</summary>
    public ulong len;
}

/// <summary>All counts are pages.</summary>
[StructLayout(LayoutKind.Sequential)]
public struct cachestat
{
    public ulong nr_cache;
    public ulong nr_dirty;
    public ulong nr_writeback;
    public ulong nr_evicted;
    public ulong nr_recently_evicted;
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial void* mmap(void* addr, nuint length, int prot, int flags, int fd, long offset);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int munmap(void* addr, nuint length);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int mprotect(void* addr, nuint len, int prot);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int madvise(void* addr, nuint length, int advice);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int mlock(void* addr, nuint len);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int munlock(void* addr, nuint len);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int msync(void* addr, nuint length, int flags);
}
