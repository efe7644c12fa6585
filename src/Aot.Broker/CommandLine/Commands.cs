using Aot.Broker.Configuration;

namespace Aot.Broker.CommandLine;

/// <summary>The commands of the binary. A new one is one more entry of <see cref="All"/>.</summary>
public static class Commands
{
    internal static readonly Option Config = new(
        "--config",
        "FILE",
        "a server.properties as Apache Kafka has it",
        Letter: 'c'
    );

    public static IReadOnlyList<Command> All { get; } =
    [
        new Command(
            "serve",
            "Start the broker and run until SIGTERM",
            [
                Config,
                new Option("--data", "DIR", "where the logs are (log.dirs); formatted when it is empty"),
                new Option("--listen", "HOST:PORT", "address for clients; port 0 takes a free one"),
                new Option("--set", "KEY=VALUE", "one setting, over file and environment", IsRepeatable: true),
                new Option("--cores", "N", "cores to run on (broker.cores); 0 follows the limits of the process"),
                new Option("--io", "auto|uring|epoll", "kernel interface for sockets (broker.io)"),
            ],
            arguments => Serve.Run(ReadConfiguration(arguments)),
            Details: """
            Each setting comes from the last of these that has it: built-in value, --config, environment (KAFKA_NODE_ID
            is node.id; _ is a dot, __ an underscore, ___ a dash), option. Without --config the broker is a cluster of
            its own: data in ./data, clients on 127.0.0.1:9092.
            When it is ready it prints one line, and <data>/ports.json has the addresses.

            Exit codes: 0 clean, 1 fatal, 2 usage or configuration, 3 port in use, 4 data directory locked or not ours,
            5 corrupt log that needs a decision, 6 disk error.
            """
        ),
        StorageCommands.Format("format"),
        StorageCommands.Format("storage format"),
        StorageCommands.Info,
        StorageCommands.Check,
        StorageCommands.RandomUuid,
        StorageCommands.VersionMapping,
        StorageCommands.FeatureDependencies,
        LogCommands.Dump,
        new Command(
            "version",
            "Print the version of this binary and of the protocol it speaks",
            [],
            _ =>
            {
                Console.Out.WriteLine(BuildInfo.Description);
                return ExitCode.Clean;
            }
        ),
    ];

    public static BrokerConfiguration ReadConfiguration(Arguments arguments)
    {
        ConfigurationInput input = new()
        {
            ConfigFile = arguments.Value("--config"),
            Data = arguments.Value("--data"),
            Listen = arguments.Value("--listen"),
            Cores = arguments.Value("--cores"),
            Io = arguments.Value("--io"),
            Set = arguments.Values("--set"),
            Environment = ConfigurationInput.ReadEnvironment(),
        };
        return BrokerConfiguration.Load(input);
    }
}
