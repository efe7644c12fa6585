using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Moves;

/// <summary>
/// Copies a log's files into its <c>-future</c> directory. Files only grow, so each plan is reached by appending what the
/// copy lacks.
/// </summary>
/// <remarks>On helper threads, one call at a time.</remarks>
internal sealed class FutureCopy(Disk disk, string target)
{
    private const int BufferBytes = 256 * 1024;

    private readonly Dictionary<string, long> _copied = [];
    private readonly HashSet<string> _unsynced = [];
    private readonly byte[] _buffer = new byte[BufferBytes];

    public long Bytes { get; private set; }

    public string Target => target;

    /// <summary>How many bytes the copy lacks.</summary>
    public long LackOf(CopyPlan plan) => plan.Files.Sum(file => Math.Max(0, file.Bytes - CopiedOf(file.Name)));

    /// <summary>
    /// Copies from file number <paramref name="next"/> on, about <paramref name="budget"/> bytes: how many it were. ENOENT
    /// may mean that the segment was deleted meanwhile.
    /// </summary>
    public Errno Step(CopyPlan plan, ref int next, long budget, out long bytes)
    {
        bytes = 0;
        while (next < plan.Files.Count && bytes < budget)
        {
            CopiedFile file = plan.Files[next];
            Errno error = file.Bytes < 0 ? CopyWhole(plan, file) : Append(plan, file, budget, ref bytes);
            if (error != Errno.None)
            {
                return error;
            }
            if (file.Bytes < 0 || CopiedOf(file.Name) >= file.Bytes)
            {
                next++;
            }
        }
        return Errno.None;
    }

    /// <summary>Puts what was copied since the last call on the disk.</summary>
    public bool Sync()
    {
        foreach (string name in _unsynced)
        {
            string path = target + "/" + name;
            MoveException.Check(disk.Open(path, DiskOpen.ReadWrite, out Fd file), "cannot open", path);
            Errno error = disk.Sync(file, dataOnly: false);
            disk.Close(file);
            MoveException.Check(error, "cannot sync", path);
        }
        _unsynced.Clear();
        MoveException.Check(disk.SyncDirectory(target), "cannot sync", target);
        return true;
    }

    /// <summary>A file with this content; synced with the others.</summary>
    public void Write(string name, ReadOnlySpan<byte> content)
    {
        string path = target + "/" + name;
        MoveException.Check(disk.Open(path, DiskOpen.OpenOrCreate, out Fd file), "cannot make", path);
        Errno error = disk.Truncate(file, 0);
        long written = error == Errno.None ? disk.Write(file, content, 0) : -(long)error;
        disk.Close(file);
        MoveException.Check(written < 0 ? (Errno)(-written) : Errno.None, "cannot write", path);
        _unsynced.Add(name);
        _copied[name] = content.Length;
    }

    /// <summary>Deletes what the plan does not have: segments that were deleted since they were copied.</summary>
    public void DropOthers(CopyPlan plan)
    {
        HashSet<string> names = [.. plan.Files.Select(file => file.Name)];
        foreach (string name in _copied.Keys.Where(name => !names.Contains(name)).ToArray())
        {
            Errno error = disk.Delete(target + "/" + name);
            MoveException.Check(error == Errno.ENOENT ? Errno.None : error, "cannot delete", target + "/" + name);
            _copied.Remove(name, out long bytes);
            _unsynced.Remove(name);
            Bytes -= bytes;
        }
    }

    /// <summary>The copy is exactly what the plan says.</summary>
    public void Verify(CopyPlan plan)
    {
        foreach (CopiedFile file in plan.Files)
        {
            long length = disk.LengthOf(target + "/" + file.Name);
            if (file.Bytes >= 0 && length != file.Bytes)
            {
                throw new MoveException("the copy has another length than", plan.Source + "/" + file.Name, Errno.EIO);
            }
        }
    }

    private long CopiedOf(string name) => _copied.GetValueOrDefault(name, 0);

    private Errno Append(CopyPlan plan, in CopiedFile file, long budget, ref long bytes)
    {
        long from = CopiedOf(file.Name);
        if (from >= file.Bytes && _copied.ContainsKey(file.Name))
        {
            return Errno.None;
        }
        string path = target + "/" + file.Name;
        MoveException.Check(disk.Open(path, DiskOpen.OpenOrCreate, out Fd into), "cannot make", path);
        Errno error = Errno.None;
        if (file.Bytes > 0)
        {
            error = disk.Open(plan.Source + "/" + file.Name, DiskOpen.ReadOnly, out Fd source);
            if (error == Errno.None)
            {
                error = AppendFrom(source, into, ref from, Math.Min(file.Bytes, from + budget - bytes), ref bytes);
                disk.Close(source);
            }
        }
        disk.Close(into);
        _copied[file.Name] = from;
        _unsynced.Add(file.Name);
        return error;
    }

    private Errno AppendFrom(Fd source, Fd into, ref long from, long end, ref long bytes)
    {
        while (from < end)
        {
            Span<byte> piece = _buffer.AsSpan(0, (int)Math.Min(BufferBytes, end - from));
            long count = disk.Read(source, piece, from);
            if (count <= 0)
            {
                return count < 0 ? (Errno)(-count) : Errno.EIO;
            }
            long written = disk.Write(into, piece[..(int)count], from);
            if (written < 0)
            {
                return (Errno)(-written);
            }
            from += count;
            bytes += count;
            Bytes += count;
        }
        return Errno.None;
    }

    /// <summary>A producer snapshot never changes once it is there, and not every segment has one.</summary>
    private Errno CopyWhole(CopyPlan plan, in CopiedFile file)
    {
        if (_copied.ContainsKey(file.Name))
        {
            return Errno.None;
        }
        Errno error = disk.ReadAllBytes(plan.Source + "/" + file.Name, out byte[] content);
        if (error == Errno.None)
        {
            Write(file.Name, content);
            Bytes += content.Length;
        }
        return error == Errno.ENOENT ? Errno.None : error;
    }
}
