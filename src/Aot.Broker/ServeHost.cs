using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Server;
using Aot.Broker.Storage;

namespace Aot.Broker;

/// <summary>An address cannot be listened on; the message is for the operator.</summary>
internal sealed class ListenException(ExitCode exitCode, string message) : Exception(message)
{
    public ExitCode ExitCode { get; } = exitCode;
}

/// <summary>
/// One run of the broker, on the main thread: composes the rooms from the bottom up and takes them down in reverse.
/// <code>
/// data directories (locked) - cores - sockets (bound, not accepting) - node (metadata, logs) - server (accepting) - ready
/// </code>
/// Sockets are bound before the node starts, because the broker registers with the ports that it really has.
/// </summary>
internal sealed class ServeHost(BrokerConfiguration configuration)
{
    /// <summary>What requests in flight get at a stop; an orderly stop ends within a second.</summary>
    private const long StopGraceMillis = 400;

    /// <summary>
    /// The kernel takes a ring of a killed process down after the process is gone, and the ring holds the listening
    /// socket (its accept) until then: a broker that is started again at once finds its own port taken for a moment.
    /// </summary>
    private const long PortReleaseMillisMax = 1000;
    private const long PortRetryMillis = 5;

    private static readonly Logger s_log = Log.For("serve");

    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public async Task<ExitCode> RunAsync(Task stop)
    {
        ServerOptions options = ServeSettings.Make(configuration);
        LinuxDisk disk = new();
        using LogDirectories directories = LogDirectories.Open(
            disk,
            configuration.LogDirs,
            metadataPath: configuration.MetadataLogDir
        );
        using CoreGroup group = CoreGroup.Create(
            new CoreGroupOptions
            {
                Cores = configuration.Cores,
                Io = ParseIo(configuration.Io),
                Disk = disk,
                InFlightBytesMax = InFlightBytes(options),
                Log = Log.For("reactor"),
            }
        );
        if (group.FallbackReason is { } reason)
        {
            s_log.Info("io_uring is not used", ("why", reason));
        }
        s_log.Info(
            "durability of topics without settings of their own",
            ("is", ServeReport.Durability(configuration.Values))
        );
        group.Start();
        ExitCode code;
        try
        {
            code = await RunOnCoresAsync(group, directories, options, stop);
        }
        finally
        {
            await group.StopAsync();
        }
        return code;
    }

    private async Task<ExitCode> RunOnCoresAsync(
        CoreGroup group,
        LogDirectories directories,
        ServerOptions options,
        Task stop
    )
    {
        Core first = group.Cores[0];
        List<BoundListener> listeners = await first.RunFromThreadAsync(core => BindAsync(core, options));
        TransactionCoordinator transactions = new(options.NodeId, ServeSettings.MakeTransactions(configuration.Values));
        ShareStateOptions shareStateOptions = ServeSettings.MakeShareStates(configuration.Values);
        ShareStateCoordinator shareStates = new(options.NodeId, shareStateOptions);
        SharePersister persister = new(shareStates, shareStateOptions);
        GroupCoordinator groups = new(options.NodeId, ServeSettings.MakeGroups(configuration.Values), persister);
        ConnectionLimits limits = new(options);
        ClusterNode node = await ClusterNode.StartAsync(
            group.Cores,
            directories,
            ServeSettings.MakeNode(
                configuration,
                listeners,
                [groups, transactions, shareStates, limits],
                error => _failed.TrySetResult(error)
            ),
            LogSettings.ToLogSetOptions(configuration.Values)
        );
        if (directories.Progress is { RecoveredSegments: > 0 } recovered)
        {
            s_log.Info(
                "logs were recovered after an unclean stop",
                ("partitions", recovered.Opened),
                ("segments", recovered.RecoveredSegments),
                ("scannedBytes", recovered.ScannedBytes),
                ("truncatedBytes", recovered.TruncatedBytes),
                ("milliseconds", recovered.Milliseconds)
            );
        }
        BrokerServer server = await first.RunFromThreadAsync(async core =>
            await BrokerServer.StartAsync(
                core,
                new ServerParts
                {
                    Options = options,
                    Listeners = listeners,
                    Controller = node.Controller,
                    StartedWith = configuration.Values,
                    Directories = directories,
                    Groups = groups,
                    ConnectionLimits = limits,
                    Transactions = transactions,
                    ShareStates = shareStates,
                    SharePersister = persister,
                }
            )
        );
        string data = directories.All[0].Path;
        using StatisticsFile statistics = new(group.Cores, server, directories, data);
        ServeReport.WritePorts(data, listeners);
        Console.Out.WriteLine(ServeReport.ReadyLine(listeners, data, group.BackendName, group.Cores.Count));
        Console.Out.Flush();

        bool isClean = await Task.WhenAny(stop, _failed.Task) == stop;
        if (!isClean)
        {
            s_log.Fatal("the broker cannot go on", ("why", (await _failed.Task).Message));
        }
        await first.RunFromThreadAsync(async core => await server.StopAsync(core, StopGraceMillis));
        await node.StopAsync(isClean);
        ServeReport.RemovePorts(data);
        return isClean ? ExitCode.Clean
            : await _failed.Task is MetadataLogException ? ExitCode.DiskError
            : ExitCode.Fatal;
    }

    private static async ValueTask<List<BoundListener>> BindAsync(Core core, ServerOptions options)
    {
        long patienceEnds = core.NowMillis + PortReleaseMillisMax;
        (Errno error, ListenerOptions? atFault, List<BoundListener> bound) = BrokerServer.Bind(core, options);
        while (error == Errno.EADDRINUSE && core.NowMillis < patienceEnds)
        {
            await core.DelayAsync(PortRetryMillis);
            (error, atFault, bound) = BrokerServer.Bind(core, options);
        }
        return error switch
        {
            Errno.None => bound,
            Errno.EADDRINUSE => throw new ListenException(
                ExitCode.PortInUse,
                $"another process listens on {atFault!.Bind} (listener {atFault.Name}); stop it, or choose another port"
            ),
            _ => throw new ListenException(
                ExitCode.Fatal,
                $"cannot listen on {atFault!.Bind} (listener {atFault.Name}): {error}"
            ),
        };
    }

    private static IoMode ParseIo(string io) =>
        io switch
        {
            "uring" => IoMode.Uring,
            "epoll" => IoMode.Epoll,
            _ => IoMode.Auto,
        };

    /// <summary>At least one request of the largest size fits, whatever else there is.</summary>
    private static long InFlightBytes(ServerOptions options) =>
        Math.Max(Limits.InFlightBytesMax, 4L * options.RequestBytesMax);
}
