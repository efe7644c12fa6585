using System.Globalization;
using Aot.Broker.Base;

namespace Aot.Broker.Storage.Files;

/// <summary>What a file of a partition directory is, by its suffix.</summary>
public enum LogFileKind
{
    Other,
    Log,
    OffsetIndex,
    TimeIndex,
    TransactionIndex,
    Snapshot,
    Deleted,
    Cleaned,
    Swap,
    Prepared,
}

/// <summary>
/// The names of Apache Kafka's files. A segment's files are named after its base offset in twenty digits; a partition
/// directory is the topic's name, '-', and the partition (split at the last '-').
/// </summary>
public static class LogFileNames
{
    public const string LogSuffix = ".log";
    public const string OffsetIndexSuffix = ".index";
    public const string TimeIndexSuffix = ".timeindex";
    public const string TransactionIndexSuffix = ".txnindex";
    public const string SnapshotSuffix = ".snapshot";
    public const string DeletedSuffix = ".deleted";
    public const string CleanedSuffix = ".cleaned";
    public const string SwapSuffix = ".swap";

    /// <summary>Ours alone: what was behind the damaged place of a log. Kafka passes such a file over.</summary>
    public const string DroppedSuffix = ".dropped";

    /// <summary>Ours alone: the next segment's file before its base offset is known. Kafka passes such a file over.</summary>
    public const string PreparedName = "next-segment.prepared";

    public const string LeaderEpochCheckpoint = "leader-epoch-checkpoint";
    public const string PartitionMetadata = "partition.metadata";
    public const string RecoveryPointCheckpoint = "recovery-point-offset-checkpoint";
    public const string HighWatermarkCheckpoint = "replication-offset-checkpoint";
    public const string LogStartCheckpoint = "log-start-offset-checkpoint";
    public const string CleanerCheckpoint = "cleaner-offset-checkpoint";
    public const string CleanShutdown = ".kafka_cleanshutdown";
    public const string Lock = ".lock";
    public const string MetaProperties = "meta.properties";

    public const string DeleteDirectorySuffix = "-delete";
    public const string FutureDirectorySuffix = "-future";
    public const string StrayDirectorySuffix = "-stray";

    /// <summary>The part of each segment file's name that is the same: what <c>%020d</c> gives.</summary>
    public static string Stem(long baseOffset) => baseOffset.ToString("D20", CultureInfo.InvariantCulture);

    public static string Segment(string directory, long baseOffset, string suffix) =>
        directory + "/" + Stem(baseOffset) + suffix;

    public static string PartitionDirectory(TopicPartition name) => name.Topic + "-" + name.Partition;

    /// <summary>Splits a file name into its base offset and its kind. The base offset of other files is -1.</summary>
    public static LogFileKind KindOf(string file, out long baseOffset)
    {
        baseOffset = -1;
        if (file == PreparedName)
        {
            return LogFileKind.Prepared;
        }
        int dot = file.IndexOf('.', StringComparison.Ordinal);
        if (
            dot <= 0
            || !long.TryParse(file.AsSpan(0, dot), NumberStyles.None, CultureInfo.InvariantCulture, out baseOffset)
        )
        {
            baseOffset = -1;
            return file.EndsWith(DeletedSuffix, StringComparison.Ordinal) ? LogFileKind.Deleted
                : file.EndsWith(CleanedSuffix, StringComparison.Ordinal) ? LogFileKind.Cleaned
                : file.EndsWith(SwapSuffix, StringComparison.Ordinal) ? LogFileKind.Swap
                : LogFileKind.Other;
        }
        ReadOnlySpan<char> suffix = file.AsSpan(dot);
        return suffix switch
        {
            LogSuffix => LogFileKind.Log,
            OffsetIndexSuffix => LogFileKind.OffsetIndex,
            TimeIndexSuffix => LogFileKind.TimeIndex,
            TransactionIndexSuffix => LogFileKind.TransactionIndex,
            SnapshotSuffix => LogFileKind.Snapshot,
            _ when suffix.EndsWith(DeletedSuffix) => LogFileKind.Deleted,
            _ when suffix.EndsWith(CleanedSuffix) => LogFileKind.Cleaned,
            _ when suffix.EndsWith(SwapSuffix) => LogFileKind.Swap,
            _ => LogFileKind.Other,
        };
    }

    public static bool TryParsePartitionDirectory(string directory, out TopicPartition name)
    {
        name = default;
        int dash = directory.LastIndexOf('-');
        if (dash <= 0 || dash == directory.Length - 1 || dash > Limits.TopicNameLengthMax)
        {
            return false;
        }
        if (
            !int.TryParse(
                directory.AsSpan(dash + 1),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out int partition
            )
        )
        {
            return false;
        }
        name = new TopicPartition(directory[..dash], partition);
        return true;
    }

    /// <summary>
    /// The directory of a partition that goes away, moves or is a stray: <c>topic-partition.id-suffix</c>, the topic
    /// cut so that the name fits into 255 bytes. <paramref name="id"/> is 32 hexadecimal digits that occur once.
    /// </summary>
    public static string MarkedDirectory(TopicPartition name, string id, string suffix)
    {
        Invariant.That(id.Length == 32);
        string tail = "-" + name.Partition + "." + id + suffix;
        int topicLength = Math.Min(name.Topic.Length, 255 - tail.Length);
        return name.Topic[..topicLength] + tail;
    }

    /// <summary>True: <see cref="MarkedDirectory"/> with this suffix has the whole name of the partition.</summary>
    public static bool FitsMarked(TopicPartition name, string suffix) =>
        name.ToString().Length + 1 + 32 + suffix.Length <= 255;

    /// <summary>The partition's part of a name for which <see cref="IsMarked"/> is true.</summary>
    public static string Unmarked(string directory) => directory[..directory.LastIndexOf('.')];

    /// <summary>True for a directory made by <see cref="MarkedDirectory"/> with this suffix.</summary>
    public static bool IsMarked(string directory, string suffix)
    {
        if (!directory.EndsWith(suffix, StringComparison.Ordinal))
        {
            return false;
        }
        int dot = directory.Length - suffix.Length - 33;
        if (dot <= 0 || directory[dot] != '.' || directory.IndexOf('-', StringComparison.Ordinal) >= dot)
        {
            return false;
        }
        foreach (char c in directory.AsSpan(dot + 1, 32))
        {
            if (!char.IsAsciiHexDigit(c))
            {
                return false;
            }
        }
        return true;
    }
}
