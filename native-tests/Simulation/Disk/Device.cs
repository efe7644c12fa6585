using Aot.Broker.Linux;
using Aot.Broker.Storage.Producers;

namespace Aot.Broker.Simulation.Tests;

/// <summary>The disk of a world: one tree of directories, which survives the processes that use it.</summary>
internal sealed class Device(World world)
{
    private int _lastFileId;

    public SimulatedDirectory Root { get; } = new();

    public DiskFaults Faults { get; } = new(world);

    /// <summary>Rules of a broker that this world breaks on purpose; see <see cref="BrokenRules"/>.</summary>
    public BrokenRules Broken { get; set; }

    /// <summary>
    /// A failed sync may take dirty pages out of the cache. A broker that acknowledges before a sync cannot help losing
    /// records then: its runs are on a file system that keeps them.
    /// </summary>
    public bool MayDropPages { get; set; } = true;

    public SimulatedFile NewFile() => new(++_lastFileId);

    /// <summary>All that is not synced is lost in part, or wholly, or not at all.</summary>
    public void LosePower()
    {
        world.Note("power loss");
        Root.LosePower(world.Random);
    }

    /// <summary>A process starts: where it is to know no producers, every snapshot of them is an empty one.</summary>
    public void OnProcessStarts()
    {
        if (Broken.HasFlag(BrokenRules.ProducerMemory))
        {
            EmptySnapshots(Root);
        }
    }

    private static void EmptySnapshots(SimulatedDirectory directory)
    {
        foreach ((string name, object entry) in directory.Entries)
        {
            if (entry is SimulatedDirectory inner)
            {
                EmptySnapshots(inner);
            }
            else if (name.EndsWith(".snapshot", StringComparison.Ordinal))
            {
                SimulatedFile file = (SimulatedFile)entry;
                file.Replace(ProducerSnapshot.Write(new ProducerState()));
            }
        }
    }

    /// <summary>The directory that holds the path's last name. ENOENT, ENOTDIR as the kernel says them.</summary>
    public Errno FindParent(string path, out SimulatedDirectory parent, out string name)
    {
        parent = Root;
        name = "";
        string[] parts = path.Split('/', StringSplitOptions.RemoveEmptyEntries);
        for (int i = 0; i + 1 < parts.Length; i++)
        {
            if (!parent.Entries.TryGetValue(parts[i], out object? entry))
            {
                return Errno.ENOENT;
            }
            if (entry is not SimulatedDirectory directory)
            {
                return Errno.ENOTDIR;
            }
            parent = directory;
        }
        name = parts.Length == 0 ? "" : parts[^1];
        return Errno.None;
    }

    /// <summary>Null when there is no such path.</summary>
    public object? Find(string path)
    {
        if (FindParent(path, out SimulatedDirectory parent, out string name) != Errno.None)
        {
            return null;
        }
        return name.Length == 0 ? parent : parent.Entries.GetValueOrDefault(name);
    }
}
