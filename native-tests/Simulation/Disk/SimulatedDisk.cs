using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// The files of a world as one process uses them: its descriptors and locks go with it. Every call is a point where the
/// process may be killed or the power may go, a write in its middle too.
/// </summary>
internal sealed class SimulatedDisk(World world, SimulatedProcess process) : Disk
{
    private readonly Device _device = world.Device;

    public override Errno Open(string path, DiskOpen mode, out Fd fd)
    {
        fd = Fd.None;
        Begin("open", path);
        Errno error = _device.FindParent(path, out SimulatedDirectory parent, out string name);
        if (error != Errno.None)
        {
            return error;
        }
        parent.Entries.TryGetValue(name, out object? found);
        if (found is SimulatedDirectory)
        {
            return Errno.EISDIR;
        }
        if (found is null)
        {
            if (mode is DiskOpen.ReadOnly or DiskOpen.ReadWrite)
            {
                return Errno.ENOENT;
            }
            parent.Set(name, found = _device.NewFile());
        }
        else if (mode == DiskOpen.CreateNew)
        {
            return Errno.EEXIST;
        }
        fd = process.AddDescriptor(new OpenFile(path, (SimulatedFile)found, mode != DiskOpen.ReadOnly));
        return Errno.None;
    }

    public override void Close(Fd fd)
    {
        world.AssertOwnThread();
        process.ThrowIfEnded();
        process.RemoveDescriptor<OpenFile>(fd);
    }

    public override long Write(Fd fd, ReadOnlySpan<IoPiece> pieces, long position)
    {
        long done = 0;
        foreach (IoPiece piece in pieces)
        {
            long written = Write(fd, SimulatedIo.BytesOf(piece), position + done);
            if (written < 0)
            {
                return written;
            }
            done += written;
        }
        return done;
    }

    public override long Write(Fd fd, ReadOnlySpan<byte> bytes, long position)
    {
        world.AssertOwnThread();
        OpenFile open = process.Descriptor<OpenFile>(fd);
        if (!open.IsWritable)
        {
            return -(long)Errno.EBADF;
        }
        if (process.IsAtFaultPoint())
        {
            open.File.Write(bytes[..world.Random.Between(0, bytes.Length)], position);
            process.Fault("in write");
        }
        world.Note("write", ((long)open.File.Id << 32) | position, Trace.HashOf(bytes));
        open.File.Write(bytes, position);
        if (world.Random.OneIn(16))
        {
            open.File.WriteBack(world.Random, 0, open.File.Length, 40);
        }
        return bytes.Length;
    }

    public override long Read(Fd fd, Span<byte> target, long position)
    {
        world.AssertOwnThread();
        process.ThrowIfEnded();
        return process.Descriptor<OpenFile>(fd).File.Read(target, position);
    }

    public override Errno Truncate(Fd fd, long length)
    {
        SimulatedFile file = Begin("truncate", fd, length);
        file.Truncate(length, world.Random);
        return Errno.None;
    }

    /// <summary>Space is never short here, and the length stays: there is nothing to remember.</summary>
    public override Errno Allocate(Fd fd, long position, long length)
    {
        Begin("allocate", fd, position);
        return Errno.None;
    }

    public override Errno Sync(Fd fd, bool dataOnly)
    {
        SimulatedFile file = Begin("sync", fd, 0);
        file.SyncNow();
        return Errno.None;
    }

    public override Errno SyncDirectory(string path)
    {
        Begin("sync directory", path);
        if (_device.Find(path) is not SimulatedDirectory directory)
        {
            return Errno.ENOENT;
        }
        directory.Sync();
        return Errno.None;
    }

    public override Errno StartWriteback(Fd fd, long position, long length)
    {
        SimulatedFile file = Begin("write back", fd, position);
        file.WriteBack(world.Random, position, length, 70);
        return Errno.None;
    }

    public override Errno AwaitWriteback(Fd fd, long position, long length)
    {
        SimulatedFile file = Begin("await write back", fd, position);
        file.WriteBack(world.Random, position, length, 100);
        return Errno.None;
    }

    public override long Length(Fd fd)
    {
        process.ThrowIfEnded();
        return process.Descriptor<OpenFile>(fd).File.Length;
    }

    public override bool IsResident(Fd fd, long position, long length) =>
        process.Descriptor<OpenFile>(fd).File.IsResident(position, length);

