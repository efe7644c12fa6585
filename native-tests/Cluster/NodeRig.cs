using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster.Tests;

/// <summary>A node with its cores on a temporary directory, which goes away with it.</summary>
internal sealed class NodeRig : IAsyncDisposable
{
    private readonly bool _ownsRoot;
    private CoreGroup? _group;
    private LogDirectories? _directories;
    private ClusterNode? _node;

    public NodeRig(
        string? root = null,
        int cores = 2,
        int directories = 1,
        params (string Key, string Value)[] settings
    )
    {
        _ownsRoot = root is null;
        Root = root ?? Path.Combine(Path.GetTempPath(), "aot-cluster-" + Guid.NewGuid().ToString("N"));
        CoreCount = cores;
        Paths = [.. Enumerable.Range(0, directories).Select(i => Path.Combine(Root, "d" + i))];
        Settings = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["process.roles"] = "broker,controller",
            ["node.id"] = "1",
            ["controller.listener.names"] = "CONTROLLER",
        };
        foreach ((string key, string value) in settings)
        {
            Settings[key] = value;
        }
    }

    public string Root { get; }

    public int CoreCount { get; }

    public string[] Paths { get; init; }

    public Dictionary<string, string> Settings { get; }

    /// <summary>Where the next start has its controller's listener.</summary>
    public int ControllerPort { get; set; } = 9093;

    public List<Exception> Fatal { get; } = [];

    public ClusterNode Node => _node!;

    public Core Core0 => _group!.Cores[0];

    public IReadOnlyList<Core> Cores => _group!.Cores;

    public LogDirectories Directories => _directories!;

    public string MetadataLog => Path.Combine(Paths[0], "__cluster_metadata-0");

    public async Task StartAsync(
        int nodeId = 1,
        string? clusterId = null,
        IReadOnlyList<IMetadataListener>? listeners = null
    )
    {
        _group = CoreGroup.Create(
            new CoreGroupOptions
            {
                Cores = CoreCount,
                Io = IoMode.Epoll,
                Pin = false,
                OnUnhandled = (_, error) => Fatal.Add(error),
            }
        );
        _group.Start();
        _directories = LogDirectories.Open(Core0.Disk, Paths);
        _node = await ClusterNode.StartAsync(
            _group.Cores,
            _directories,
            new ClusterNodeOptions
            {
                NodeId = nodeId,
                ClusterId = clusterId,
                StartedWith = ConfigValues.ForBroker(Settings),
                AdvertisedListeners = [new EndPointImage("PLAINTEXT", "127.0.0.1", 9092, 0)],
                ControllerListeners = [new EndPointImage("CONTROLLER", "127.0.0.1", ControllerPort, 0)],
                Rack = "r1",
                Listeners = listeners ?? [],
                OnFatal = Fatal.Add,
            }
        );
    }

    /// <summary>Runs work on a core and waits for its result.</summary>
    public Task<T> OnCore<T>(int core, Func<Core, Task<T>> work) =>
        Cores[core].RunFromThreadAsync(async self => await work(self));

    /// <summary>The image that a core reads.</summary>
    public Task<MetadataImage> ImageOf(int core) => OnCore(core, self => Task.FromResult(ClusterNode.Image(self)));

    public async Task StopAsync(bool clean = true)
    {
        if (_node is not null)
        {
            await _node.StopAsync(clean);
            _node = null;
        }
        if (_group is not null)
        {
            await _group.StopAsync();
            _group.Dispose();
            _group = null;
        }
        _directories?.Dispose();
        _directories = null;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync(clean: false);
        if (_ownsRoot && Directory.Exists(Root))
        {
            Directory.Delete(Root, recursive: true);
        }
    }
}
