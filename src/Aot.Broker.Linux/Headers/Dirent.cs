using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// dirent.h

/// <summary>
/// The fixed head of one entry of getdents64; the name follows at byte 19 and ends with a zero.
/// <code>
/// 0 d_ino   8 d_off   16 d_reclen   18 d_type   19 d_name...
/// </code>
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = NameOffset)]
internal struct dirent64_head
{
    public const int NameOffset = 19;

    [FieldOffset(0)]
    public ulong d_ino;

    [FieldOffset(8)]
    public long d_off;

    [FieldOffset(16)]
    public ushort d_reclen;

    [FieldOffset(18)]
    public DirectoryEntryType d_type;
}

internal enum DirectoryEntryType : byte
{
    DT_UNKNOWN = 0,
    DT_DIR = 4,
    DT_REG = 8,
    DT_LNK = 10,
}

internal static unsafe partial class Libc
{
    /// <summary>glibc 2.30, musl 1.2.</summary>
    [LibraryImport(Library, SetLastError = true)]
    internal static partial nint getdents64(int fd, void* dirp, nuint length);
}
