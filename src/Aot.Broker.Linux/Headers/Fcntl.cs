using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// fcntl.h

/// <summary>Values of x64; O_DIRECT, O_DIRECTORY and O_NOFOLLOW differ on arm64.</summary>
[Flags]
public enum OpenFlags
{
    O_RDONLY = 0,
    O_WRONLY = 0x1,
    O_RDWR = 0x2,
    O_CREAT = 0x40,
    O_EXCL = 0x80,
    O_TRUNC = 0x200,
    O_APPEND = 0x400,
    O_NONBLOCK = 0x800,
    O_DSYNC = 0x1000,
    O_DIRECT = 0x4000,
    O_DIRECTORY = 0x10000,
    O_NOFOLLOW = 0x20000,
    O_NOATIME = 0x40000,
    O_CLOEXEC = 0x80000,
}

/// <summary>What a path is relative to (AT_FDCWD), and flags of the *at family.</summary>
public enum AtConstants
{
    AT_FDCWD = -100,
    AT_SYMLINK_NOFOLLOW = 0x100,
    AT_REMOVEDIR = 0x200,
    AT_EMPTY_PATH = 0x1000,
}

[Flags]
public enum FallocateMode
{
    None = 0,
    FALLOC_FL_KEEP_SIZE = 0x1,
    FALLOC_FL_PUNCH_HOLE = 0x2,
    FALLOC_FL_ZERO_RANGE = 0x10,
}

[Flags]
public enum SyncRangeFlags : uint
{
    SYNC_FILE_RANGE_WAIT_BEFORE = 1,
    SYNC_FILE_RANGE_WRITE = 2,
    SYNC_FILE_RANGE_WAIT_AFTER = 4,
}

public enum FileAdvice
{
    POSIX_FADV_NORMAL = 0,
    POSIX_FADV_RANDOM = 1,
    POSIX_FADV_SEQUENTIAL = 2,
    POSIX_FADV_WILLNEED = 3,
    POSIX_FADV_DONTNEED = 4,
    POSIX_FADV_NOREUSE = 5,
}

/// <summary>Commands of fcntl(2).</summary>
public enum FcntlCommand
{
    F_GETFL = 3,
    F_SETFL = 4,
    F_OFD_GETLK = 36,
    F_OFD_SETLK = 37,
}

public enum FileLockType : short
{
    F_RDLCK = 0,
    F_WRLCK = 1,
    F_UNLCK = 2,
}

[StructLayout(LayoutKind.Sequential)]
public struct flock
{
    public FileLockType l_type;

    /// <summary>0 = SEEK_SET.</summary>
    public short l_whence;
    public long l_start;

    /// <summary>0 = to the end of the file, however far it grows.</summary>
    public long l_len;
    public int l_pid;
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int openat(int dirfd, byte* pathname, int flags, uint mode);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int fcntl(int fd, int cmd, nint arg);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int fallocate(int fd, int mode, long offset, long len);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int sync_file_range(int fd, long offset, long nbytes, uint flags);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint readahead(int fd, long offset, nuint count);

    /// <summary>Returns the error number instead of setting errno.</summary>
    [LibraryImport(Library)]
    internal static partial int posix_fadvise(int fd, long offset, long len, int advice);
}
