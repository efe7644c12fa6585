using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker;

/// <summary>The <c>format</c> command: lays out the data directories of a node.</summary>
internal static class Format
{
    private static readonly Logger s_log = Log.For("format");

    /// <exception cref="UsageException">The voters cannot be as they were asked for.</exception>
    public static ExitCode Run(BrokerConfiguration configuration, FormatOptions options)
    {
        if (options.IsStandalone && configuration.Given.ContainsKey("controller.quorum.voters"))
        {
            throw new UsageException(
                "--standalone writes the voter into the log, and controller.quorum.voters names the voters in the "
                    + "configuration: leave out one of the two"
            );
        }
        if (options.IsStandalone && !configuration.Listeners.Any(listener => listener.IsController))
        {
            throw new UsageException(
                "--standalone writes the controller's address into the log, and no listener is a controller's: give "
                    + "--config a file with process.roles, controller.listener.names and listeners"
            );
        }
        LinuxDisk disk = new();
        try
        {
            // Locked meanwhile, so that a running broker's directories are left alone.
            using LogDirectories directories = LogDirectories.Open(
                disk,
                configuration.LogDirs,
                metadataPath: configuration.MetadataLogDir
            );
            return Run(configuration, options, disk);
        }
        catch (DataDirectoryException error)
        {
            s_log.Fatal(error.Message);
            return (ExitCode)error.ExitCode;
        }
    }

    private static ExitCode Run(BrokerConfiguration configuration, FormatOptions options, Disk disk)
    {
        List<(string, short)> features = [];
        foreach ((string name, short level) in options.Features)
        {
            features.Add((name, level));
        }
        FormatResult result = Formatter.Format(
            disk,
            new FormatRequest
            {
                ClusterId = options.ClusterId ?? configuration.ClusterId ?? KafkaUuid.NewRandom(NextRandom).ToString(),
                NodeId = configuration.NodeId.Value,
                Directories = configuration.LogDirsWithMetadata,
                MetadataDirectory = configuration.MetadataLogDir,
                Random = NextRandom,
                WallMillis = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
                ReleaseVersion = options.ReleaseVersion,
                Features = features,
                IgnoreFormatted = options.IgnoreFormatted,
                StandaloneVoter = options.IsStandalone ? VoterOf(configuration) : null,
            }
        );
        foreach (string message in result.Messages)
        {
            Console.Out.WriteLine(message);
        }
        if (result.Problem is not null)
        {
            Console.Error.WriteLine(result.Problem);
            return ExitCode.Usage;
        }
        return ExitCode.Clean;
    }

    private static EndPointImage VoterOf(BrokerConfiguration configuration)
    {
        ListenerConfiguration listener = configuration.Listeners.First(one => one.IsController);
        return new EndPointImage(
            listener.Name,
            listener.AdvertisedHost,
            listener.AdvertisedPort == 0 ? listener.Port : listener.AdvertisedPort,
            (short)listener.Protocol
        );
    }

    internal static ulong NextRandom() => (ulong)Random.Shared.NextInt64() ^ ((ulong)Random.Shared.NextInt64() << 1);
}
