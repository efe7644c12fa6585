using Aot.Broker.Cluster.Configs;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Cluster.Tests.Configs;

public sealed class ConfigDescriberTests
{
    private static readonly Dictionary<string, string> s_none = [];

    private static readonly ConfigValues s_broker = ConfigValues.ForBroker(
        new Dictionary<string, string>
        {
            ["process.roles"] = "broker,controller",
            ["node.id"] = "1",
            ["broker.id"] = "1",
            ["log.retention.hours"] = "24",
            ["log.segment.bytes"] = "2097152",
            ["min.insync.replicas"] = "1",
            ["my.unknown.key"] = "5",
            ["sasl.jaas.config"] = "secret",
        },
        dynamicOfCluster: new Dictionary<string, string> { ["min.insync.replicas"] = "1" }
    );

    [Fact]
    public void A_topic_shows_its_own_value_before_the_brokers()
    {
        Dictionary<string, string> ofTopic = new() { ["cleanup.policy"] = "compact, delete" };
        DescribedConfig policy = Find(ConfigDescriber.Topic(s_broker, ofTopic), "cleanup.policy");
        Assert.Equal("compact,delete", policy.Value);
        Assert.Equal(ConfigSource.Topic, policy.Source);
        Assert.Equal(
            [
                new ConfigSynonymValue("cleanup.policy", "compact,delete", ConfigSource.Topic),
                new ConfigSynonymValue("log.cleanup.policy", "delete", ConfigSource.Default),
            ],
            policy.Synonyms
        );
    }

    [Fact]
    public void A_topic_shows_every_layer_of_the_broker_that_gives_the_value()
    {
        IReadOnlyList<DescribedConfig> topic = ConfigDescriber.Topic(s_broker, s_none);
        DescribedConfig replicas = Find(topic, "min.insync.replicas");
        Assert.Equal(ConfigSource.DynamicDefaultBroker, replicas.Source);
        Assert.Equal(
            [ConfigSource.DynamicDefaultBroker, ConfigSource.StaticBroker, ConfigSource.Default],
            replicas.Synonyms.Select(place => place.Source)
        );
        DescribedConfig segment = Find(topic, "segment.bytes");
        Assert.Equal("2097152", segment.Value);
        Assert.Equal(ConfigSource.StaticBroker, segment.Source);
        Assert.Equal("log.segment.bytes", segment.Synonyms[0].Name);
        Assert.Equal(37, topic.Count);
    }

    [Fact]
    public void A_value_in_another_unit_holds_and_is_shown_as_a_default()
    {
        DescribedConfig retention = Find(ConfigDescriber.Topic(s_broker, s_none), "retention.ms");
        Assert.Equal("86400000", retention.Value);
        Assert.Equal(ConfigSource.Default, retention.Source);
        Assert.Empty(retention.Synonyms);
    }

    [Fact]
    public void A_finer_dynamic_value_stands_before_the_coarse_ones()
    {
        ConfigValues broker = s_broker.With(
            ConfigSource.DynamicBroker,
            new Dictionary<string, string> { ["log.retention.ms"] = "5000" }
        );
        DescribedConfig retention = Find(ConfigDescriber.Topic(broker, s_none), "retention.ms");
        Assert.Equal("5000", retention.Value);
        Assert.Equal(
            [
                new ConfigSynonymValue("log.retention.ms", "5000", ConfigSource.DynamicBroker),
                new ConfigSynonymValue("log.retention.hours", "24", ConfigSource.StaticBroker),
                new ConfigSynonymValue("log.retention.hours", "168", ConfigSource.Default),
            ],
            retention.Synonyms
        );
    }

    [Fact]
    public void A_broker_shows_all_its_settings_and_no_secret()
    {
        IReadOnlyList<DescribedConfig> all = ConfigDescriber.Broker(s_broker);
        Assert.Equal(all.Count, all.Select(config => config.Name).Distinct().Count());
        Assert.DoesNotContain(all, config => config.Name == "unstable.api.versions.enable");
        Assert.DoesNotContain(all, config => config.Name == "leader.replication.throttled.rate");

        DescribedConfig unknown = Find(all, "my.unknown.key");
        Assert.True(unknown is { IsSensitive: true, Value: null, Type: ConfigType.Unknown, IsReadOnly: true });
        Assert.Null(unknown.Synonyms.Single().Value);

        DescribedConfig secret = Find(all, "sasl.jaas.config");
        Assert.True(secret is { IsSensitive: true, Value: null, Source: ConfigSource.StaticBroker });
        Assert.Null(secret.Synonyms.Single().Value);

        DescribedConfig interval = Find(all, "log.flush.interval.ms");
        Assert.True(interval is { Value: null, Source: ConfigSource.Default, IsReadOnly: false });
        Assert.Empty(interval.Synonyms);

        DescribedConfig hours = Find(all, "log.retention.hours");
        Assert.Equal(["24", "168"], hours.Synonyms.Select(place => place.Value));
        Assert.True(hours.IsReadOnly);
    }

