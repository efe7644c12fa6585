using System.Runtime.InteropServices;
using System.Text;
using Aot.Broker.Base;

namespace Aot.Broker.Linux;

/// <summary>The entries of a directory. Walks the disk: for start-up, the control plane and helper threads.</summary>
// SAFETY: the chunk belongs to one call, which frees it after the last entry was copied out; entries lie in the
// bytes that the kernel said it filled, each with its own length and a zero after its name.
public static unsafe class Directories
{
    private const int ChunkBytes = 16 * 1024;

    /// <summary>Calls back for each entry in no particular order, without "." and "..". A symbolic link counts as what it points to.</summary>
    public static SysResult List(string path, Action<string, bool> entryNameAndIsDirectory)
    {
        SysResult<Fd> opened = FilePaths.Open(path, OpenFlags.O_RDONLY | OpenFlags.O_DIRECTORY);
        if (!opened.IsOk)
        {
            return new SysResult(opened.Error);
        }
        byte* chunk = (byte*)NativeMemory.Alloc(ChunkBytes);
        try
        {
            while (true)
            {
                nint filled = Libc.getdents64(opened.Value.Value, chunk, ChunkBytes);
                if (filled < 0)
                {
                    Errno error = LinuxError.Last();
                    if (error == Errno.EINTR)
                    {
                        continue;
                    }
                    return new SysResult(error);
                }
                if (filled == 0)
                {
                    return SysResult.Ok;
                }
                ReadChunk(path, chunk, (int)filled, entryNameAndIsDirectory);
            }
        }
        finally
        {
            NativeMemory.Free(chunk);
            Files.Close(opened.Value);
        }
    }

    private static void ReadChunk(string path, byte* chunk, int filled, Action<string, bool> found)
    {
        for (int at = 0; at < filled; )
        {
            dirent64* entry = (dirent64*)(chunk + at);
            byte* name = chunk + at + dirent64.NameOffset;
            string text = Encoding.UTF8.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name));
            if (text is not ("." or ".."))
            {
                bool isDirectory = entry->d_type switch
                {
                    DirectoryEntryType.DT_DIR => true,
                    DirectoryEntryType.DT_UNKNOWN or DirectoryEntryType.DT_LNK => FilePaths
                        .Status(Path.Join(path, text))
                        .TryGet(out FileStatus status, out _) && status.IsDirectory,
                    _ => false,
                };
                found(text, isDirectory);
            }
            Invariant.That(entry->d_reclen > dirent64.NameOffset);
            at += entry->d_reclen;
        }
    }
}
