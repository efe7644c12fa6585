using System.Runtime.InteropServices;

namespace Aot.Broker.Linux;

// dirent.h

/// <summary>
/// One entry of getdents64, as large as its name needs: only d_reclen bytes of it are there, so it is read through a
/// pointer and never copied whole. The name ends with a zero.
/// <code>
/// 0 d_ino   8 d_off   16 d_reclen   18 d_type   19 d_name...
/// </code>
/// </summary>
// SAFETY: the fixed array only describes the layout; nothing here follows a pointer.
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct dirent64
{
    public const int NameOffset = 19;

    public ulong d_ino;
    public long d_off;
    public ushort d_reclen;
    public DirectoryEntryType d_type;
    public fixed byte d_name[256];
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
