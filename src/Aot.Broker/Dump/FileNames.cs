using Aot.Broker.Storage.Files;

namespace Aot.Broker.Dump;

/// <summary>What a file of a data directory holds, for a reader.</summary>
internal enum DumpKind
{
    Unknown,
    Batches,
    OffsetIndex,
    TimeIndex,
    TransactionIndex,
    ProducerSnapshot,
    EpochCheckpoint,
    OffsetCheckpoint,
    Properties,
    Json,
}

/// <summary>Tells files apart by their names, also those that wait for deletion or are being swapped in.</summary>
internal static class FileNames
{
    private static readonly string[] s_passing =
    [
        LogFileNames.DeletedSuffix,
        LogFileNames.CleanedSuffix,
        LogFileNames.SwapSuffix,
    ];

    /// <summary>The base offset is -1 where the name has none.</summary>
    public static DumpKind KindOf(string path, out long baseOffset)
    {
        string name = Path.GetFileName(path);
        foreach (string suffix in s_passing)
        {
            name = name.EndsWith(suffix, StringComparison.Ordinal) ? name[..^suffix.Length] : name;
        }
        return LogFileNames.KindOf(name, out baseOffset) switch
        {
            LogFileKind.Log => DumpKind.Batches,
            LogFileKind.OffsetIndex => DumpKind.OffsetIndex,
            LogFileKind.TimeIndex => DumpKind.TimeIndex,
            LogFileKind.TransactionIndex => DumpKind.TransactionIndex,
            LogFileKind.Snapshot => DumpKind.ProducerSnapshot,
            _ => name switch
            {
                LogFileNames.LeaderEpochCheckpoint => DumpKind.EpochCheckpoint,
                LogFileNames.RecoveryPointCheckpoint
                or LogFileNames.HighWatermarkCheckpoint
                or LogFileNames.LogStartCheckpoint
                or LogFileNames.CleanerCheckpoint => DumpKind.OffsetCheckpoint,
                LogFileNames.PartitionMetadata or LogFileNames.MetaProperties => DumpKind.Properties,
                LogFileNames.CleanShutdown or "quorum-state" => DumpKind.Json,
                _ when name.EndsWith(".checkpoint", StringComparison.Ordinal) => DumpKind.Batches,
                _ => DumpKind.Unknown,
            },
        };
    }

    /// <summary>A snapshot of the metadata log: batches whose offsets are its own.</summary>
    public static bool IsMetadataSnapshot(string path) => path.EndsWith(".checkpoint", StringComparison.Ordinal);
}
