using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>
/// Opens the metadata log of this node and replays it: newest finished snapshot, then the log behind it. One use, on
/// core 0, before the node leads.
/// </summary>
internal sealed class MetadataLogStart(Core core, LogSet logs, string logDirectory, int nodeId)
{
    private const int ReplayBytes = 1024 * 1024;

    /// <summary>Largest batch that the log takes: that of Apache Kafka's quorum, with room for the header.</summary>
    private const int BatchBytesMax = (8 * 1024 * 1024) + 1024;

    private static readonly Logger s_log = Log.For("metadata");

    private readonly Disk _disk = core.Disk;

    /// <summary>The directory of the log itself.</summary>
    public string Directory { get; } = Path.Combine(logDirectory, Formatter.MetadataLogName);

    public MetadataReplay Replay { get; } = new(MetadataImage.Empty);

    public required int SegmentBytes { get; init; }

    public required long SegmentMs { get; init; }

    /// <summary>Up to where the snapshot went that the replay began with; 0 without one.</summary>
    public long SnapshotEnd { get; private set; }

    /// <summary>The voters that a freshly formatted directory puts into the log, if it does.</summary>
    public VoterImage[]? BootstrapVoters { get; private set; }

    public async Task<PartitionLog> OpenAsync()
    {
        LogConfig config = new()
        {
            SegmentBytes = SegmentBytes,
            SegmentMs = SegmentMs,
            MaxMessageBytes = BatchBytesMax,
            // What is acknowledged is on the disk; and only snapshots let go of the past.
            FlushMessages = 1,
            RetentionMs = -1,
            RetentionBytes = -1,
            CleanupPolicy = CleanupPolicies.Delete,
            FileDeleteDelayMs = 0,
        };
        (ErrorCode error, PartitionLog? log) = await logs.OpenAsync(
            TopicPartition.ClusterMetadata,
            KafkaUuid.Metadata,
            config,
            logDirectory
        );
        if (log is null)
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.Disk,
                $"the metadata log in {Directory} cannot be opened: {error}"
            );
        }
        LoadSnapshot(log);
        ReplayLog(log);
        return log;
    }

    /// <summary>The epoch that this start leads in: above everything that any earlier process can have written.</summary>
    public int NextEpoch(PartitionLog log)
    {
        string path = Path.Combine(Directory, QuorumState.FileName);
        int seen = log.LeaderEpoch;
        Errno error = _disk.ReadAllBytes(path, out byte[] bytes);
        if (error == Errno.None && bytes.Length > 0)
        {
            QuorumState state =
                QuorumState.TryParse(bytes, out string problem)
                ?? throw new ClusterStartException($"{path} cannot be used: {problem}");
            if (state.Voters.Length > 0 && (state.Voters.Length > 1 || state.Voters[0] != nodeId))
            {
                throw new ClusterStartException(
                    $"the metadata log in {Directory} belongs to the quorum of the nodes "
                        + $"{string.Join(", ", state.Voters)}; a quorum of more than this node is not supported"
                );
            }
            seen = Math.Max(seen, state.LeaderEpoch);
        }
        else if (error is not (Errno.None or Errno.ENOENT))
        {
            throw new DataDirectoryException(DataDirectoryProblem.Disk, $"{path} cannot be read: {error}");
        }
        return Math.Max(seen, 0) + 1;
    }

    /// <summary>What a log begins with that has no records yet: from the format, or the defaults of this version.</summary>
    public List<MetadataRecord> BootstrapRecords()
    {
        string inLog = Path.Combine(Directory, SnapshotFile.Bootstrap.FileName);
        string legacy = Path.Combine(logDirectory, SnapshotFile.LegacyBootstrapName);
        foreach (string path in (string[])[inLog, legacy])
        {
            Errno error = _disk.ReadAllBytes(path, out byte[] bytes);
            if (error == Errno.ENOENT)
            {
                continue;
            }
            if (error != Errno.None)
            {
                throw new DataDirectoryException(DataDirectoryProblem.Disk, $"{path} cannot be read: {error}");
            }
            MetadataImage? image = SnapshotFile.Read(bytes, SnapshotFile.Bootstrap, path);
            if (image is null)
            {
                // Only a start that formatted the directory by itself can leave it so, when it stopped at once; and
                // such a start writes the defaults.
                s_log.Warn("what the metadata log begins with was not finished: the defaults", ("file", path));
                continue;
            }
            BootstrapVoters = image.KRaftVersion >= 1 ? image.Voters : null;
            return [.. ImageRecords.Of(image)];
        }
        return FeatureSelection.Select(null, [], votersAreInLog: false, out _, out _)!;
    }

    private void LoadSnapshot(PartitionLog log)
    {
        List<SnapshotId> ids = SnapshotFile.List(_disk, Directory);
        ids.Reverse();
        foreach (SnapshotId id in ids)
        {
            if (id == SnapshotFile.Bootstrap)
            {
                break;
            }
            string path = Path.Combine(Directory, id.FileName);
            Errno error = _disk.ReadAllBytes(path, out byte[] bytes);
            if (error != Errno.None)
            {
                throw new DataDirectoryException(
                    DataDirectoryProblem.Disk,
                    $"the snapshot {path} cannot be read: {error}"
                );
            }
            if (!Replay.TryReplaySnapshot(bytes, id, path))
            {
                continue;
            }
            if (id.EndOffset > log.LogEndOffset)
            {
                throw new DataDirectoryException(
                    DataDirectoryProblem.Corrupt,
                    $"the metadata log in {Directory} ends at {log.LogEndOffset}, before its snapshot {id.FileName}"
                );
            }
            SnapshotEnd = id.EndOffset;
            break;
        }
        if (log.LogStartOffset > SnapshotEnd)
        {
            throw new DataDirectoryException(
                DataDirectoryProblem.Corrupt,
                $"the metadata log in {Directory} begins at {log.LogStartOffset}, and no snapshot reaches that far"
            );
        }
    }

    private void ReplayLog(PartitionLog log)
    {
        byte[] buffer = new byte[(int)Math.Clamp(log.SizeInBytes, 4096, ReplayBytes)];
        long offset = SnapshotEnd;
        while (offset < log.LogEndOffset)
        {
            int read = log.ReadForReplay(offset, buffer);
            if (read < 0)
            {
                buffer = new byte[-read];
                continue;
            }
            if (read == 0)
            {
                throw new DataDirectoryException(
                    DataDirectoryProblem.Disk,
                    $"the metadata log in {Directory} cannot be read at {offset}"
                );
            }
            Replay.Replay(buffer.AsSpan(0, read), Directory, from: offset);
            offset = Replay.NextOffset;
        }
    }

    /// <summary>The leader of an earlier epoch left a metadata transaction open: it never happened.</summary>
    public static MetadataRecord AbortOpenTransaction() =>
        new(new AbortTransactionRecord { Reason = "the controller stopped inside the transaction" }, 0);
}
