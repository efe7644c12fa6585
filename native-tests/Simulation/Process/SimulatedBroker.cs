using System.Net;
using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Server;
using Aot.Broker.Storage;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// The broker in a simulated process: the rooms in the order in which the executable puts them together, from the data
/// directory to the server.
/// </summary>
internal sealed class SimulatedBroker(World world, ProcessOptions options)
{
    public const int Port = 9092;

    private const string Data = "/data";
    private const long StopGraceMillis = 400;
    private const long LeaseSweepNanos = 1_000_000_000;

    private readonly ConfigValues _settings = ConfigValues.ForBroker(
        new Dictionary<string, string>
        {
            ["process.roles"] = "broker,controller",
            ["node.id"] = "1",
            ["controller.listener.names"] = "CONTROLLER",
            ["auto.create.topics.enable"] = "false",
        }
    );
    private LogDirectories? _directories;
    private ClusterNode? _node;
    private BrokerServer? _server;

    public SimulatedProcess Process { get; } = world.StartProcess(options);

    /// <summary>Clients may connect.</summary>
    public bool IsReady { get; private set; }

    /// <summary>Whatever an earlier end left on the disk, a broker starts from it: an exception here is a failure of the run.</summary>
    public async Task StartAsync()
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
        _directories = LogDirectories.Open(Process.Disk, [Data], (_, _) => Process.End(ProcessEnd.Kill));
        Core first = Process.Cores[0];
        List<BoundListener> listeners = await first.RunFromThreadAsync(core =>
        {
            (Errno error, _, List<BoundListener> bound) = BrokerServer.Bind(core, server);
            world.Check(error == Errno.None, $"bind: {error}");
            return ValueTask.FromResult(bound);
        });
        _node = await ClusterNode.StartAsync(
            Process.Cores,
            _directories,
            new ClusterNodeOptions
            {
                NodeId = 1,
                StartedWith = _settings,
                AdvertisedListeners = [new EndPointImage("PLAINTEXT", "127.0.0.1", Port, 0)],
                OnFatal = error => world.Fail($"the node cannot go on: {error}", error),
            },
            new LogSetOptions
            {
                HighWatermarkCheckpointMs = 50,
                RecoveryPointCheckpointMs = 200,
                IdleAfterMs = 100,
                OpenSegmentsMax = 4,
                JudgedOnCoreBytesMax = world.Random.OneIn(2) ? int.MaxValue : world.Random.Between(40, 400),
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
                }
            )
        );
        IsReady = true;
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