    [Fact]
    public void The_cluster_default_shows_only_what_was_set_there()
    {
        DescribedConfig only = Assert.Single(ConfigDescriber.ClusterDefault(s_broker));
        Assert.Equal("min.insync.replicas", only.Name);
        Assert.Equal(ConfigSource.DynamicDefaultBroker, only.Source);
    }

    [Fact]
    public void A_group_falls_back_to_the_broker()
    {
        Dictionary<string, string> ofGroup = new() { ["consumer.session.timeout.ms"] = "50000" };
        IReadOnlyList<DescribedConfig> group = ConfigDescriber.Group(s_broker, ofGroup);
        Assert.Equal(
            [
                new ConfigSynonymValue("consumer.session.timeout.ms", "50000", ConfigSource.Group),
                new ConfigSynonymValue("group.consumer.session.timeout.ms", "45000", ConfigSource.Default),
            ],
            Find(group, "consumer.session.timeout.ms").Synonyms
        );
        Assert.Equal("sticky", Find(group, "streams.assignor.name").Value);
        Assert.Equal(
            new ConfigSynonymValue("share.auto.offset.reset", "latest", ConfigSource.Default),
            Find(group, "share.auto.offset.reset").Synonyms.Single()
        );
        Assert.Equal(21, group.Count);
    }

    [Fact]
    public void The_settings_of_a_topic_follow_the_brokers_unless_it_has_its_own()
    {
        TopicSettings settings = TopicSettings.Resolve(
            s_broker,
            new Dictionary<string, string> { ["retention.bytes"] = "77", ["internal.segment.bytes"] = "1000" }
        );
        Assert.Equal(86_400_000, settings.RetentionMs);
        Assert.Equal(77, settings.RetentionBytes);
        Assert.Equal(1000, settings.SegmentBytes);
        Assert.True(settings is { Delete: true, Compact: false, UsesLogAppendTime: false });
        Assert.Equal(long.MaxValue, settings.FlushMs);
        Assert.Equal(604_800_000, settings.SegmentMs);
    }

    [Fact]
    public void With_no_settings_at_all_a_log_has_the_defaults_of_apache_kafka() =>
        Assert.Equal(
            new LogConfig { VerifiesTransactions = true },
            TopicSettings.Resolve(ConfigValues.ForBroker(s_none), s_none).ToLogConfig(ConfigValues.ForBroker(s_none))
        );

    [Fact]
    public void A_log_follows_the_settings_of_its_topic()
    {
        LogConfig log = TopicSettings
            .Resolve(
                s_broker,
                new Dictionary<string, string>
                {
                    ["cleanup.policy"] = "compact,delete",
                    ["compression.type"] = "zstd",
                    ["compression.zstd.level"] = "7",
                    ["message.timestamp.type"] = "LogAppendTime",
                    ["flush.messages"] = "1",
                }
            )
            .ToLogConfig(s_broker);
        Assert.Equal(CleanupPolicies.Compact | CleanupPolicies.Delete, log.CleanupPolicy);
        Assert.Equal((TopicCompression.Zstd, 7), (log.CompressionType, log.CompressionLevel));
        Assert.Equal(MessageTimestampType.LogAppendTime, log.MessageTimestampType);
        Assert.True(log.IsSyncedBeforeAnswer);
        Assert.Equal(2097152, log.SegmentBytes);
    }

    [Theory]
    [InlineData("no.such.key", "1", "Unknown topic config name: no.such.key")]
    [InlineData(
        "remote.storage.enable",
        "true",
        "Tiered Storage functionality is disabled in the broker. Topic cannot be configured with remote log storage."
    )]
    public void A_topic_change_is_refused(string name, string value, string message) =>
        Assert.Equal(
            new ConfigRefusal(ErrorCode.InvalidConfig, message),
            ConfigValidation.Topic(s_broker, new Dictionary<string, string> { [name] = value })
        );

    [Fact]
    public void Compaction_lags_may_not_cross() =>
        Assert.Equal(
            "conflict topic config setting min.compaction.lag.ms (100) > max.compaction.lag.ms (50)",
            ConfigValidation
                .Topic(
                    s_broker,
                    new Dictionary<string, string>
                    {
                        ["min.compaction.lag.ms"] = "100",
                        ["max.compaction.lag.ms"] = "50",
                    }
                )!
                .Value.Message
        );

