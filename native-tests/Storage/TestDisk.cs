using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

/// <summary>The kernel's files, with faults on demand and a count of what is open.</summary>
internal sealed class TestDisk : Disk
{
    private readonly LinuxDisk _disk = new();
    private readonly Dictionary<int, string> _open = [];

    public Errno WriteError { get; set; }

    public Errno SyncError { get; set; }

    public Errno OpenError { get; set; }

    public Errno ReadError { get; set; }

    /// <summary>Bytes of a failing write that still reach the file.</summary>
    public int WrittenBeforeError { get; set; }

    /// <summary>Calls that change the disk and still take place; all after them fail, as those of a process that is gone.</summary>
    public long ChangesUntilStop { get; set; } = long.MaxValue;

    public int VectoredWrites { get; private set; }

    public int Reads { get; private set; }

    public int Syncs { get; private set; }

    /// <summary>Bytes whose write-back was waited for.</summary>
    public long AwaitedBytes { get; private set; }

    public List<string> SyncedDirectories { get; } = [];

    public IReadOnlyCollection<string> OpenPaths => _open.Values;

    /// <summary>The call in which the process ends is half done where it can be.</summary>
    private bool IsStopped()
    {
        ChangesUntilStop = Math.Max(-1, ChangesUntilStop - 1);
        return ChangesUntilStop < 0;
    }

    public string PathOf(Fd fd) => _open[fd.Value];

    public override Errno Open(string path, DiskOpen mode, out Fd fd)
    {
        fd = Fd.None;
        if (mode != DiskOpen.ReadOnly && IsStopped())
        {
            return Errno.EIO;
        }
        if (OpenError != Errno.None)
        {
            return OpenError;
        }
        Errno error = _disk.Open(path, mode, out fd);
        if (error == Errno.None)
        {
            _open.Add(fd.Value, path);
        }
        return error;
    }

    public override void Close(Fd fd)
    {
        Assert.True(_open.Remove(fd.Value), "closed twice");
        _disk.Close(fd);
    }

    public override void Unlock(Fd fd)
    {
        Assert.True(_open.Remove(fd.Value), "unlocked twice");
        _disk.Unlock(fd);
    }

    /// <summary>What the kernel does at the end of a process.</summary>
    public void CloseAll()
    {
        foreach (int fd in _open.Keys)
        {
            _disk.Close(new Fd(fd));
        }
        _open.Clear();
    }

    public override long Write(Fd fd, ReadOnlySpan<IoPiece> pieces, long position)
    {
        VectoredWrites++;
        if (WriteError != Errno.None)
        {
            byte[] part = new byte[WrittenBeforeError];
            _disk.Write(fd, part, position);
            return -(long)WriteError;
        }
        return _disk.Write(fd, pieces, position);
    }

    public override long Write(Fd fd, ReadOnlySpan<byte> bytes, long position)
    {
        bool wasRunning = ChangesUntilStop >= 0;
        if (IsStopped())
        {
            _disk.Write(fd, bytes[..(wasRunning ? bytes.Length / 2 : 0)], position);
            return -(long)Errno.EIO;
        }
        return WriteError != Errno.None ? -(long)WriteError : _disk.Write(fd, bytes, position);
    }

    public override long Read(Fd fd, Span<byte> target, long position)
    {
        Reads++;
        return ReadError != Errno.None ? -(long)ReadError : _disk.Read(fd, target, position);
    }

    public override Errno Truncate(Fd fd, long length) => IsStopped() ? Errno.EIO : _disk.Truncate(fd, length);

    public override Errno Allocate(Fd fd, long position, long length) => _disk.Allocate(fd, position, length);

    public override Errno Sync(Fd fd, bool dataOnly)
    {
        Syncs++;
        return SyncError != Errno.None ? SyncError : _disk.Sync(fd, dataOnly);
    }

    public override Errno SyncDirectory(string path)
    {
        SyncedDirectories.Add(path);
        return _disk.SyncDirectory(path);
    }

    public override Errno StartWriteback(Fd fd, long position, long length) =>
        _disk.StartWriteback(fd, position, length);

    public override Errno AwaitWriteback(Fd fd, long position, long length)
    {
        AwaitedBytes += length;
        return _disk.AwaitWriteback(fd, position, length);
    }

    public override long Length(Fd fd) => _disk.Length(fd);

    /// <summary>What is not in the page cache, by path and range; null = the kernel says it.</summary>
    public Func<string, long, long, bool>? IsMissing { get; set; }

    public override bool IsResident(Fd fd, long position, long length) =>
        IsMissing is { } isMissing
            ? !isMissing(_open[fd.Value], position, length)
            : _disk.IsResident(fd, position, length);

    /// <summary>The rename that fails, counted from 0; nothing before it and nothing behind it does.</summary>
    public long RenamesUntilError { get; set; } = long.MaxValue;

    public override Errno Rename(string from, string to) =>
        IsStopped() || RenamesUntilError-- == 0 ? Errno.EIO : _disk.Rename(from, to);

    public override Errno Delete(string path) => IsStopped() ? Errno.EIO : _disk.Delete(path);

    public override Errno CreateDirectory(string path) => _disk.CreateDirectory(path);

    public override Errno DeleteDirectory(string path) => _disk.DeleteDirectory(path);

    public override bool Exists(string path) => _disk.Exists(path);

    public override long LengthOf(string path) => _disk.LengthOf(path);

    public override long ModifiedMillisOf(string path) => _disk.ModifiedMillisOf(path);

    public override Errno SetModified(Fd fd, long wallMillis) => _disk.SetModified(fd, wallMillis);

    public override Errno List(string directory, List<DiskEntry> entries) => _disk.List(directory, entries);

    public override Errno Lock(string path, out Fd fd)
    {
        Errno error = _disk.Lock(path, out fd);
        if (error == Errno.None)
        {
            _open.Add(fd.Value, path);
        }
        return error;
    }
}
