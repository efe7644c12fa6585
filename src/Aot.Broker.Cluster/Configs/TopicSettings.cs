using Aot.Broker.Storage;

namespace Aot.Broker.Cluster.Configs;

/// <summary>
/// What holds for one topic: its own settings over the broker's. Immutable; computed when a topic appears or a
/// setting changes, then read by the cores that own its partitions. Times are in milliseconds, sizes in bytes;
/// a limit below zero means none.
/// </summary>
public sealed class TopicSettings
{
    private readonly ConfigValues _values;

    private TopicSettings(ConfigValues values)
    {
        _values = values;
        SegmentBytes = (int)(values.GetLongOrNull("internal.segment.bytes") ?? values.GetInt("segment.bytes"));
        SegmentMs = values.GetLong("segment.ms");
        SegmentJitterMs = values.GetLong("segment.jitter.ms");
        SegmentIndexBytes = values.GetInt("segment.index.bytes");
        IndexIntervalBytes = values.GetInt("index.interval.bytes");
        Preallocate = values.GetBoolean("preallocate");
        FlushMessages = values.GetLong("flush.messages");
        FlushMs = values.GetLong("flush.ms");
        RetentionMs = values.GetLong("retention.ms");
        RetentionBytes = values.GetLong("retention.bytes");
        FileDeleteDelayMs = values.GetLong("file.delete.delay.ms");
        string[] policies = values.GetList("cleanup.policy");
        Compact = policies.Contains("compact");
        Delete = policies.Contains("delete");
        DeleteRetentionMs = values.GetLong("delete.retention.ms");
        MinCompactionLagMs = values.GetLong("min.compaction.lag.ms");
        MaxCompactionLagMs = values.GetLong("max.compaction.lag.ms");
        MinCleanableDirtyRatio = values.GetDouble("min.cleanable.dirty.ratio");
        MaxMessageBytes = values.GetInt("max.message.bytes");
        MaxDecompressedMessageBytes = values.GetInt("max.decompressed.message.bytes");
        UsesLogAppendTime = values.Text("message.timestamp.type") == "LogAppendTime";
        TimestampBeforeMaxMs = values.GetLong("message.timestamp.before.max.ms");
        TimestampAfterMaxMs = values.GetLong("message.timestamp.after.max.ms");
        CompressionType = values.Text("compression.type")!;
        GzipLevel = values.GetInt("compression.gzip.level");
        Lz4Level = values.GetInt("compression.lz4.level");
        ZstdLevel = values.GetInt("compression.zstd.level");
        MinInsyncReplicas = values.GetInt("min.insync.replicas");
        UncleanLeaderElection = values.GetBoolean("unclean.leader.election.enable");
    }

    public int SegmentBytes { get; }
    public long SegmentMs { get; }
    public long SegmentJitterMs { get; }
    public int SegmentIndexBytes { get; }
    public int IndexIntervalBytes { get; }
    public bool Preallocate { get; }
    public long FlushMessages { get; }
    public long FlushMs { get; }
    public long RetentionMs { get; }
    public long RetentionBytes { get; }
    public long FileDeleteDelayMs { get; }
    public bool Compact { get; }
    public bool Delete { get; }
    public long DeleteRetentionMs { get; }
    public long MinCompactionLagMs { get; }
    public long MaxCompactionLagMs { get; }
    public double MinCleanableDirtyRatio { get; }
    public int MaxMessageBytes { get; }
    public int MaxDecompressedMessageBytes { get; }
    public bool UsesLogAppendTime { get; }
    public long TimestampBeforeMaxMs { get; }
    public long TimestampAfterMaxMs { get; }

    /// <summary><c>producer</c>: batches stay as they came; else the codec they must have.</summary>
    public string CompressionType { get; }
    public int GzipLevel { get; }
    public int Lz4Level { get; }
    public int ZstdLevel { get; }
    public int MinInsyncReplicas { get; }
    public bool UncleanLeaderElection { get; }

    /// <summary>What the partition logs of the topic are opened or configured with.</summary>
    public LogConfig ToLogConfig(ConfigValues broker) =>
        new()
        {
            SegmentBytes = SegmentBytes,
            SegmentMs = SegmentMs,
            SegmentJitterMs = SegmentJitterMs,
            IndexIntervalBytes = IndexIntervalBytes,
            IndexBytesMax = SegmentIndexBytes,
            RetentionMs = RetentionMs,
            RetentionBytes = RetentionBytes,
            MaxMessageBytes = MaxMessageBytes,
            DecompressedBytesMax = MaxDecompressedMessageBytes,
            CleanupPolicy =
                (Delete ? CleanupPolicies.Delete : CleanupPolicies.None)
                | (Compact ? CleanupPolicies.Compact : CleanupPolicies.None),
            CompressionType = CompressionType switch
            {
                "uncompressed" => TopicCompression.Uncompressed,
                "gzip" => TopicCompression.Gzip,
                "snappy" => TopicCompression.Snappy,
                "lz4" => TopicCompression.Lz4,
                "zstd" => TopicCompression.Zstd,
                _ => TopicCompression.Producer,
            },
            CompressionLevel = CompressionType switch
            {
                "gzip" => GzipLevel,
                "lz4" => Lz4Level,
                "zstd" => ZstdLevel,
                _ => null,
            },
            MessageTimestampType = UsesLogAppendTime
                ? MessageTimestampType.LogAppendTime
                : MessageTimestampType.CreateTime,
            TimestampBeforeMaxMs = TimestampBeforeMaxMs,
            TimestampAfterMaxMs = TimestampAfterMaxMs,
            FlushMessages = FlushMessages,
            FlushMs = FlushMs,
            MinInSyncReplicas = MinInsyncReplicas,
            Preallocate = Preallocate,
            FileDeleteDelayMs = FileDeleteDelayMs,
            DeleteRetentionMs = DeleteRetentionMs,
            MinCompactionLagMs = MinCompactionLagMs,
            MaxCompactionLagMs = MaxCompactionLagMs,
            MinCleanableDirtyRatio = MinCleanableDirtyRatio,
            UncleanLeaderElection = UncleanLeaderElection,
            ProducerIdExpirationMs = broker.GetLong("producer.id.expiration.ms"),
            VerifiesTransactions = broker.GetBoolean("transaction.partition.verification.enable"),
        };

    /// <summary>Every setting of a topic by name, in its shown form.</summary>
    public string? Text(string name) => _values.Text(name);

    public static TopicSettings Resolve(ConfigValues broker, IReadOnlyDictionary<string, string> ofTopic) =>
        new(ResolveValues(broker, ofTopic));

    /// <summary>The topic's own values over the broker's, translated to the topic's names and units.</summary>
    internal static ConfigValues ResolveValues(ConfigValues broker, IReadOnlyDictionary<string, string> ofTopic)
    {
        Dictionary<string, string> fromBroker = new(64);
        foreach (ConfigDefinition definition in ConfigTable.Topic.All)
        {
            if (
                ConfigSynonyms.BrokerNameOfTopic(definition.Name) is { } brokerName
                && ConfigSynonyms.EffectiveText(broker, brokerName) is { } text
            )
            {
                fromBroker.Add(definition.Name, text);
            }
        }
        return new ConfigValues(
            ConfigTable.Topic,
            new ConfigLayer(ConfigSource.Topic, ofTopic),
            new ConfigLayer(ConfigSource.StaticBroker, fromBroker)
        );
    }
}