    [Theory]
    [InlineData(true, "node.id", "7", "Cannot update these configs dynamically: [node.id]")]
    [InlineData(true, "no.such", "x", null)]
    [InlineData(true, "listener.name.external.ssl.keystore.type", "PKCS12", null)]
    [InlineData(
        true,
        "ssl.keystore.type",
        "PKCS12",
        "These security configs can be dynamically updated only per-listener using the listener prefix: "
            + "[ssl.keystore.type]"
    )]
    [InlineData(
        false,
        "sasl.jaas.config",
        "x",
        "Cannot update these configs at default cluster level, broker id must be specified: [sasl.jaas.config]"
    )]
    [InlineData(
        false,
        "listener.name.external.ssl.keystore.type",
        "PKCS12",
        "Cannot update these configs at default cluster level, broker id must be specified: "
            + "[listener.name.external.ssl.keystore.type]"
    )]
    [InlineData(
        true,
        "leader.replication.throttled.rate",
        "-1",
        "Invalid value -1 for configuration leader.replication.throttled.rate: Value must be at least 0"
    )]
    [InlineData(
        true,
        "num.io.threads",
        "1000",
        "Invalid value org.apache.kafka.common.config.ConfigException: Dynamic thread count update validation failed "
            + "for num.io.threads=1000, value should not be greater than double the current value 8 for configuration "
            + "Invalid dynamic configuration"
    )]
    [InlineData(true, "log.roll.ms", "7", null)]
    [InlineData(false, "max.connections.per.ip.overrides", "host:5,10.0.0.1:7,::1:3", null)]
    [InlineData(
        false,
        "max.connections.per.ip.overrides",
        "host:5,elsewhere",
        "Error parsing configuration property 'max.connections.per.ip.overrides': 'elsewhere' is not HOST:NUMBER"
    )]
    public void A_dynamic_change_of_a_broker_is_judged(bool ofOneBroker, string name, string value, string? message)
    {
        ConfigRefusal? refusal = ConfigValidation.Broker(
            s_broker,
            new Dictionary<string, string> { [name] = value },
            ofOneBroker
        );
        Assert.Equal(message, refusal?.Message);
        Assert.True(refusal is null || refusal.Value.Error == ErrorCode.InvalidRequest);
    }

    [Theory]
    [InlineData(
        "consumer.session.timeout.ms",
        "10",
        "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."
    )]
    [InlineData("x", "1", "Unknown group config name: x")]
    [InlineData(
        "share.delivery.count.limit",
        "100",
        "share.delivery.count.limit must be in the range 2 to 10 inclusive."
    )]
    [InlineData("streams.num.standby.replicas", "9", "streams.num.standby.replicas must be less than or equal to 2")]
    [InlineData(
        "share.record.lock.duration.ms",
        "1000",
        "share.record.lock.duration.ms must be in the range 15000 to 60000 inclusive."
    )]
    [InlineData("consumer.heartbeat.interval.ms", "15000", null)]
    [InlineData(
        "errors.deadletterqueue.topic.name",
        "given-up",
        "errors.deadletterqueue.topic.name: this broker has no dead-letter queues (KIP-1191)"
    )]
    [InlineData("errors.deadletterqueue.topic.name", "", null)]
    public void A_group_change_is_judged(string name, string value, string? message) =>
        Assert.Equal(
            message,
            ConfigValidation.Group(s_broker, new Dictionary<string, string> { [name] = value })?.Message
        );

    [Theory]
    [InlineData(
        "interval.ms",
        "1",
        "Invalid value 1 for interval.ms, interval must be between 100 and 3600000 (1 hour)"
    )]
    [InlineData("match", "foo=x", "Illegal client matching pattern: foo=x")]
    [InlineData("match", "client_id=[", "Illegal client matching pattern: client_id=[")]
    [InlineData("match", "client_id=a)", "Illegal client matching pattern: client_id=a)")]
    [InlineData("match", "client_id=", "Illegal client matching pattern: client_id=")]
    [InlineData("match", "client_id=[)]\\(", null)]
    [InlineData("interval.ms", "x", "Invalid value x for configuration interval.ms: Not a number of type INT")]
    [InlineData("match", "client_id=a.*", null)]
    [InlineData("x", "1", "Unknown client metrics configuration: x")]
    public void A_subscription_change_is_judged(string name, string value, string? message) =>
        Assert.Equal(
            message,
            ConfigValidation.ClientMetrics(new Dictionary<string, string> { [name] = value })?.Message
        );

    [Fact]
    public void Lists_grow_and_shrink_item_by_item()
    {
        Assert.Null(
            ConfigValidation.Apply(
                ConfigTable.Topic,
                "cleanup.policy",
                ConfigOperation.Append,
                "compact",
                null,
                out string? next
            )
        );
        Assert.Equal("delete,compact", next);
        Assert.Null(
            ConfigValidation.Apply(
                ConfigTable.Topic,
                "cleanup.policy",
                ConfigOperation.Subtract,
                "delete,nope",
                next,
                out next
            )
        );
        Assert.Equal("compact", next);
        Assert.Equal(
            "Can't APPEND to key retention.ms because its type is not LIST.",
            ConfigValidation
                .Apply(ConfigTable.Topic, "retention.ms", ConfigOperation.Append, "1", null, out _)!
                .Value.Message
        );
    }

    private static DescribedConfig Find(IReadOnlyList<DescribedConfig> all, string name) =>
        all.Single(config => config.Name == name);
}
