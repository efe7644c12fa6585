using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>
/// Files by descriptor: positional reads and writes, space, durability. Disk errors (ENOSPC, EDQUOT, EIO, EROFS) are
/// results for the caller. Calls on paths (open, rename, ...) are in <see cref="FilePaths"/>.
/// </summary>
/// <remarks>A read or write moves what it could: the result may be shorter than asked, and the caller goes on from there.</remarks>
public static unsafe class Files
{
    /// <summary>
    /// Never repeated: on Linux the descriptor is gone even after EINTR, and a second close could hit another file's
    /// new descriptor. EIO and ENOSPC report an earlier failed write-back.
    /// </summary>
    public static SysResult Close(Fd fd)
    {
        SysResult result = SysResult.FromReturn(Libc.close(fd.Value));
        return result.Error == Errno.EINTR ? SysResult.Ok : result;
    }

    /// <summary>Bytes read; 0 = end of file.</summary>
    public static SysResult<int> Read(Fd fd, byte* target, int lengthMax, long position)
    {
        while (true)
        {
            nint count = Libc.pread(fd.Value, target, (nuint)lengthMax, position);
            if (count >= 0)
            {
                return (int)count;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    public static SysResult<int> Read(Fd fd, Span<byte> target, long position)
    {
        // SAFETY: the span is pinned until the call returns, and the kernel writes only within its length.
        fixed (byte* start = target)
        {
            return Read(fd, start, target.Length, position);
        }
    }

    /// <summary>Reads only what is in the page cache. EAGAIN = the first byte is not there; never waits for the disk.</summary>
    [HotPath]
    public static SysResult<int> ReadCached(Fd fd, Span<byte> target, long position)
    {
        // SAFETY: the span is pinned until the call returns, and the kernel writes only within its length.
        fixed (byte* start = target)
        {
            iovec piece = default;
            piece.iov_base = start;
            piece.iov_len = (nuint)target.Length;
            while (true)
            {
                nint count = Libc.preadv2(fd.Value, &piece, 1, position, (int)ReadWriteFlags.RWF_NOWAIT);
                if (count >= 0)
                {
                    return (int)count;
                }
                Errno error = LinuxError.Last();
                if (error != Errno.EINTR)
                {
                    return error;
                }
            }
        }
    }

    [HotPath]
    public static SysResult<int> Write(Fd fd, byte* source, int length, long position)
    {
        while (true)
        {
            nint count = Libc.pwrite(fd.Value, source, (nuint)length, position);
            if (count >= 0)
            {
                return (int)count;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    [HotPath]
    public static SysResult<int> Write(Fd fd, ReadOnlySpan<byte> source, long position)
    {
        // SAFETY: the span is pinned until the call returns; the kernel only reads it.
        fixed (byte* start = source)
        {
            return Write(fd, start, source.Length, position);
        }
    }

    /// <summary>Writes several pieces in one call; count up to <see cref="iovec.CountMax"/>. Total bytes written.</summary>
    [HotPath]
    public static SysResult<long> WriteVector(Fd fd, iovec* pieces, int count, long position)
    {
        while (true)
        {
            nint written = Libc.pwritev(fd.Value, pieces, count, position);
            if (written >= 0)
            {
                return written;
            }
            Errno error = LinuxError.Last();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    public static SysResult Truncate(Fd fd, long length)
    {
        while (true)
        {
            SysResult result = SysResult.FromReturn(Libc.ftruncate(fd.Value, length));
            if (result.Error != Errno.EINTR)
            {
                return result;
            }
        }
    }

    /// <summary>Reserves disk space. EOPNOTSUPP where the file system cannot.</summary>
    public static SysResult Allocate(Fd fd, FallocateMode mode, long position, long length)
    {
        while (true)
        {
            SysResult result = SysResult.FromReturn(Libc.fallocate(fd.Value, (int)mode, position, length));
            if (result.Error != Errno.EINTR)
            {
                return result;
            }
        }
    }

    /// <summary>Data and metadata on the disk. Blocks. An error is final: pages may already be marked clean.</summary>
    public static SysResult Sync(Fd fd)
    {
        while (true)
        {
            SysResult result = SysResult.FromReturn(Libc.fsync(fd.Value));
            if (result.Error != Errno.EINTR)
            {
                return result;
            }
        }
    }

    /// <summary>Data on the disk, and the metadata needed to read it back. Blocks. An error is final.</summary>
    public static SysResult SyncData(Fd fd)
    {
        while (true)
        {
            SysResult result = SysResult.FromReturn(Libc.fdatasync(fd.Value));
            if (result.Error != Errno.EINTR)
            {
                return result;
            }
        }
    }

    /// <summary>Starts (or waits for) write-back of a range; not durability. May block on a full device queue: not for a core.</summary>
    public static SysResult SyncRange(Fd fd, long position, long length, SyncRangeFlags flags) =>
        SysResult.FromReturn(Libc.sync_file_range(fd.Value, position, length, (uint)flags));

    public static SysResult<FileStatus> Status(Fd fd)
    {
        byte empty = 0;
        return FileStatus.Read(fd.Value, &empty, (int)AtConstants.AT_EMPTY_PATH);
    }

    /// <summary>Gives a file other times of its last change and access. It stands with the next sync, as a write does.</summary>
    public static SysResult SetTimes(Fd fd, long unixMilliseconds)
    {
        timespec* times = stackalloc timespec[2];
        times[0].tv_sec = Math.DivRem(unixMilliseconds, 1000, out long milliseconds);
        times[0].tv_nsec = milliseconds * 1_000_000;
        times[1] = times[0];
        // SAFETY: both lie on this frame's stack; the kernel only reads them.
        return SysResult.FromReturn(Libc.futimens(fd.Value, times));
    }

    public static SysResult Advise(Fd fd, long position, long length, FileAdvice advice)
    {
        int error = Libc.posix_fadvise(fd.Value, position, length, (int)advice);
        return (Errno)error;
    }

    /// <summary>Returns when the range is in the page cache (about 100 us per cold MB): not for a core.</summary>
    public static SysResult ReadAhead(Fd fd, long position, long length) =>
        SysResult.FromReturn((int)Libc.readahead(fd.Value, position, (nuint)length));

    /// <summary>
    /// Page-cache state of a range, in pages. ENOSYS before kernel 6.5; EPERM where the caller may neither write nor
    /// owns the file. 140 ns up to 1 MB.
    /// </summary>
    [HotPath]
    public static SysResult CacheStatus(Fd fd, long position, long length, out cachestat status)
    {
        cachestat_range range = default;
        range.off = (ulong)position;
        range.len = (ulong)length;
        cachestat answer = default;
        nint returned = Libc.syscall(
            (nint)SyscallNumber.SYS_cachestat,
            fd.Value,
            (nint)(&range),
            (nint)(&answer),
            0,
            0,
            0
        );
        status = answer;
        return SysResult.FromReturn((int)returned);
    }

    /// <summary>
    /// An exclusive lock on the whole file, held by this open file until it is closed, so that neither another thread's
    /// open and close of the same file nor a fork loses it. EAGAIN = another process holds it; it also excludes the
    /// classic fcntl locks that a Java broker takes.
    /// </summary>
    public static SysResult TryLockExclusive(Fd fd)
    {
        flock whole = new() { l_type = FileLockType.F_WRLCK };
        SysResult result = SysResult.FromReturn(Libc.fcntl(fd.Value, (int)FcntlCommand.F_OFD_SETLK, (nint)(&whole)));
        return result.Error == Errno.EACCES ? new SysResult(Errno.EAGAIN) : result;
    }

    public static SysResult Unlock(Fd fd)
    {
        flock whole = new() { l_type = FileLockType.F_UNLCK };
        return SysResult.FromReturn(Libc.fcntl(fd.Value, (int)FcntlCommand.F_OFD_SETLK, (nint)(&whole)));
    }
}
