using Aot.Broker.Cluster.Configs;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster;

/// <summary>
/// A topic's settings in the form that its logs read. Topics without settings of their own share one: that is nearly
/// all of them, and resolving costs tens of microseconds.
/// </summary>
public sealed class TopicLogConfigs(ConfigValues broker)
{
    private LogConfig? _common;

    public LogConfig Of(MetadataImage image, string topic)
    {
        var ofTopic = image.Configs.Of(ConfigResource.Topic(topic));
        return ofTopic.IsEmpty ? _common ??= Make(ofTopic) : Make(ofTopic);
    }

    private LogConfig Make(IReadOnlyDictionary<string, string> ofTopic)
    {
        TopicSettings settings = TopicSettings.Resolve(broker, ofTopic);
        TopicCompression compression = settings.CompressionType switch
        {
            "uncompressed" => TopicCompression.Uncompressed,
            "gzip" => TopicCompression.Gzip,
            "snappy" => TopicCompression.Snappy,
            "lz4" => TopicCompression.Lz4,
            "zstd" => TopicCompression.Zstd,
            _ => TopicCompression.Producer,
        };
        return new LogConfig
        {
            SegmentBytes = settings.SegmentBytes,
            SegmentMs = settings.SegmentMs,
            SegmentJitterMs = settings.SegmentJitterMs,
            IndexIntervalBytes = settings.IndexIntervalBytes,
            IndexBytesMax = settings.SegmentIndexBytes,
            RetentionMs = settings.RetentionMs,
            RetentionBytes = settings.RetentionBytes,
            MaxMessageBytes = settings.MaxMessageBytes,
            CleanupPolicy =
                (settings.Delete ? CleanupPolicies.Delete : CleanupPolicies.None)
                | (settings.Compact ? CleanupPolicies.Compact : CleanupPolicies.None),
            CompressionType = compression,
            CompressionLevel = compression switch
            {
                TopicCompression.Gzip => settings.GzipLevel,
                TopicCompression.Lz4 => settings.Lz4Level,
                TopicCompression.Zstd => settings.ZstdLevel,
                _ => null,
            },
            MessageTimestampType = settings.UsesLogAppendTime
                ? MessageTimestampType.LogAppendTime
                : MessageTimestampType.CreateTime,
            TimestampBeforeMaxMs = settings.TimestampBeforeMaxMs,
            TimestampAfterMaxMs = settings.TimestampAfterMaxMs,
            FlushMessages = settings.FlushMessages,
            FlushMs = settings.FlushMs,
            MinInSyncReplicas = settings.MinInsyncReplicas,
            Preallocate = settings.Preallocate,
            FileDeleteDelayMs = settings.FileDeleteDelayMs,
            DeleteRetentionMs = settings.DeleteRetentionMs,
            MinCompactionLagMs = settings.MinCompactionLagMs,
            MaxCompactionLagMs = settings.MaxCompactionLagMs,
            MinCleanableDirtyRatio = settings.MinCleanableDirtyRatio,
            UncleanLeaderElection = settings.UncleanLeaderElection,
            ProducerIdExpirationMs = broker.GetLong("producer.id.expiration.ms"),
        };
    }
}
