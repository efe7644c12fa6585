using Aot.Broker.Base;
using Aot.Broker.Linux;

namespace Aot.Broker.Reactor;

public enum DiskOpen
{
    ReadOnly,
    ReadWrite,

    /// <summary>Fails with EEXIST when it is there.</summary>
    CreateNew,
    OpenOrCreate,
}

/// <summary>An entry of a directory.</summary>
public readonly record struct DiskEntry(string Name, bool IsDirectory);

/// <summary>
/// Files, by plain calls. Cores use it for what the page cache answers at once (append, read of hot data), helper
/// threads for the rest. LinuxDisk is the kernel; the simulator's disk loses what was not synced.
/// </summary>
/// <remarks>
/// Any thread may call it; one descriptor is used by one thread at a time. Errors are values: an Errno, or -errno where
/// a count is the normal result. Paths are used as they are given.
/// </remarks>
public abstract class Disk
{
    public abstract Errno Open(string path, DiskOpen mode, out Fd fd);

    public abstract void Close(Fd fd);

    /// <summary>Writes all pieces (looping over short writes): the bytes, or -errno, with part of them possibly written.</summary>
    public abstract long Write(Fd fd, ReadOnlySpan<IoPiece> pieces, long position);

    public abstract long Write(Fd fd, ReadOnlySpan<byte> bytes, long position);

    /// <summary>Reads until the target is full or the file ends: bytes, or -errno.</summary>
    public abstract long Read(Fd fd, Span<byte> target, long position);

    public abstract Errno Truncate(Fd fd, long length);

    /// <summary>Reserves blocks; the length of the file stays. EOPNOTSUPP where the file system cannot.</summary>
    public abstract Errno Allocate(Fd fd, long position, long length);

    public abstract Errno Sync(Fd fd, bool dataOnly);

    public abstract Errno SyncDirectory(string path);

    /// <summary>Starts writing dirty pages of the range to the device; does not wait for them.</summary>
    public abstract Errno StartWriteback(Fd fd, long position, long length);

    /// <summary>Waits until the dirty pages of the range are on the device's queue and done; no durability (no metadata, no flush).</summary>
    public abstract Errno AwaitWriteback(Fd fd, long position, long length);

    /// <summary>Bytes of the file, or -errno.</summary>
    public abstract long Length(Fd fd);

    /// <summary>True when reading the range needs no device. A kernel that cannot say answers true.</summary>
    public abstract bool IsResident(Fd fd, long position, long length);

    public abstract Errno Rename(string from, string to);

    public abstract Errno Delete(string path);

    /// <summary>One level; EEXIST when it is there.</summary>
    public abstract Errno CreateDirectory(string path);

    /// <summary>An empty directory.</summary>
    public abstract Errno DeleteDirectory(string path);

    public abstract bool Exists(string path);

    /// <summary>Bytes of the file, or -errno.</summary>
    public abstract long LengthOf(string path);

    /// <summary>When the file was last written to, in milliseconds of wall time, or -errno.</summary>
    public abstract long ModifiedMillisOf(string path);

    /// <summary>The file counts as last written to then. On the disk with the next sync, as a write.</summary>
    public abstract Errno SetModified(Fd fd, long wallMillis);

    /// <summary>Adds the entries in no particular order, without "." and "..".</summary>
    public abstract Errno List(string directory, List<DiskEntry> entries);

    /// <summary>Creates the file if needed and locks it for this process: EAGAIN (= EWOULDBLOCK) when another has it.</summary>
    public abstract Errno Lock(string path, out Fd fd);

    /// <summary>
    /// Ends a lock and closes its file. The lock ends now, even where a process that is just being started still holds a
    /// copy of the descriptor.
    /// </summary>
    public virtual void Unlock(Fd fd) => Close(fd);

    /// <summary>The whole file; empty with the error when it cannot be read.</summary>
    public Errno ReadAllBytes(string path, out byte[] bytes)
    {
        bytes = [];
        Errno error = Open(path, DiskOpen.ReadOnly, out Fd fd);
        if (error != Errno.None)
        {
            return error;
        }
        long length = Length(fd);
        if (length > Array.MaxLength)
        {
            Close(fd);
            return Errno.EFBIG;
        }
        if (length >= 0)
        {
            bytes = new byte[length];
            length = Read(fd, bytes, 0);
        }
        Close(fd);
        if (length < 0)
        {
            bytes = [];
            return (Errno)(-length);
        }
        if (length < bytes.Length)
        {
            Array.Resize(ref bytes, (int)length);
        }
        return Errno.None;
    }

    /// <summary>
    /// Replaces a file so that a crash leaves the old or the new content: path.tmp is written and synced, renamed over
    /// the file, and the directory is synced.
    /// </summary>
    public Errno WriteAllBytesAtomically(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = path + ".tmp";
        Errno error = Delete(temporary);
        if (error is not (Errno.None or Errno.ENOENT))
        {
            return error;
        }
        error = Open(temporary, DiskOpen.CreateNew, out Fd fd);
        if (error != Errno.None)
        {
            return error;
        }
        long written = Write(fd, bytes, 0);
        error = written < 0 ? (Errno)(-written) : Sync(fd, dataOnly: false);
        Close(fd);
        if (error == Errno.None)
        {
            error = Rename(temporary, path);
        }
        if (error != Errno.None)
        {
            Delete(temporary);
            return error;
        }
        return SyncDirectory(ParentOf(path));
    }

    /// <summary>Creates the directory and what is missing above it; what was created is found after a power loss, too.</summary>
    public Errno CreateDirectories(string path)
    {
        if (path.Length == 0 || Exists(path))
        {
            return Errno.None;
        }
        Errno error = CreateDirectories(Path.GetDirectoryName(path) ?? "");
        if (error != Errno.None)
        {
            return error;
        }
        error = CreateDirectory(path);
        if (error is not (Errno.None or Errno.EEXIST))
        {
            return error;
        }
        return SyncDirectory(ParentOf(path));
    }

    private static string ParentOf(string path) =>
        Path.GetDirectoryName(path) is { Length: > 0 } directory ? directory : ".";
}
