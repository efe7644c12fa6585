using Aot.Broker.Base;
using Aot.Broker.Storage.Producers;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Recovery;

/// <summary>What is asked of <see cref="LogLoader"/>.</summary>
internal sealed record LoadRequest
{
    public required TopicPartition Name { get; init; }

    /// <summary>Zero = whatever <c>partition.metadata</c> says.</summary>
    public required KafkaUuid TopicId { get; init; }

    public required LogConfig Config { get; init; }

    public required LogDirectory LogDirectory { get; init; }

    public required string Directory { get; init; }

    /// <summary>Of the checkpoint files; 0 or -1 where they say nothing.</summary>
    public required long RecoveryPoint { get; init; }

    public required long LogStartOffset { get; init; }

    public required long HighWatermark { get; init; }

    /// <summary>Compaction has seen the log once: it may have gaps, whatever the topic's policy is now.</summary>
    public bool WasCompacted { get; init; }

    /// <summary>The last process on this directory ended cleanly: nothing is scanned.</summary>
    public required bool IsClean { get; init; }

    /// <summary>
    /// The log was cut by this process: its files are whole, but on the disk only up to the recovery point, and its
    /// producers are those of a snapshot and all batches behind it.
    /// </summary>
    public bool IsTruncated { get; init; }

    public required long NowMillis { get; init; }

    /// <summary>Where the work is counted while it goes on; nowhere for a log that is loaded again.</summary>
    public RecoveryProgress? Progress { get; init; }
}

/// <summary>A log as it was found (or made) on the disk, ready to be owned by a core.</summary>
internal sealed class LoadedLog
{
    public required TopicPartition Name { get; init; }

    public required KafkaUuid TopicId { get; set; }

    public required LogConfig Config { get; init; }

    public required LogDirectory LogDirectory { get; init; }

    public required string Directory { get; init; }

    public SegmentList Segments { get; } = new();

    public ProducerState Producers { get; } = new();

    public LeaderEpochCache Epochs { get; } = new();

    public long LogStartOffset { get; set; }

    public long LogEndOffset { get; set; }

    public long HighWatermark { get; set; }

    /// <summary>Offset of the newest producer snapshot; -1 without one.</summary>
    public long SnapshotOffset { get; set; } = -1;

    /// <summary>The directory was made now, and nothing of it is on the disk yet: see <see cref="NewDirectories"/>.</summary>
    public bool IsNew { get; set; }

    /// <summary>What is to become <c>partition.metadata</c> of a new directory.</summary>
    public string UnsyncedMetadataPath => Directory + "/" + Files.LogFileNames.PartitionMetadata + ".tmp";

    // What recovery did, for the log line.

    public int RecoveredSegments { get; set; }

    public long TruncatedBytes { get; set; }

    public int RebuiltIndexes { get; set; }
}

/// <summary>The disk refused something that a log cannot be opened without.</summary>
internal sealed class LogLoadException(string what, string path, Linux.Errno error)
    : Exception($"{what} {path}: {error}")
{
    public Linux.Errno Error { get; } = error;

    public static void Check(Linux.Errno error, string what, string path)
    {
        if (error != Linux.Errno.None)
        {
            throw new LogLoadException(what, path, error);
        }
    }
}

/// <summary><c>partition.metadata</c> names another topic than the one that is to be opened.</summary>
internal sealed class InconsistentTopicIdException(KafkaUuid found) : Exception
{
    public KafkaUuid Found { get; } = found;
}
