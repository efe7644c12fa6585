using Aot.Broker.Storage;
using Aot.Broker.Storage.Compaction;

namespace Aot.Broker.Cluster.Configs;

/// <summary>The broker's settings that hold for all of its logs, in the form that Storage reads.</summary>
public static class LogSettings
{
    /// <summary>How often logs are looked after; read once, at the start.</summary>
    public static LogSetOptions ToLogSetOptions(ConfigValues broker) =>
        new()
        {
            HighWatermarkCheckpointMs = broker.GetLong("replica.high.watermark.checkpoint.interval.ms"),
            RecoveryPointCheckpointMs = broker.GetInt("log.flush.offset.checkpoint.interval.ms"),
            RetentionCheckMs = broker.GetLong("log.retention.check.interval.ms"),
            ProducerExpirationCheckMs = broker.GetInt("producer.id.expiration.check.interval.ms"),
        };

    /// <summary>Moves between log directories; may change while the broker runs.</summary>
    public static void ConfigureMoves(LogDirectories directories, ConfigValues broker) =>
        directories.Moves.Configure(
            broker.GetLong("replica.alter.log.dirs.io.max.bytes.per.second"),
            (int)(broker.GetLongOrNull("num.replica.alter.log.dirs.threads") ?? directories.All.Count)
        );

    /// <summary>Compaction; may change while the broker runs.</summary>
    public static CleanerOptions ToCleanerOptions(ConfigValues broker) =>
        new()
        {
            IsEnabled = broker.GetBoolean("log.cleaner.enable"),
            Threads = broker.GetInt("log.cleaner.threads"),
            DedupeBufferBytes = broker.GetLong("log.cleaner.dedupe.buffer.size"),
            LoadFactor = broker.GetDouble("log.cleaner.io.buffer.load.factor"),
            IoBufferBytes = broker.GetInt("log.cleaner.io.buffer.size"),
            IoBytesPerSecondMax = broker.GetDouble("log.cleaner.io.max.bytes.per.second"),
            BackoffMs = broker.GetLong("log.cleaner.backoff.ms"),
        };
}
