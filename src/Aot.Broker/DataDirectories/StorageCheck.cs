using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Dump;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.DataDirectories;

/// <summary>
/// The <c>storage check</c> command: what a start would find and do in the log directories, without doing it. Reads what
/// a start reads; with <c>--deep</c> every byte.
/// </summary>
public sealed class StorageCheck(Disk disk, BrokerConfiguration configuration, DumpWriter writer)
{
    private readonly Dictionary<TopicPartition, string> _seen = [];
    private readonly List<string> _partitionPaths = [];
    private MetadataImage? _image;
    private long _problems;
    private bool _needsDecision;
    private (int Logs, long Segments, long Bytes) _toRecover;

    /// <exception cref="UnreadableException"/>
    public ExitCode Run(bool isDeep)
    {
        List<DirectoryState> states =
        [
            .. configuration.LogDirsWithMetadata.Select(path => DirectoryState.Read(disk, path)),
        ];
        List<(string Path, string What)> conflicts = DirectoryState.FindConflicts(states, configuration.NodeId.Value);
        _image = MetadataOnDisk.TryRead(disk, configuration.MetadataLogDir, out string metadataProblem);
        foreach (DirectoryState state in states)
        {
            writer.Begin("directory", "directory ");
            StorageInfo.WriteState(writer, state, configuration.MetadataLogDir);
            writer.Field("start", DescribeStart(state));
            writer.End();
            if (state.Exists)
            {
                CheckDirectory(state);
            }
        }
        foreach ((string path, string what) in conflicts)
        {
            Problem(path, what);
        }
        if (metadataProblem.Length > 0)
        {
            _needsDecision = true;
            Problem(configuration.MetadataLogDir, metadataProblem);
        }
        bool isDamaged = isDeep && VerifyAll();
        writer.Begin("verdict", "verdict:");
        writer.Field("logs", _partitionPaths.Count);
        writer.Field("logsToRecover", _toRecover.Logs);
        writer.Field("segmentsToRecover", _toRecover.Segments);
        writer.Field("bytesToRecover", _toRecover.Bytes);
        writer.Field("problems", _problems);
        writer.End();
        return conflicts.Count > 0 ? ExitCode.DataDirectory
            : _needsDecision ? ExitCode.CorruptLog
            : isDamaged || _problems > 0 || _toRecover.Logs > 0 ? ExitCode.Fatal
            : ExitCode.Clean;
    }

    private bool VerifyAll()
    {
        using LogDump dump = new(disk, new DumpOptions(false, false, true, true, null), writer);
        return dump.Run(_partitionPaths) != ExitCode.Clean;
    }

    private static string DescribeStart(DirectoryState state) =>
        !state.Exists || state.Meta is null ? "new"
        : state.IsInUse ? "running"
        : state.HasCleanMark ? "clean"
        : "unclean";

    private void CheckDirectory(DirectoryState state)
    {
        Dictionary<TopicPartition, long> recoveryPoints = ReadCheckpoint(state, LogFileNames.RecoveryPointCheckpoint);
        ReadCheckpoint(state, LogFileNames.HighWatermarkCheckpoint);
        ReadCheckpoint(state, LogFileNames.LogStartCheckpoint);
        ReadCheckpoint(state, LogFileNames.CleanerCheckpoint);
        List<DiskEntry> entries = [];
        Errno error = disk.List(state.Path, entries);
        if (error != Errno.None)
        {
            throw LogDump.Unreadable(state.Path, error);
        }
        entries.Sort(static (left, right) => string.CompareOrdinal(left.Name, right.Name));
        foreach (DiskEntry entry in entries)
        {
            if (!entry.IsDirectory)
            {
                continue;
            }
            string path = Path.Combine(state.Path, entry.Name);
            if (LogFileNames.IsMarked(entry.Name, LogFileNames.DeleteDirectorySuffix))
            {
                Note(path, "a deleted partition: the start removes it");
            }
            else if (LogFileNames.IsMarked(entry.Name, LogFileNames.FutureDirectorySuffix))
            {
                Note(path, "a move between directories that had not ended");
            }
            else if (LogFileNames.IsMarked(entry.Name, LogFileNames.StrayDirectorySuffix))
            {
                Note(path, "a stray that an earlier start put aside; nothing reads it, a person may delete it");
            }
            else if (LogFileNames.TryParsePartitionDirectory(entry.Name, out TopicPartition name))
            {
                CheckPartition(state, path, name, recoveryPoints.GetValueOrDefault(name));
            }
            else
            {
                Problem(path, "no partition's directory: Apache Kafka would not start with it, move it away");
            }
        }
    }

