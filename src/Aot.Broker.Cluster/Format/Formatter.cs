using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Cluster;

/// <summary>What is to be formatted and how.</summary>
public sealed record FormatRequest
{
    public required string ClusterId { get; init; }
    public required int NodeId { get; init; }

    /// <summary>All of <c>log.dirs</c>, and the metadata directory where it is not one of them.</summary>
    public required IReadOnlyList<string> Directories { get; init; }
    public required string MetadataDirectory { get; init; }
    public required Func<ulong> Random { get; init; }
    public required long WallMillis { get; init; }

    /// <summary>A release or a level of metadata.version; null is the latest.</summary>
    public string? ReleaseVersion { get; init; }
    public IReadOnlyList<(string Name, short Level)> Features { get; init; } = [];

    /// <summary>Directories that are formatted are left alone instead of being an error.</summary>
    public bool IgnoreFormatted { get; init; }

    /// <summary>Set: this node is the one voter, and the log says so (KIP-853). Null: voters are a setting.</summary>
    public EndPointImage? StandaloneVoter { get; init; }
}

/// <summary>What was done, or why nothing was.</summary>
public sealed record FormatResult(string? Problem, IReadOnlyList<string> Messages)
{
    internal static FormatResult Refused(string problem) => new(problem, []);
}

/// <summary>
/// Makes log directories this cluster's and this node's, as <c>kafka-storage format</c> does: the metadata log's first
/// snapshot with the features that the cluster begins with, then <c>meta.properties</c> in every directory. That file
/// comes last, so a directory whose formatting was interrupted counts as not formatted.
/// </summary>
public static class Formatter
{
    public const string MetaPropertiesName = "meta.properties";
    public const string MetadataLogName = TopicImage.ClusterMetadataTopic + "-0";

    public static FormatResult Format(Disk disk, FormatRequest request)
    {
        List<string> todo = [];
        foreach (string directory in request.Directories)
        {
            if (!disk.Exists(Path.Combine(directory, MetaPropertiesName)))
            {
                todo.Add(directory);
            }
            else if (!request.IgnoreFormatted)
            {
                return FormatResult.Refused(
                    $"Log directory {directory} is already formatted. Use --ignore-formatted to ignore this "
                        + "directory and format the others."
                );
            }
        }
        List<MetadataRecord>? records = FeatureSelection.Select(
            request.ReleaseVersion,
            request.Features,
            votersAreInLog: request.StandaloneVoter is not null,
            out short metadataVersion,
            out string problem
        );
        if (records is null)
        {
            return FormatResult.Refused(problem);
        }
        if (todo.Count == 0)
        {
            return new FormatResult(null, ["All of the log directories are already formatted."]);
        }
        List<string> messages = [];
        foreach (string directory in todo)
        {
            bool isMetadata = directory == request.MetadataDirectory;
            string kind =
                !isMetadata ? "data directory"
                : request.StandaloneVoter is null ? "metadata directory"
                : "dynamic metadata voter directory";
            string version = MetadataVersions.Name(metadataVersion);
            messages.Add($"Formatting {kind} {directory} with metadata.version {version}.");
            string? failure = FormatOne(disk, request, directory, isMetadata ? records : null);
            if (failure is not null)
            {
                return new FormatResult(failure, messages);
            }
        }
        return new FormatResult(null, messages);
    }

    private static string? FormatOne(Disk disk, FormatRequest request, string directory, List<MetadataRecord>? records)
    {
        KafkaUuid id = KafkaUuid.NewRandom(request.Random);
        Errno error = disk.CreateDirectories(directory);
        if (error != Errno.None)
        {
            return $"Unable to create the log directory {directory}: {error}";
        }
        if (records is not null)
        {
            VoterImage[]? voters = request.StandaloneVoter is null
                ? null
                : [new VoterImage(request.NodeId, id, [request.StandaloneVoter], 0, 1)];
            List<string> written = [];
            string? failure = WriteMetadataLog(disk, directory, records, request.WallMillis, written, voters);
            if (failure is not null)
            {
                return failure;
            }
            error = disk.SyncAll(written);
            if (error != Errno.None)
            {
                return $"Unable to sync {directory}: {error}";
            }
        }
        MetaProperties properties = new(1, request.ClusterId, request.NodeId, id);
        string path = Path.Combine(directory, MetaPropertiesName);
        error = disk.WriteAllBytesAtomically(path, properties.ToBytes(request.WallMillis));
        return error == Errno.None ? null : $"Unable to write {path}: {error}";
    }

    /// <summary>
    /// What a metadata log begins with: the first snapshot and the topic's id. The files are named in
    /// <paramref name="written"/>, to be synced by the caller. Null, or what went wrong.
    /// </summary>
    internal static string? WriteMetadataLog(
        Disk disk,
        string directory,
        List<MetadataRecord> records,
        long nowMs,
        List<string> written,
        VoterImage[]? voters = null
    )
    {
        string log = Path.Combine(directory, MetadataLogName);
        Errno error = disk.CreateDirectories(log);
        if (error != Errno.None)
        {
            return $"Unable to create the metadata directory {log}: {error}";
        }
        (string Path, byte[] Bytes)[] files =
        [
            (Path.Combine(log, SnapshotFile.Bootstrap.FileName), SnapshotFile.Write(records, 0, nowMs, nowMs, voters)),
            (Path.Combine(log, LogFileNames.PartitionMetadata), PartitionMetadataText.Write(KafkaUuid.Metadata)),
        ];
        foreach ((string path, byte[] bytes) in files)
        {
            error = disk.WriteAllBytesWithoutSync(path, bytes);
            if (error != Errno.None)
            {
                return $"Unable to write {path}: {error}";
            }
            written.Add(path);
        }
        return null;
    }
}

/// <summary>Small files that are replaced as a whole and synced later, together with others.</summary>
internal static class DiskFiles
{
    /// <summary>Written beside and renamed; on the disk only after <see cref="SyncAll"/>.</summary>
    public static Errno WriteAllBytesWithoutSync(this Disk disk, string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = path + ".tmp";
        Errno error = disk.Delete(temporary);
        if (error is not (Errno.None or Errno.ENOENT))
        {
            return error;
        }
        error = disk.Open(temporary, DiskOpen.CreateNew, out Fd fd);
        if (error != Errno.None)
        {
            return error;
        }
        long result = disk.Write(fd, bytes, 0);
        disk.Close(fd);
        return result < 0 ? (Errno)(-result) : disk.Rename(temporary, path);
    }

    /// <summary>Puts files and the directories that name them on the disk. Blocks: not for a core's thread.</summary>
    public static Errno SyncAll(this Disk disk, IEnumerable<string> paths)
    {
        SortedSet<string> directories = new(StringComparer.Ordinal);
        foreach (string path in paths)
        {
            Errno error = disk.Open(path, DiskOpen.ReadWrite, out Fd fd);
            if (error != Errno.None)
            {
                return error;
            }
            error = disk.Sync(fd, dataOnly: false);
            disk.Close(fd);
            if (error != Errno.None)
            {
                return error;
            }
            string directory = Path.GetDirectoryName(path) ?? ".";
            directories.Add(directory);
            directories.Add(Path.GetDirectoryName(directory) is { Length: > 0 } parent ? parent : ".");
        }
        foreach (string directory in directories)
        {
            Errno error = disk.SyncDirectory(directory);
            if (error != Errno.None)
            {
                return error;
            }
        }
        return Errno.None;
    }
}
