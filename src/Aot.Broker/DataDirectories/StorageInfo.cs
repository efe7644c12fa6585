using Aot.Broker.Cluster;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Dump;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.DataDirectories;

/// <summary>The <c>storage info</c> command: whose the log directories are, and the features of the cluster in them.</summary>
public static class StorageInfo
{
    /// <exception cref="UnreadableException"/>
    public static ExitCode Run(Disk disk, BrokerConfiguration configuration, DumpWriter writer)
    {
        List<DirectoryState> states =
        [
            .. configuration.LogDirsWithMetadata.Select(path => DirectoryState.Read(disk, path)),
        ];
        foreach (DirectoryState state in states)
        {
            writer.Begin("directory", "directory ");
            WriteState(writer, state, configuration.MetadataLogDir);
            writer.End();
        }
        MetadataImage? image = MetadataOnDisk.TryRead(disk, configuration.MetadataLogDir, out string problem);
        if (image is not null)
        {
            WriteFeatures(writer, image);
        }
        List<(string Path, string What)> problems = DirectoryState.FindConflicts(states, configuration.NodeId.Value);
        foreach (DirectoryState state in states)
        {
            if (!state.Exists)
            {
                problems.Add((state.Path, "is not there; a start makes it, or aot-broker storage format does"));
            }
            else if (state.Meta is null && state.MetaProblem.Length == 0)
            {
                problems.Add((state.Path, "is not formatted; aot-broker storage format does it"));
            }
        }
        if (problem.Length > 0)
        {
            problems.Add((configuration.MetadataLogDir, problem));
        }
        foreach ((string path, string what) in problems)
        {
            WriteProblem(writer, path, what);
        }
        return problems.Count == 0 ? ExitCode.Clean : ExitCode.Fatal;
    }

    internal static void WriteState(DumpWriter writer, DirectoryState state, string metadataLogDir)
    {
        WritePath(writer, state.Path);
        writer.Field("isMetadata", state.Path == metadataLogDir);
        writer.Field("isFormatted", state.Meta is not null);
        if (state.Meta is { } meta)
        {
            writer.Field("version", meta.Version);
            writer.Field("clusterId", meta.ClusterId);
            writer.Field("nodeId", meta.NodeId);
            writer.Field("directoryId", meta.DirectoryId.IsZero ? null : meta.DirectoryId.ToString());
        }
        writer.Field("isInUse", state.IsInUse);
        writer.Field("stoppedCleanly", state.HasCleanMark);
    }

    internal static void WriteProblem(DumpWriter writer, string path, string what)
    {
        writer.Begin("problem", "PROBLEM ");
        if (writer.IsJson)
        {
            writer.Field("path", path);
            writer.Field("what", what);
        }
        else
        {
            writer.Text($"{path}: {what}");
        }
        writer.End();
    }

    internal static void WritePath(DumpWriter writer, string path)
    {
        if (writer.IsJson)
        {
            writer.Field("path", path);
        }
        else
        {
            writer.Text(path);
        }
    }

    private static void WriteFeatures(DumpWriter writer, MetadataImage image)
    {
        foreach (FeatureRange range in Features.Supported)
        {
            short level =
                range.Name == Features.MetadataVersion ? image.Features.MetadataVersion
                : range.Name == Features.KRaftVersion ? image.KRaftVersion
                : image.Features.Level(range.Name);
            writer.Begin("feature", "feature ");
            writer.Field("name", range.Name);
            writer.Field("level", level);
            if (range.Name == Features.MetadataVersion)
            {
                writer.Field("release", MetadataVersions.Name(level));
            }
            writer.End();
        }
    }
}