    private Dictionary<TopicPartition, long> ReadCheckpoint(DirectoryState state, string name)
    {
        Dictionary<TopicPartition, long> offsets = [];
        string path = Path.Combine(state.Path, name);
        Errno error = disk.ReadAllBytes(path, out byte[] bytes);
        if (error == Errno.ENOENT)
        {
            return offsets;
        }
        if (error != Errno.None)
        {
            throw LogDump.Unreadable(path, error);
        }
        List<CheckpointEntry> entries = [];
        if (!CheckpointText.TryRead(bytes, entries))
        {
            Problem(path, "a damaged checkpoint: the start passes over it, and recovers from offset 0");
            return offsets;
        }
        foreach (CheckpointEntry entry in entries)
        {
            offsets[entry.Partition] = entry.Offset;
        }
        return offsets;
    }

    private void CheckPartition(DirectoryState state, string path, TopicPartition name, long recoveryPoint)
    {
        _partitionPaths.Add(path);
        if (!_seen.TryAdd(name, state.Path))
        {
            _needsDecision = true;
            Problem(path, $"the same partition is in {_seen[name]}: move one of the two away");
        }
        CheckIdentity(path, name);
        LogFolder folder = LogFolder.List(disk, path);
        CheckFiles(path, folder);
        if (state.HasCleanMark || state.IsInUse)
        {
            return;
        }
        long segments = 0;
        long bytes = 0;
        for (int i = 0; i < folder.Segments.Count; i++)
        {
            // A segment ends where the next begins; the last one is looked at whenever it is not empty.
            bool isBehind = i + 1 < folder.Segments.Count && folder.Segments[i + 1].BaseOffset <= recoveryPoint;
            long length = disk.LengthOf(folder.Segments[i].Log);
            bool isPast = i + 1 == folder.Segments.Count && PartitionSummary.EndOffset(disk, folder) <= recoveryPoint;
            if (!isBehind && !isPast && length > 0)
            {
                segments++;
                bytes += length;
            }
        }
        if (segments > 0)
        {
            _toRecover = (_toRecover.Logs + 1, _toRecover.Segments + segments, _toRecover.Bytes + bytes);
            writer.Begin("recovery", "recovery ");
            StorageInfo.WritePath(writer, path);
            writer.Field("fromOffset", recoveryPoint);
            writer.Field("segments", segments);
            writer.Field("bytes", bytes);
            writer.End();
        }
    }

    private void CheckIdentity(string path, TopicPartition name)
    {
        string metadata = Path.Combine(path, LogFileNames.PartitionMetadata);
        KafkaUuid topicId = default;
        if (disk.ReadAllBytes(metadata, out byte[] bytes) != Errno.None)
        {
            if (name != TopicPartition.ClusterMetadata)
            {
                Problem(path, $"{LogFileNames.PartitionMetadata} is not there: the start gives it the topic's id");
            }
            return;
        }
        if (!PartitionMetadataText.TryRead(bytes, out topicId))
        {
            Problem(metadata, "no version 0 with a topic id");
            return;
        }
        if (_image is null || topicId == KafkaUuid.Metadata)
        {
            return;
        }
        PartitionImage? partition = _image.Topic(topicId)?.Partition(name.Partition);
        if (partition is null || !partition.Replicas.Contains(configuration.NodeId.Value))
        {
            Problem(path, $"a stray: the metadata has no such partition of topic id {topicId} on this node");
        }
        else if (_image.Topic(topicId)!.Name != name.Topic)
        {
            Problem(path, $"its topic id {topicId} is that of {_image.Topic(topicId)!.Name}");
        }
    }

    private void CheckFiles(string path, LogFolder folder)
    {
        foreach (string orphan in folder.Others)
        {
            DumpKind kind = FileNames.KindOf(orphan, out _);
            if (kind is DumpKind.OffsetIndex or DumpKind.TimeIndex or DumpKind.TransactionIndex)
            {
                Problem(orphan, "an index without its log file: the start deletes it");
            }
        }
        foreach (LogFolder.Segment segment in folder.Segments)
        {
            if (
                disk.LengthOf(segment.Log) > 0
                && !segment.Indexes.Any(index => FileNames.KindOf(index, out _) == DumpKind.OffsetIndex)
            )
            {
                Problem(segment.Log, "the offset index is not there: the start rebuilds it");
            }
        }
        foreach (string passing in folder.Passing)
        {
            Note(passing, "left by work that a stop interrupted: the start finishes it or takes it back");
        }
    }

    private void Problem(string path, string what)
    {
        _problems++;
        StorageInfo.WriteProblem(writer, path, what);
    }

    /// <summary>Something that a start takes care of by itself and that costs nothing.</summary>
    private void Note(string path, string what)
    {
        writer.Begin("note", "note ");
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
}
