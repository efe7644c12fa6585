using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Server.Tests;

/// <summary>A whole broker on two cores in this process, on loopback and a temporary directory.</summary>
internal sealed class BrokerRig : IAsyncDisposable
{
    private readonly string _directory = Path.Combine(Path.GetTempPath(), "aot-broker-" + Guid.NewGuid().ToString("n"));
    private readonly int[] _buffersAtStart = new int[2];
    private CoreGroup _group = null!;
    private LogDirectories _directories = null!;
    private ClusterNode _node = null!;

    public BrokerServer Server { get; private set; } = null!;

    public IPEndPoint EndPoint { get; private set; } = null!;

    public IReadOnlyList<Core> Cores => _group.Cores;

    public static async Task<BrokerRig> StartAsync(
        IoMode io = IoMode.Auto,
        IReadOnlyDictionary<string, string>? settings = null,
        TransactionOptions? transactions = null,
        CompressionCodec coordinatorCodec = CompressionCodec.None
    )
    {
        BrokerRig rig = new();
        await rig.RunAsync(io, settings ?? new Dictionary<string, string>(), transactions, coordinatorCodec);
        return rig;
    }

    public async ValueTask DisposeAsync()
    {
        await Cores[0].RunFromThreadAsync(async core => await Server.StopAsync(core, graceMillis: 2000));
        await _node.StopAsync(clean: true);
        foreach (Core core in Cores)
        {
            await core.RunFromThreadAsync(each =>
            {
                Assert.Equal(0, each.Get<ServerCore>().ConnectionCount);
                LeftBehind.Assert(_group, each, _buffersAtStart[each.Index.Value]);
                each.Budget.AssertNothingReserved();
                return ValueTask.CompletedTask;
            });
        }
        await _group.StopAsync();
        _group.Dispose();
        _directories.Dispose();
        Directory.Delete(_directory, recursive: true);
    }

    public Task<WireClient> ConnectAsync() => WireClient.ConnectAsync(EndPoint);

    public Task<T> OnCoreAsync<T>(int core, Func<Core, T> look) =>
        Cores[core].RunFromThreadAsync(each => ValueTask.FromResult(look(each)));

    public async Task<KafkaUuid> CreateTopicAsync(
        string name,
        int partitions,
        params (string Key, string Value)[] configs
    )
    {
        using WireClient client = await ConnectAsync();
        CreateTopicsRequest.CreatableTopic topic = new()
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = 1,
        };
        foreach ((string key, string value) in configs)
        {
            topic.Configs.Add(new CreateTopicsRequest.CreatableTopicConfig { Name = key, Value = value });
        }
        CreateTopicsResponse response = await client.CallAsync<CreateTopicsResponse>(
            ApiKey.CreateTopics,
            7,
            new CreateTopicsRequest { Topics = [topic] },
            CreateTopicsResponse.TryRead
        );
        Assert.Equal(
            (ErrorCode.None, null),
            ((ErrorCode)response.Topics[0].ErrorCode, response.Topics[0].ErrorMessage)
        );
        return response.Topics[0].TopicId;
    }

    private async Task RunAsync(
        IoMode io,
        IReadOnlyDictionary<string, string> settings,
        TransactionOptions? transactionOptions,
        CompressionCodec coordinatorCodec
    )
    {
        LinuxDisk disk = new();
        _directories = LogDirectories.Open(disk, [_directory]);
        _group = CoreGroup.Create(
            new CoreGroupOptions
            {
                Cores = 2,
                Io = io,
                Pin = false,
                Disk = disk,
                BufferChecks = BufferChecks.PoisonAndGuard,
                InFlightBytesMax = 64 * 1024 * 1024,
            }
        );
        _group.Start();
        ServerOptions options = new()
        {
            NodeId = 1,
            Listeners = [new ListenerOptions("PLAINTEXT", new IPEndPoint(IPAddress.Loopback, 0), ListenerRole.Broker)],
            ShareSessionsMax = int.Parse(settings.GetValueOrDefault("group.share.max.share.sessions", "2000")),
        };
        foreach (Core core in Cores)
        {
            _buffersAtStart[core.Index.Value] = await OnCoreAsync(core.Index.Value, each => each.Buffers.RentedCount);
        }
        List<BoundListener> bound = await OnCoreAsync(
            0,
            core =>
            {
                (Errno error, _, List<BoundListener> listeners) = BrokerServer.Bind(core, options);
                Assert.Equal(Errno.None, error);
                return listeners;
            }
        );
        EndPoint = bound[0].EndPoint;
        Dictionary<string, string> all = new(settings)
        {
            ["process.roles"] = "broker,controller",
            ["node.id"] = "1",
            ["offsets.topic.replication.factor"] = "1",
            ["transaction.state.log.replication.factor"] = "1",
            ["transaction.state.log.num.partitions"] = "4",
            ["share.coordinator.state.topic.replication.factor"] = "1",
            ["share.coordinator.state.topic.num.partitions"] = "4",
            ["share.coordinator.state.topic.min.isr"] = "1",
            ["controller.listener.names"] = "CONTROLLER",
        };
        ConfigValues values = ConfigValues.ForBroker(all);
        ShareStateOptions shareStateOptions = new() { Compression = coordinatorCodec };
        ShareStateCoordinator shareStates = new(1, shareStateOptions);
        SharePersister persister = new(shareStates, shareStateOptions);
        GroupCoordinator groups = new(
            1,
            new GroupOptions
            {
                InitialRebalanceDelayMs = 0,
                OffsetsCompression = coordinatorCodec,
                Streams = new StreamsGroupOptions { InitialRebalanceDelayMs = 0, AssignmentIntervalMs = 0 },
            },
            persister
        );
        ConnectionLimits limits = new(options);
        TransactionCoordinator transactions = new(1, transactionOptions ?? new TransactionOptions());
        _node = await ClusterNode.StartAsync(
            Cores,
            _directories,
            new ClusterNodeOptions
            {
                NodeId = 1,
                StartedWith = values,
                AdvertisedListeners = [new EndPointImage("PLAINTEXT", "127.0.0.1", EndPoint.Port, 0)],
                Listeners = [groups, transactions, shareStates, limits],
                OnFatal = error => Assert.Fail(error.ToString()),
            }
        );
        Server = await Cores[0]
            .RunFromThreadAsync(async core =>
                await BrokerServer.StartAsync(
                    core,
                    new ServerParts
                    {
                        Options = options,
                        Listeners = bound,
                        Controller = _node.Controller,
                        StartedWith = values,
                        Directories = _directories,
                        Groups = groups,
                        ConnectionLimits = limits,
                        Transactions = transactions,
                        ShareStates = shareStates,
                        SharePersister = persister,
                    }
                )
            );
    }
}
