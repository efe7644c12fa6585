using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>What statx(2) says of a file.</summary>
public readonly record struct FileStatus(
    long LengthBytes,
    long AllocatedBytes,
    long ModifiedUnixMilliseconds,
    ulong Inode,
    uint DeviceMajor,
    uint DeviceMinor,
    bool IsDirectory,
    bool IsRegularFile
)
{
    // SAFETY: the path is pinned by the caller and ends with a zero; the kernel writes one local statx.
    internal static unsafe SysResult<FileStatus> Read(int directory, byte* path, int flags)
    {
        statx answer = default;
        if (Libc.statx(directory, path, flags, (uint)StatxMask.STATX_BASIC_STATS, &answer) != 0)
        {
            return LinuxError.Last();
        }
        ushort type = (ushort)(answer.stx_mode & (ushort)FileTypeBits.S_IFMT);
        return new SysResult<FileStatus>(
            new FileStatus(
                (long)answer.stx_size,
                (long)answer.stx_blocks * 512,
                (answer.stx_mtime.tv_sec * 1000) + (answer.stx_mtime.tv_nsec / 1_000_000),
                answer.stx_ino,
                answer.stx_dev_major,
                answer.stx_dev_minor,
                type == (ushort)FileTypeBits.S_IFDIR,
                type == (ushort)FileTypeBits.S_IFREG
            )
        );
    }
}

/// <summary>
/// Calls that take a path (UTF-8, at most 4,095 bytes: ENAMETOOLONG beyond). They walk directories and may wait for the
/// disk: for start-up, the control plane and helper threads.
/// </summary>
public static unsafe class FilePaths
{
    private const int WorkingDirectory = (int)AtConstants.AT_FDCWD;

    /// <summary>Read and write for the owner, read for the group.</summary>
    public const uint FilePermissions = 0x1A0;

    /// <summary>All for the owner, list and enter for the group.</summary>
    public const uint DirectoryPermissions = 0x1E8;

    /// <summary>Close-on-exec is always added.</summary>
    public static SysResult<Fd> Open(string path, OpenFlags flags, uint mode = FilePermissions)
    {
        PathBytes bytes = new(path, stackalloc byte[PathBytes.BytesMax]);
        if (bytes.Error != Errno.None)
        {
            return bytes.Error;
        }
        // SAFETY: the bytes lie on this frame's stack and end with a zero; the kernel only reads them.
        fixed (byte* name = bytes)
        {
            while (true)
            {
                int fd = Libc.openat(WorkingDirectory, name, (int)(flags | OpenFlags.O_CLOEXEC), mode);
                if (fd >= 0)
                {
                    return new Fd(fd);
                }
                Errno error = LinuxError.Last();
                if (error != Errno.EINTR)
                {
                    return error;
                }
            }
        }
    }

    public static SysResult<FileStatus> Status(string path)
    {
        PathBytes bytes = new(path, stackalloc byte[PathBytes.BytesMax]);
        if (bytes.Error != Errno.None)
        {
            return bytes.Error;
        }
        // SAFETY: as in Open.
        fixed (byte* name = bytes)
        {
            return FileStatus.Read(WorkingDirectory, name, 0);
        }
    }

    /// <summary>Atomic replacement. Durable only after <see cref="SyncDirectory"/> of the target's directory.</summary>
    public static SysResult Rename(string source, string target)
    {
        PathBytes sourceBytes = new(source, stackalloc byte[PathBytes.BytesMax]);
        PathBytes targetBytes = new(target, stackalloc byte[PathBytes.BytesMax]);
        Errno invalid = sourceBytes.Error != Errno.None ? sourceBytes.Error : targetBytes.Error;
        if (invalid != Errno.None)
        {
            return invalid;
        }
        // SAFETY: as in Open, for both.
        fixed (byte* oldName = sourceBytes)
        fixed (byte* newName = targetBytes)
        {
            return SysResult.FromReturn(Libc.rename(oldName, newName));
        }
    }

    public static SysResult Unlink(string path)
    {
        PathBytes bytes = new(path, stackalloc byte[PathBytes.BytesMax]);
        // SAFETY: as in Open.
        fixed (byte* name = bytes)
        {
            return bytes.Error != Errno.None ? new SysResult(bytes.Error) : SysResult.FromReturn(Libc.unlink(name));
        }
    }

    /// <summary>One level; EEXIST where it is there.</summary>
    public static SysResult MakeDirectory(string path, uint mode = DirectoryPermissions)
    {
        PathBytes bytes = new(path, stackalloc byte[PathBytes.BytesMax]);
        // SAFETY: as in Open.
        fixed (byte* name = bytes)
        {
            return bytes.Error != Errno.None
                ? new SysResult(bytes.Error)
                : SysResult.FromReturn(Libc.mkdir(name, mode));
        }
    }

    /// <summary>ENOTEMPTY where it has entries.</summary>
    public static SysResult RemoveDirectory(string path)
    {
        PathBytes bytes = new(path, stackalloc byte[PathBytes.BytesMax]);
        // SAFETY: as in Open.
        fixed (byte* name = bytes)
        {
            return bytes.Error != Errno.None ? new SysResult(bytes.Error) : SysResult.FromReturn(Libc.rmdir(name));
        }
    }

    /// <summary>Makes creations, renames and removals in a directory durable. Blocks. An error is final.</summary>
    public static SysResult SyncDirectory(string path)
    {
        SysResult<Fd> opened = Open(path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
        if (!opened.IsOk)
        {
            return opened.Error;
        }
        SysResult synced = Files.Sync(opened.Value);
        SysResult closed = Files.Close(opened.Value);
        return synced.IsOk ? closed : synced;
    }
}
