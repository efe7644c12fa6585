using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// sys/stat.h. statx(2) in place of stat(2): its struct is the same on every architecture.

[Flags]
public enum StatxMask : uint
{
    STATX_TYPE = 0x1,
    STATX_MODE = 0x2,
    STATX_NLINK = 0x4,
    STATX_MTIME = 0x40,
    STATX_INO = 0x100,
    STATX_SIZE = 0x200,
    STATX_BLOCKS = 0x400,
    STATX_BASIC_STATS = 0x7ff,
}

/// <summary>The file type in the high bits of a mode (octal 0170000).</summary>
public enum FileTypeBits : ushort
{
    S_IFMT = 0xF000,
    S_IFDIR = 0x4000,
    S_IFREG = 0x8000,
    S_IFLNK = 0xA000,
}

[StructLayout(LayoutKind.Sequential)]
public struct statx_timestamp
{
    public long tv_sec;
    public uint tv_nsec;
    public int __reserved;
}

[StructLayout(LayoutKind.Sequential)]
public unsafe struct statx
{
    public StatxMask stx_mask;
    public uint stx_blksize;
    public ulong stx_attributes;
    public uint stx_nlink;
    public uint stx_uid;
    public uint stx_gid;
    public ushort stx_mode;
    public ushort __spare0;
    public ulong stx_ino;
    public ulong stx_size;

    /// <summary>In units of 512 bytes.</summary>
    public ulong stx_blocks;
    public ulong stx_attributes_mask;
    public statx_timestamp stx_atime;
    public statx_timestamp stx_btime;
    public statx_timestamp stx_ctime;
    public statx_timestamp stx_mtime;
    public uint stx_rdev_major;
    public uint stx_rdev_minor;
    public uint stx_dev_major;
    public uint stx_dev_minor;
    public ulong stx_mnt_id;
    public fixed ulong __spare3[13];
}

internal static unsafe partial class Libc
{
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int statx(int dirfd, byte* pathname, int flags, uint mask, statx* statxbuf);

    /// <summary>Two times: of the last access, then of the last change.</summary>
    [LibraryImport(Library, SetLastError = true)]
    internal static partial int futimens(int fd, timespec* times);

    [LibraryImport(Library, SetLastError = true)]
    internal static partial int mkdir(byte* pathname, uint mode);
}
