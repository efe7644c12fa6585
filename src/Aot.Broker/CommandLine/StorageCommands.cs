using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Configuration;
using Aot.Broker.DataDirectories;
using Aot.Broker.Dump;
using Aot.Broker.Reactor;

namespace Aot.Broker.CommandLine;

/// <summary>What <c>format</c> was asked for beyond the configuration.</summary>
public sealed record FormatOptions(
    string? ClusterId,
    IReadOnlyDictionary<string, short> Features,
    string? ReleaseVersion,
    bool IgnoreFormatted,
    bool IsStandalone
);

/// <summary>The <c>storage</c> family: log directories as a whole, as kafka-storage has them.</summary>
internal static class StorageCommands
{
    private static readonly Option s_data = new("--data", "DIR", "where the logs are (log.dirs)");
    private static readonly Option s_set = new(
        "--set",
        "KEY=VALUE",
        "one setting, over file and environment",
        IsRepeatable: true
    );
    private static readonly Option s_format = new("--format", "text|json", "text, or one JSON object per line");
    private static readonly Option s_release = new(
        "--release-version",
        "V",
        "features as this release of Apache Kafka has them",
        Letter: 'r'
    );
    private static readonly Option s_feature = new(
        "--feature",
        "NAME=LEVEL",
        "level of a feature, also metadata.version",
        true,
        'f'
    );

    public static Command Info { get; } =
        new(
            "storage info",
            "Show whose the log directories are, and the features of the cluster in them",
            [Commands.Config, s_data, s_set, s_format],
            arguments =>
                Show(arguments, (configuration, writer) => StorageInfo.Run(new LinuxDisk(), configuration, writer)),
            Details: """
            JSON kinds: directory (path, isMetadata, isFormatted, version, clusterId, nodeId, directoryId, isInUse,
            stoppedCleanly), feature (name, level, release), problem (path, what).

            Exit codes: 0 all formatted for this node, 1 a problem is shown, 2 usage, 4 not to be read, 6 disk error.
            """
        );

    public static Command Check { get; } =
        new(
            "storage check",
            "Show what a start would find and do in the log directories, without changing them",
            [
                Commands.Config,
                s_data,
                s_set,
                s_format,
                new Option("--deep", null, "verify every batch, index and snapshot"),
            ],
            arguments =>
                Show(
                    arguments,
                    (configuration, writer) =>
                        new StorageCheck(new LinuxDisk(), configuration, writer).Run(arguments.Has("--deep"))
                ),
            Details: """
            JSON kinds: directory (as storage info, and start: clean, unclean, running, new), recovery (path, fromOffset,
            segments, bytes), problem and note (path, what; a note costs the start nothing), finding and verified (--deep, as
            log dump), verdict (logs, logsToRecover, segmentsToRecover, bytesToRecover, problems).

            Exit codes: 0 nothing to do, 1 a start would recover or mend something or --deep found damage, 2 usage, 4 not
            this node's or not to be read, 5 contradictions that a person has to decide about, 6 disk error.
            """
        );

    public static Command RandomUuid { get; } =
        new(
            "storage random-uuid",
            "Print a new id for a cluster or a directory",
            [],
            _ =>
            {
                Console.Out.WriteLine(KafkaUuid.NewRandom(Broker.Format.NextRandom));
                return ExitCode.Clean;
            }
        );

    public static Command VersionMapping { get; } =
        new(
            "storage version-mapping",
            "Print the feature levels of a release of Apache Kafka",
            [s_release],
            arguments =>
            {
                string? release = arguments.Value(s_release.Name);
                short version = MetadataVersions.Latest;
                if (release is not null && !MetadataVersions.TryParse(release, out version))
                {
                    throw new UsageException(
                        $"Unknown release version '{release}'. Supported versions are: {MetadataVersions.Names[0]} to "
                            + MetadataVersions.Names[^1]
                    );
                }
                Console.Out.WriteLine($"{Features.MetadataVersion}={version} ({MetadataVersions.Name(version)})");
                foreach (string name in Features.Names)
                {
                    Console.Out.WriteLine($"{name}={Features.DefaultLevel(name, version)}");
                }
                return ExitCode.Clean;
            }
        );

    public static Command FeatureDependencies { get; } =
        new(
            "storage feature-dependencies",
            "Print what a level of a feature needs",
            [s_feature],
            arguments =>
            {
                foreach ((string name, short level) in ReadFeatures(arguments))
                {
                    if (Features.Range(name) is not { } range || level > range.Highest || level < range.Lowest)
                    {
                        throw new UsageException(
                            $"{name}={level}: supported are "
                                + string.Join(
                                    ", ",
                                    Features.Supported.Select(one => $"{one.Name} {one.Lowest}-{one.Highest}")
                                )
                        );
                    }
                    short needed = Features.NeededMetadataVersion(name, level);
                    Console.Out.WriteLine(
                        name == Features.MetadataVersion || level == 0 || needed == MetadataVersions.Lowest
                            ? $"{name}={level} has no dependencies."
                            : $"{name}={level} requires:\n    {Features.MetadataVersion}={needed} ({MetadataVersions.Name(needed)})"
                    );
                }
                return ExitCode.Clean;
            }
        );

    public static Command Format(string name) =>
        new(
            name,
            "Prepare the log directories of a node, as kafka-storage format does",
            [
                Commands.Config,
                s_data,
                s_set,
                new Option("--cluster-id", "ID", "id of the cluster; a new one when left out", Letter: 't'),
                s_feature,
                s_release,
                new Option("--ignore-formatted", null, "do nothing when the directories are formatted", Letter: 'g'),
                new Option("--standalone", null, "write this node into the log as the one voter", Letter: 's'),
                new Option(
                    "--initial-controllers",
                    "LIST",
                    "refused: a quorum of several nodes is not served",
                    Letter: 'I'
                ),
                new Option("--no-initial-controllers", null, "refused: it is for joining a quorum", Letter: 'N'),
            ],
            arguments => Broker.Format.Run(Commands.ReadConfiguration(arguments), ReadFormatOptions(arguments))
        );

    public static FormatOptions ReadFormatOptions(Arguments arguments)
    {
        if (arguments.Has("--initial-controllers") || arguments.Has("--no-initial-controllers"))
        {
            throw new UsageException(
                "a quorum of several controllers is not served: leave the option out (this node is the quorum), or write it "
                    + "into the log as the one voter with --standalone"
            );
        }
        return new FormatOptions(
            arguments.Value("--cluster-id"),
            ReadFeatures(arguments),
            arguments.Value(s_release.Name),
            arguments.Has("--ignore-formatted"),
            arguments.Has("--standalone")
        );
    }

    private static Dictionary<string, short> ReadFeatures(Arguments arguments)
    {
        Dictionary<string, short> features = [];
        foreach (string feature in arguments.Values(s_feature.Name))
        {
            int equals = feature.IndexOf('=');
            if (equals <= 0 || !short.TryParse(feature.AsSpan(equals + 1), out short level) || level < 0)
            {
                throw new UsageException($"--feature {feature}: expected NAME=LEVEL, the level a number from 0");
            }
            if (!features.TryAdd(feature[..equals], level))
            {
                throw new UsageException($"--feature {feature[..equals]} is given twice; leave one of them out");
            }
        }
        return features;
    }

    private static ExitCode Show(Arguments arguments, Func<BrokerConfiguration, DumpWriter, ExitCode> show)
    {
        BrokerConfiguration configuration = Commands.ReadConfiguration(arguments);
        return DumpOutput.Run(LogCommands.IsJson(arguments), writer => show(configuration, writer));
    }
}
