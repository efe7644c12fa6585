using System.Runtime.CompilerServices;
using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

/// <summary>Files of the kernel, through its page cache. Stateless; any thread.</summary>
public sealed unsafe class LinuxDisk : Disk
{
    private static readonly long s_pageBytes = Environment.SystemPageSize;

    public override Errno Open(string path, DiskOpen mode, out Fd fd)
    {
        OpenFlags flags = mode switch
        {
            DiskOpen.ReadOnly => OpenFlags.O_RDONLY,
            DiskOpen.ReadWrite => OpenFlags.O_RDWR,
            DiskOpen.CreateNew => OpenFlags.O_RDWR | OpenFlags.O_CREAT | OpenFlags.O_EXCL,
            DiskOpen.OpenOrCreate => OpenFlags.O_RDWR | OpenFlags.O_CREAT,
            _ => throw Invariant.Unreachable("DiskOpen"),
        };
        SysResult<Fd> opened = FilePaths.Open(path, flags);
        fd = opened.IsOk ? opened.Value : Fd.None;
        return opened.Error;
    }

    public override void Close(Fd fd) => Files.Close(fd);

    [HotPath]
    public override long Write(Fd fd, ReadOnlySpan<IoPiece> pieces, long position)
    {
        long total = 0;
        // SAFETY: the caller keeps the pieces and what they point to until we return; the kernel only reads them.
        fixed (IoPiece* start = pieces)
        {
            IoPiece* next = start;
            int left = pieces.Length;
            while (left > 0)
            {
                int count = Math.Min(left, iovec.CountMax);
                SysResult<long> written = Files.WriteVector(fd, (iovec*)next, count, position + total);
                if (!written.IsOk)
                {
                    return -(long)written.Error;
                }
                total += written.Value;
                long gone = written.Value;
                while (left > 0 && gone >= next->Length)
                {
                    gone -= next->Length;
                    next++;
                    left--;
                }
                if (gone > 0)
                {
                    long rest = FinishPieceSlow(fd, next, gone, position + total);
                    if (rest < 0)
                    {
                        return rest;
                    }
                    total += rest;
                    next++;
                    left--;
                }
                else if (written.Value == 0 && left > 0)
                {
                    return -(long)Errno.EIO;
                }
            }
        }
        return total;
    }

    [HotPath]
    public override long Write(Fd fd, ReadOnlySpan<byte> bytes, long position)
    {
        int done = 0;
        while (done < bytes.Length)
        {
            SysResult<int> written = Files.Write(fd, bytes[done..], position + done);
            if (!written.IsOk)
            {
                return -(long)written.Error;
            }
            if (written.Value == 0)
            {
                return -(long)Errno.EIO;
            }
            done += written.Value;
        }
        return done;
    }

    public override long Read(Fd fd, Span<byte> target, long position)
    {
        int done = 0;
        while (done < target.Length)
        {
            SysResult<int> read = Files.Read(fd, target[done..], position + done);
            if (!read.IsOk)
            {
                return -(long)read.Error;
            }
            if (read.Value == 0)
            {
                break;
            }
            done += read.Value;
        }
        return done;
    }

    public override Errno Truncate(Fd fd, long length) => Files.Truncate(fd, length).Error;

    public override Errno Allocate(Fd fd, long position, long length) =>
        Files.Allocate(fd, FallocateMode.FALLOC_FL_KEEP_SIZE, position, length).Error;

    public override Errno Sync(Fd fd, bool dataOnly) => (dataOnly ? Files.SyncData(fd) : Files.Sync(fd)).Error;

    public override Errno SyncDirectory(string path) => FilePaths.SyncDirectory(path).Error;

    public override Errno StartWriteback(Fd fd, long position, long length) =>
        Files.SyncRange(fd, position, length, SyncRangeFlags.SYNC_FILE_RANGE_WRITE).Error;

    public override Errno AwaitWriteback(Fd fd, long position, long length) =>
        Files
            .SyncRange(
                fd,
                position,
                length,
                SyncRangeFlags.SYNC_FILE_RANGE_WAIT_BEFORE
                    | SyncRangeFlags.SYNC_FILE_RANGE_WRITE
                    | SyncRangeFlags.SYNC_FILE_RANGE_WAIT_AFTER
            )
            .Error;

    public override long Length(Fd fd)
    {
        SysResult<FileStatus> status = Files.Status(fd);
        return status.IsOk ? status.Value.LengthBytes : -(long)status.Error;
    }

    [HotPath]
    public override bool IsResident(Fd fd, long position, long length)
    {
        if (length <= 0)
        {
            return true;
        }
        long pages = ((position + length - 1) / s_pageBytes) - (position / s_pageBytes) + 1;
        SysResult asked = Files.CacheStatus(fd, position, length, out cachestat status);
        return asked.IsOk ? (long)status.nr_cache >= pages : IsResidentSlow(fd, position, length);
    }

    public override Errno Rename(string from, string to) => FilePaths.Rename(from, to).Error;

    public override Errno Delete(string path) => FilePaths.Unlink(path).Error;

    public override Errno CreateDirectory(string path) => FilePaths.MakeDirectory(path).Error;

    public override Errno DeleteDirectory(string path) => FilePaths.RemoveDirectory(path).Error;

    public override bool Exists(string path) => FilePaths.Status(path).IsOk;

    public override long LengthOf(string path)
    {
        SysResult<FileStatus> status = FilePaths.Status(path);
        return status.IsOk ? status.Value.LengthBytes : -(long)status.Error;
    }

    public override long ModifiedMillisOf(string path)
    {
        SysResult<FileStatus> status = FilePaths.Status(path);
        return status.IsOk ? status.Value.ModifiedUnixMilliseconds : -(long)status.Error;
    }

    public override Errno SetModified(Fd fd, long wallMillis) => Files.SetTimes(fd, wallMillis).Error;

    public override Errno List(string directory, List<DiskEntry> entries) =>
        Directories.List(directory, (name, isDirectory) => entries.Add(new DiskEntry(name, isDirectory))).Error;

    public override Errno Lock(string path, out Fd fd)
    {
        Errno error = Open(path, DiskOpen.OpenOrCreate, out fd);
        if (error != Errno.None)
        {
            return error;
        }
        error = Files.TryLockExclusive(fd).Error;
        if (error != Errno.None)
        {
            Close(fd);
            fd = Fd.None;
        }
        return error;
    }

    public override void Unlock(Fd fd)
    {
        // An error changes nothing: closing the last descriptor ends the lock as well.
        _ = Files.Unlock(fd);
        Close(fd);
    }

    /// <summary>A short write ended inside a piece: the rest of it, alone. Returns its bytes, or -errno.</summary>
    private long FinishPieceSlow(Fd fd, IoPiece* piece, long gone, long position) =>
        Write(fd, new ReadOnlySpan<byte>(piece->Address + gone, piece->Length - (int)gone), position);

    /// <summary>
    /// A kernel without cachestat (before 6.5) is asked for the first and the last byte without waiting; what lies
    /// between was read or written with them. A file that cannot be asked at all counts as resident.
    /// </summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsResidentSlow(Fd fd, long position, long length)
    {
        Span<byte> one = stackalloc byte[1];
        return Files.ReadCached(fd, one, position).Error != Errno.EAGAIN
            && Files.ReadCached(fd, one, position + length - 1).Error != Errno.EAGAIN;
    }
}
