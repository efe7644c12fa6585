using System.Globalization;
using Aot.Broker.Dump;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.DataDirectories;

/// <summary>One entry of <c>log.dirs</c> as it is, without a lock and without changing anything.</summary>
internal sealed class DirectoryState
{
    private DirectoryState(string path)
    {
        Path = path;
    }

    public string Path { get; }

    public bool Exists { get; private set; }

    /// <summary>A running process has the lock.</summary>
    public bool IsInUse { get; private set; }

    /// <summary>Null: not formatted, or <see cref="MetaProblem"/> says why it cannot be used.</summary>
    public MetaProperties? Meta { get; private set; }

    public string MetaProblem { get; private set; } = "";

    /// <summary>The process before ended in order.</summary>
    public bool HasCleanMark { get; private set; }

    /// <exception cref="UnreadableException">The directory is there and cannot be read.</exception>
    public static DirectoryState Read(Disk disk, string path)
    {
        DirectoryState state = new(path);
        SysResult<FileStatus> status = FilePaths.Status(path);
        if (status.Error == Errno.ENOENT)
        {
            return state;
        }
        if (!status.IsOk || !status.Value.IsDirectory)
        {
            throw LogDump.Unreadable(path, status.IsOk ? Errno.ENOTDIR : status.Error);
        }
        state.Exists = true;
        state.IsInUse = IsLocked(System.IO.Path.Combine(path, LogFileNames.Lock));
        state.HasCleanMark = disk.Exists(System.IO.Path.Combine(path, LogFileNames.CleanShutdown));
        string metaPath = System.IO.Path.Combine(path, LogFileNames.MetaProperties);
        Errno error = disk.ReadAllBytes(metaPath, out byte[] meta);
        if (error == Errno.None)
        {
            state.Meta = MetaProperties.TryParse(meta, out string problem);
            state.MetaProblem = problem;
        }
        else if (error != Errno.ENOENT)
        {
            throw LogDump.Unreadable(metaPath, error);
        }
        return state;
    }

    /// <summary>
    /// What would stop a start before it looks at any log: directories of different nodes or clusters, or of the same
    /// identity twice.
    /// </summary>
    public static List<(string Path, string What)> FindConflicts(IReadOnlyList<DirectoryState> all, int nodeId)
    {
        List<(string, string)> found = [];
        MetaProperties? first = null;
        HashSet<Base.KafkaUuid> ids = [];
        foreach (DirectoryState state in all)
        {
            if (state.MetaProblem.Length > 0)
            {
                found.Add((state.Path, $"{LogFileNames.MetaProperties} cannot be used: {state.MetaProblem}"));
            }
            if (state.Meta is not { } meta)
            {
                continue;
            }
            first ??= meta;
            if (meta.ClusterId != first.ClusterId)
            {
                found.Add((state.Path, $"belongs to cluster {meta.ClusterId}, another one to {first.ClusterId}"));
            }
            if (meta.NodeId != nodeId)
            {
                found.Add((state.Path, $"belongs to node {meta.NodeId}, the configuration says node.id={nodeId}"));
            }
            if (!meta.DirectoryId.IsZero && !ids.Add(meta.DirectoryId))
            {
                found.Add((state.Path, $"has the directory.id {meta.DirectoryId} of another one: is it a copy?"));
            }
        }
        return found;
    }

    /// <summary>By the kernel's own list, because asking for the lock would take it from a broker that is starting.</summary>
    private static bool IsLocked(string lockFile)
    {
        SysResult<FileStatus> status = FilePaths.Status(lockFile);
        if (!status.IsOk)
        {
            return false;
        }
        string inode = status.Value.Inode.ToString(CultureInfo.InvariantCulture);
        string device = string.Create(
            CultureInfo.InvariantCulture,
            $"{status.Value.DeviceMajor:x2}:{status.Value.DeviceMinor:x2}:"
        );
        try
        {
            return File.ReadLines("/proc/locks")
                .SelectMany(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Any(word => word == device + inode);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