    public override Errno Rename(string from, string to)
    {
        Begin("rename", to);
        Errno error = _device.FindParent(from, out SimulatedDirectory source, out string sourceName);
        Errno targetError = _device.FindParent(to, out SimulatedDirectory target, out string targetName);
        if (error != Errno.None || targetError != Errno.None)
        {
            return error != Errno.None ? error : targetError;
        }
        if (!source.Entries.TryGetValue(sourceName, out object? entry))
        {
            return Errno.ENOENT;
        }
        // A rename across directories would be two changes for a power loss; nothing here does that.
        Invariant.That(source == target);
        if (target.Entries.TryGetValue(targetName, out object? replaced) && replaced is SimulatedDirectory full)
        {
            if (entry is not SimulatedDirectory)
            {
                return Errno.EISDIR;
            }
            if (full.Entries.Count > 0)
            {
                return Errno.ENOTEMPTY;
            }
        }
        else if (replaced is not null && entry is SimulatedDirectory)
        {
            return Errno.ENOTDIR;
        }
        source.Rename(sourceName, targetName);
        return Errno.None;
    }

    public override Errno Delete(string path)
    {
        Begin("delete", path);
        Errno error = _device.FindParent(path, out SimulatedDirectory parent, out string name);
        if (error != Errno.None)
        {
            return error;
        }
        if (!parent.Entries.TryGetValue(name, out object? entry))
        {
            return Errno.ENOENT;
        }
        if (entry is SimulatedDirectory)
        {
            return Errno.EISDIR;
        }
        parent.Set(name, null);
        return Errno.None;
    }

    public override Errno CreateDirectory(string path)
    {
        Begin("create directory", path);
        Errno error = _device.FindParent(path, out SimulatedDirectory parent, out string name);
        if (error != Errno.None)
        {
            return error;
        }
        if (name.Length == 0 || parent.Entries.ContainsKey(name))
        {
            return Errno.EEXIST;
        }
        parent.Set(name, new SimulatedDirectory());
        return Errno.None;
    }

    public override Errno DeleteDirectory(string path)
    {
        Begin("delete directory", path);
        Errno error = _device.FindParent(path, out SimulatedDirectory parent, out string name);
        if (error != Errno.None)
        {
            return error;
        }
        if (!parent.Entries.TryGetValue(name, out object? entry))
        {
            return Errno.ENOENT;
        }
        if (entry is not SimulatedDirectory directory)
        {
            return Errno.ENOTDIR;
        }
        if (directory.Entries.Count > 0)
        {
            return Errno.ENOTEMPTY;
        }
        parent.Set(name, null);
        return Errno.None;
    }

    public override bool Exists(string path)
    {
        process.ThrowIfEnded();
        return _device.Find(path) is not null;
    }

    public override long LengthOf(string path)
    {
        process.ThrowIfEnded();
        return _device.Find(path) switch
        {
            SimulatedFile file => file.Length,
            SimulatedDirectory => SimulatedFile.PageBytes,
            _ => -(long)Errno.ENOENT,
        };
    }

    /// <summary>In an order of the seed's choice: a file system promises none.</summary>
    public override Errno List(string directory, List<DiskEntry> entries)
    {
        process.ThrowIfEnded();
        object? found = _device.Find(directory);
        if (found is not SimulatedDirectory listed)
        {
            return found is null ? Errno.ENOENT : Errno.ENOTDIR;
        }
        DiskEntry[] all = [.. listed.Entries.Select(e => new DiskEntry(e.Key, e.Value is SimulatedDirectory))];
        world.Random.Shuffle<DiskEntry>(all);
        entries.AddRange(all);
        return Errno.None;
    }

    public override Errno Lock(string path, out Fd fd)
    {
        Errno error = Open(path, DiskOpen.OpenOrCreate, out fd);
        if (error != Errno.None)
        {
            return error;
        }
        OpenFile open = process.Descriptor<OpenFile>(fd);
        if (open.File.LockedBy is not null)
        {
            Close(fd);
            fd = Fd.None;
            return Errno.EAGAIN;
        }
        open.File.LockedBy = open;
        return Errno.None;
    }

    private void Begin(string operation, string path)
    {
        world.AssertOwnThread();
        process.FaultPoint(operation);
        world.Note(operation, Trace.HashOf(path));
    }

    private SimulatedFile Begin(string operation, Fd fd, long argument)
    {
        world.AssertOwnThread();
        process.FaultPoint(operation);
        SimulatedFile file = process.Descriptor<OpenFile>(fd).File;
        world.Note(operation, file.Id, argument);
        return file;
    }
}

/// <summary>A file that a process has open.</summary>
internal sealed record OpenFile(string Path, SimulatedFile File, bool IsWritable) : IDescriptor
{
    public void OnClosed()
    {
        if (ReferenceEquals(File.LockedBy, this))
        {
            File.LockedBy = null;
        }
    }
}
