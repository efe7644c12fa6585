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
    private static readonly string[] s_names = Enum.GetNames<DiskCall>();

    private readonly Device _device = world.Device;
    private CallVerdict _verdict;

    public override Errno Open(string path, DiskOpen mode, out Fd fd)
    {
        fd = Fd.None;
        bool isNew = mode is DiskOpen.CreateNew or DiskOpen.OpenOrCreate && _device.Find(path) is null;
        Errno error = Begin(isNew ? DiskCall.Create : DiskCall.Open, path);
        if (error != Errno.None)
        {
            return error;
        }
        error = _device.FindParent(path, out SimulatedDirectory parent, out string name);
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
        return Done(Errno.None);
    }

    public override void Close(Fd fd)
    {
        world.AssertOwnThread();
        process.ThrowIfEnded();
        process.RemoveDescriptor<OpenFile>(fd);
    }

    public override long Write(Fd fd, ReadOnlySpan<IoPiece> pieces, long position)
    {
        if (pieces.Length == 1)
        {
            return Write(fd, SimulatedIo.BytesOf(pieces[0]), position);
        }
        int length = 0;
        foreach (IoPiece piece in pieces)
        {
            length += piece.Length;
        }
        byte[] bytes = new byte[length];
        int at = 0;
        foreach (IoPiece piece in pieces)
        {
            SimulatedIo.BytesOf(piece).CopyTo(bytes.AsSpan(at));
            at += piece.Length;
        }
        return Write(fd, bytes, position);
    }

    public override long Write(Fd fd, ReadOnlySpan<byte> bytes, long position)
    {
        OpenFile open = process.Descriptor<OpenFile>(fd);
        if (!open.IsWritable)
        {
            return -(long)Errno.EBADF;
        }
        Errno error = Begin(DiskCall.Write, open.Path, position, Trace.HashOf(bytes));
        if (_verdict.IsShort || _verdict.EndAt == CallMoment.Within)
        {
            open.File.Write(bytes[..world.Random.Between(0, bytes.Length)], position);
            Done(error);
        }
        if (error != Errno.None)
        {
            return -(long)error;
        }
        open.File.Write(bytes, position);
        open.File.ModifiedMillis = world.WallMillis;
        if (world.Random.OneIn(16))
        {
            open.File.WriteBack(world.Random, 0, open.File.Length, 40);
        }
        return Done(bytes.Length);
    }

    public override long Read(Fd fd, Span<byte> target, long position)
    {
        world.AssertOwnThread();
        process.ThrowIfEnded();
        return process.Descriptor<OpenFile>(fd).File.Read(target, position);
    }

    public override Errno Truncate(Fd fd, long length)
    {
        OpenFile open = process.Descriptor<OpenFile>(fd);
        Errno error = Begin(DiskCall.Truncate, open.Path, length);
        bool isForgotten =
            _device.Broken.HasFlag(BrokenRules.RecoveryCut) && open.Path.EndsWith(".log", StringComparison.Ordinal);
        if (error != Errno.None || isForgotten)
        {
            return error;
        }
        open.File.Truncate(length, world.Random);
        return Done(Errno.None);
    }

    /// <summary>The length stays: there is nothing to remember.</summary>
    public override Errno Allocate(Fd fd, long position, long length)
    {
        Errno error = Begin(DiskCall.Allocate, process.Descriptor<OpenFile>(fd).Path, position);
        return error != Errno.None ? error : Done(Errno.None);
    }

    public override Errno Sync(Fd fd, bool dataOnly)
    {
        OpenFile open = process.Descriptor<OpenFile>(fd);
        Errno error = Begin(DiskCall.Sync, open.Path);
        if (error != Errno.None)
        {
            open.File.FailSync(world.Random, world.Device.MayDropPages);
            return error;
        }
        if (_verdict.EndAt == CallMoment.Within)
        {
            open.File.WriteBack(world.Random, 0, open.File.Length, 50);
        }
        else if (!IsSyncForgotten(open.Path))
        {
            open.File.SyncNow();
        }
        return Done(Errno.None);
    }

    public override Errno SyncDirectory(string path)
    {
        Errno error = Begin(DiskCall.SyncDirectory, path);
        if (error != Errno.None)
        {
            return error;
        }
        if (_device.Find(path) is not SimulatedDirectory directory)
        {
            return Errno.ENOENT;
        }
        if (_verdict.EndAt == CallMoment.Within)
        {
            directory.SyncPart(world.Random);
        }
        else if (!_device.Broken.HasFlag(BrokenRules.DirectorySync))
        {
            directory.Sync();
        }
        return Done(Errno.None);
    }

    public override Errno StartWriteback(Fd fd, long position, long length)
    {
        OpenFile open = process.Descriptor<OpenFile>(fd);
        Errno error = Begin(DiskCall.WriteBack, open.Path, position);
        if (error != Errno.None)
        {
            return error;
        }
        open.File.WriteBack(world.Random, position, length, 70);
        return Done(Errno.None);
    }

    public override Errno AwaitWriteback(Fd fd, long position, long length)
    {
        OpenFile open = process.Descriptor<OpenFile>(fd);
        Errno error = Begin(DiskCall.WriteBack, open.Path, position);
        if (error != Errno.None)
        {
            return error;
        }
        open.File.WriteBack(world.Random, position, length, 100);
        return Done(Errno.None);
    }

    /// <summary>For a sync that is under way beside its core: what becomes of it.</summary>
    public CallVerdict JudgeSync(OpenFile open)
    {
        Begin(DiskCall.Sync, open.Path);
        return _verdict;
    }

    public bool IsSyncForgotten(string path) =>
        _device.Broken.HasFlag(
            path.EndsWith(".tmp", StringComparison.Ordinal) ? BrokenRules.SyncBeforeRename : BrokenRules.FileSync
        );

    public override long Length(Fd fd)
    {
        process.ThrowIfEnded();
        return process.Descriptor<OpenFile>(fd).File.Length;
    }

    public override bool IsResident(Fd fd, long position, long length) =>
        process.Descriptor<OpenFile>(fd).File.IsResident(position, length);

    public override Errno Rename(string from, string to)
    {
        Errno refused = Begin(DiskCall.Rename, to);
        if (refused != Errno.None)
        {
            return refused;
        }
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
        return Done(Errno.None);
    }

    public override Errno Delete(string path)
    {
        Errno error = BeginIn(DiskCall.Delete, path, out SimulatedDirectory parent, out string name);
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
        return Done(Errno.None);
    }

    public override Errno CreateDirectory(string path)
    {
        Errno error = BeginIn(DiskCall.CreateDirectory, path, out SimulatedDirectory parent, out string name);
        if (error != Errno.None)
        {
            return error;
        }
        if (name.Length == 0 || parent.Entries.ContainsKey(name))
        {
            return Errno.EEXIST;
        }
        parent.Set(name, new SimulatedDirectory());
        return Done(Errno.None);
    }

    public override Errno DeleteDirectory(string path)
    {
        Errno error = BeginIn(DiskCall.DeleteDirectory, path, out SimulatedDirectory parent, out string name);
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
        return Done(Errno.None);
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

    public override long ModifiedMillisOf(string path)
    {
        process.ThrowIfEnded();
        return _device.Find(path) is SimulatedFile file ? file.ModifiedMillis : -(long)Errno.ENOENT;
    }

    public override Errno SetModified(Fd fd, long wallMillis)
    {
        process.ThrowIfEnded();
        process.Descriptor<OpenFile>(fd).File.ModifiedMillis = wallMillis;
        return Errno.None;
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

    /// <summary>A call about an entry: as <see cref="Begin"/>, and finds the directory that has or will have it.</summary>
    private Errno BeginIn(DiskCall call, string path, out SimulatedDirectory parent, out string name)
    {
        Errno refused = Begin(call, path);
        Errno found = _device.FindParent(path, out parent, out name);
        return refused != Errno.None ? refused : found;
    }

    /// <summary>The point of a call at which the process may end; else the call's error.</summary>
    private Errno Begin(DiskCall call, string path, long a = 0, long b = 0)
    {
        world.AssertOwnThread();
        process.ThrowIfEnded();
        world.Note(s_names[(int)call], Trace.HashOf(path) ^ a, b, path);
        _verdict = process.Judge(call, path);
        if (_verdict.EndAt == CallMoment.Before)
        {
            process.EndIn(_verdict.End);
        }
        return _verdict.Error;
    }

    /// <summary>The call had its effect, or the part of it that was to be.</summary>
    private T Done<T>(T result)
    {
        if (_verdict.EndAt != CallMoment.Never)
        {
            process.EndIn(_verdict.End);
        }
        return result;
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
