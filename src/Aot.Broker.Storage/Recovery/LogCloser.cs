using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Files;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>
/// Leaves a log as Apache Kafka leaves it at a clean stop: the last timestamp in the time index, index files as long as
/// their entries, the producers as of the log end, the epochs, everything synced. A log that nobody changed costs nothing.
/// </summary>
internal static class LogCloser
{
    /// <summary>
    /// On the log's core, after its last write; the blocking part runs on a helper thread. False: the disk refused, and the
    /// log may not be wholly on it.
    /// </summary>
    public static async ValueTask<bool> RunAsync(PartitionLog log)
    {
        Segment active = log.Segments.Active;
        bool takesSnapshot = log.Producers.Count > 0 && log.SnapshotOffset != log.LogEndOffset;
        bool isChanged =
            log.RecoveryPoint < log.LogEndOffset
            || active.OffsetIndex.File.HasTail
            || active.TimeIndex.File.HasTail
            || active.MaxTimestamp > active.TimeIndex.LastTimestamp
            || (!log.LogDirectory.HadCleanShutdown && log.LogEndOffset > log.Segments.First.BaseOffset);
        if (!isChanged && !takesSnapshot && !log.Epochs.IsDirtyFor(log.LogEndOffset))
        {
            return true;
        }
        CloseWork work = new()
        {
            Disk = log.Disk,
            Segments = [],
            Directory = log.Directory,
            LogEndOffset = log.LogEndOffset,
            Snapshot = takesSnapshot ? ProducerSnapshot.Write(log.Producers) : null,
            EpochFile = log.EpochFile,
            Epochs = log.Epochs.TakeDirty(log.LogEndOffset),
            ReplacedSnapshot = ReplacedSnapshotOf(log),
        };
        for (int i = 0; i < log.Segments.Count; i++)
        {
            if (!log.Segments[i].IsSynced)
            {
                work.Segments.Add(log.Segments[i]);
            }
        }
        Errno error = await log.Core.RunInBackgroundAsync(work.Run);
        if (error != Errno.None)
        {
            log.Set.Directories.StopOnSyncFailure(log.Directory, error);
            return false;
        }
        if (work.Snapshot is not null)
        {
            log.SnapshotOffset = log.LogEndOffset;
        }
        return true;
    }

    /// <summary>Only the snapshots of segment bases and the newest one stay.</summary>
    private static long ReplacedSnapshotOf(PartitionLog log)
    {
        for (int i = 0; i < log.Segments.Count; i++)
        {
            if (log.Segments[i].BaseOffset == log.SnapshotOffset)
            {
                return -1;
            }
        }
        return log.SnapshotOffset;
    }

    /// <summary>The log takes no appends any more, so that its segments do not change under this work.</summary>
    private sealed class CloseWork
    {
        public required Disk Disk { get; init; }
        public required List<Segment> Segments { get; init; }
        public required string Directory { get; init; }
        public required long LogEndOffset { get; init; }
        public required byte[]? Snapshot { get; init; }
        public required EpochFile EpochFile { get; init; }
        public required (long Version, byte[] Bytes)? Epochs { get; init; }
        public required long ReplacedSnapshot { get; init; }

        public Errno Run()
        {
            foreach (Segment segment in Segments)
            {
                Errno closed = CloseSegment(segment);
                if (closed != Errno.None)
                {
                    return closed;
                }
            }
            Errno error = Errno.None;
            if (Snapshot is not null)
            {
                error = Disk.WriteAllBytesAtomically(
                    LogFileNames.Segment(Directory, LogEndOffset, LogFileNames.SnapshotSuffix),
                    Snapshot
                );
                if (error == Errno.None && ReplacedSnapshot >= 0 && ReplacedSnapshot != LogEndOffset)
                {
                    Disk.Delete(LogFileNames.Segment(Directory, ReplacedSnapshot, LogFileNames.SnapshotSuffix));
                }
            }
            if (error == Errno.None && Epochs is var (version, bytes))
            {
                error = EpochFile.Write(version, bytes);
            }
            return error == Errno.None ? Disk.SyncDirectory(Directory) : error;
        }

        private Errno CloseSegment(Segment segment)
        {
            segment.AddLastTimestamp(Disk);
            Errno error = segment.WriteIndexTails(Disk, sync: true);
            if (error != Errno.None)
            {
                return error;
            }
            error = Disk.Open(segment.PathOf(LogFileNames.LogSuffix), DiskOpen.ReadWrite, out Fd file);
            if (error != Errno.None)
            {
                return error;
            }
            error = Disk.Truncate(file, segment.Bytes);
            if (error == Errno.None)
            {
                error = Disk.Sync(file, dataOnly: false);
            }
            Disk.Close(file);
            return error;
        }
    }
}
