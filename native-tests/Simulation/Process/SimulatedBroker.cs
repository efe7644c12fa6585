using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Server;
using Aot.Broker.Storage;

namespace Aot.Broker.Simulation.Tests;

/// <summary>How the broker of a run is set up.</summary>
internal sealed record BrokerSetup
{
    public ProcessOptions Process { get; init; } = new();

    /// <summary><c>log.dirs</c>; the metadata is in the first.</summary>
    public IReadOnlyList<string> Directories { get; init; } = ["/data"];

    /// <summary>All logs, those of the broker's own topics too, are synced before an append is acknowledged.</summary>
    public bool SyncsBeforeAnswer { get; init; }

    public GroupOptions Groups { get; init; } = new();

    public TransactionOptions Transactions { get; init; } = new();
}

/// <summary>
/// The broker in a simulated process: the rooms in the order in which the executable puts them together, from the data
/// directory to the server.
/// </summary>
internal sealed class SimulatedBroker(World world, BrokerSetup setup)
{
    public const int Port = 9092;

    private const long StopGraceMillis = 400;
    private const long LeaseSweepNanos = 1_000_000_000;

    private readonly ConfigValues _settings = ConfigValues.ForBroker(
        new Dictionary<string, string>
        {
            ["process.roles"] = "broker,controller",
            ["node.id"] = "1",
            ["controller.listener.names"] = "CONTROLLER",
            ["auto.create.topics.enable"] = "false",
            ["offsets.topic.num.partitions"] = "1",
            ["offsets.topic.replication.factor"] = "1",
            ["group.initial.rebalance.delay.ms"] = "0",
            ["log.flush.interval.messages"] = setup.SyncsBeforeAnswer ? "1" : long.MaxValue.ToString(),
            ["transaction.state.log.replication.factor"] = "1",
            ["transaction.state.log.num.partitions"] = "2",
            ["log.cleaner.backoff.ms"] = "20",
            ["log.cleaner.io.buffer.size"] = "4096",
            ["log.cleaner.min.cleanable.ratio"] = "0.01",
            ["log.segment.delete.delay.ms"] = "10",
            ["share.coordinator.state.topic.min.isr"] = "1",
            ["share.coordinator.state.topic.num.partitions"] = "2",
            ["share.coordinator.state.topic.replication.factor"] = "1",
        }
    );
    private LogDirectories? _directories;
    private ClusterNode? _node;
    private BrokerServer? _server;

    public SimulatedProcess Process { get; } = world.StartProcess(setup.Process);

    /// <summary>Clients may connect.</summary>
    public bool IsReady { get; private set; }

    /// <summary>
    /// Whatever an earlier end left on the disk, a broker starts from it: an exception here is a failure of the run, but
    /// for the refusal of a disk that has a fault.
    /// </summary>
    public async Task StartAsync()
    {
        try
        {
            await StartOnDiskAsync();
        }
        catch (Exception refusal)
            when (refusal is DataDirectoryException or MetadataLogException && world.Device.Faults.HasFired)
        {
            world.Note("the start is refused", text: refusal.Message);
            Process.End(ProcessEnd.Kill);
        }
    }

    private async Task StartOnDiskAsync()
    {
        ServerOptions server = new()
        {
            NodeId = 1,
            Listeners =
            [
                new ListenerOptions("PLAINTEXT", new IPEndPoint(IPAddress.Loopback, Port), ListenerRole.Broker),
            ],
            AutoCreateTopics = false,
        };
        _directories = LogDirectories.Open(
            Process.Disk,
            setup.Directories,
            (path, error) => StopOnError($"{error} from a sync in {path}", null)
        );
        GroupCoordinator groups = new(1, setup.Groups);
        Core first = Process.Cores[0];
        List<BoundListener> listeners = await first.RunFromThreadAsync(core =>
        {
            (Errno error, _, List<BoundListener> bound) = BrokerServer.Bind(core, server);
            world.Check(error == Errno.None, $"bind: {error}");
            return ValueTask.FromResult(bound);
        });
        TransactionCoordinator transactions = new(server.NodeId, setup.Transactions);
        ShareStateOptions shareStateOptions = new();
        ShareStateCoordinator shareStates = new(server.NodeId, shareStateOptions);
        _node = await ClusterNode.StartAsync(
            Process.Cores,
            _directories,
            new ClusterNodeOptions
            {
                NodeId = 1,
                StartedWith = _settings,
                Listeners = [groups, transactions, shareStates],
                AdvertisedListeners = [new EndPointImage("PLAINTEXT", "127.0.0.1", Port, 0)],
                OnFatal = error => StopOnError(error.Message, error),
            },
            new LogSetOptions
            {
                HighWatermarkCheckpointMs = 50,
                RecoveryPointCheckpointMs = 200,
                IdleAfterMs = 100,
                OpenSegmentsMax = 4,
                JudgedOnCoreBytesMax = world.Random.OneIn(2) ? int.MaxValue : world.Random.Between(40, 400),
                RetentionCheckMs = 60,
            }
        );
        _server = await first.RunFromThreadAsync(async core =>
            await BrokerServer.StartAsync(
                core,
                new ServerParts
                {
                    Options = server,
                    Listeners = listeners,
                    Controller = _node.Controller,
                    StartedWith = _settings,
                    Directories = _directories,
                    Groups = groups,
                    Transactions = transactions,
                    ShareStates = shareStates,
                    SharePersister = new SharePersister(shareStates, shareStateOptions),
                }
            )
        );
        IsReady = true;
    }

    /// <summary>The fatal path: a disk that does not keep what it was given ends the process, and nothing else does.</summary>
    private void StopOnError(string why, Exception? error)
    {
        world.Note("the process stops", text: why);
        if (!world.Device.Faults.HasFired)
        {
            world.Fail($"the process stops, and no call of the disk has failed: {why}", error);
        }
        Process.End(ProcessEnd.Kill);
    }

    /// <summary>As after SIGTERM; afterwards nothing may be held any more.</summary>
    public async Task StopAsync()
    {
        IsReady = false;
        await Process.Cores[0].RunFromThreadAsync(async core => await _server!.StopAsync(core, StopGraceMillis));
        await _node!.StopAsync(clean: true);
        // Leases of fetches on another core's logs go home with a timer at the latest.
        await world.DelayAsync(LeaseSweepNanos);
        foreach (Core core in Process.Cores)
        {
            await core.RunFromThreadAsync(each =>
            {
                each.Buffers.AssertNothingLeaked();
                each.Budget.AssertNothingReserved();
                world.Check(each.Io.Connections == 0, $"core {each.Index} has connections after the stop");
                return ValueTask.CompletedTask;
            });
        }
        _directories!.Dispose();
        world.Check(Process.OpenDescriptors == 0, $"open after the stop: {Process.DescribeDescriptors()}");
    }
}
