using Aot.Broker.Cluster.Configs;
using Xunit.Abstractions;

namespace Aot.Broker.Cluster.Tests.Configs;

public sealed class ConfigTableTests(ITestOutputHelper output)
{
    [Fact]
    public void Every_default_is_a_valid_value_of_its_setting()
    {
        foreach (
            ConfigTable table in new[]
            {
                ConfigTable.Broker,
                ConfigTable.Topic,
                ConfigTable.Group,
                ConfigTable.ClientMetrics,
            }
        )
        {
            foreach (ConfigDefinition definition in table.All.Where(definition => definition.Default is not null))
            {
                Assert.Null(definition.Validate(definition.Default));
                Assert.Equal(definition.Default, ConfigValue.Normalize(definition.Type, definition.Default!));
            }
        }
    }

    /// <summary>The dump of Apache Kafka's own classes, where the folder of references is beside the checkout.</summary>
    [Fact]
    public void The_tables_agree_with_the_dump_of_apache_kafka_4_4()
    {
        string? dump = FindDump();
        if (dump is null)
        {
            output.WriteLine("SKIPPED: no shared/kafka/broker-configs.tsv beside the checkout");
            return;
        }
        int compared = 0;
        foreach (string line in File.ReadLines(dump).Skip(1))
        {
            string[] cells = line.Split('\t');
            ConfigTable table = cells[0] switch
            {
                "broker" => ConfigTable.Broker,
                "topic" => ConfigTable.Topic,
                "group" => ConfigTable.Group,
                _ => ConfigTable.ClientMetrics,
            };
            ConfigDefinition? definition = table.Find(cells[1]);
            Assert.True(definition is not null, cells[1]);
            Assert.Equal(cells[2], definition.Type.ToString().ToUpperInvariant());
            Assert.Equal(cells[3] is "null" or "(required)" ? null : cells[3], definition.Default);
            Assert.Equal(cells[3] == "(required)", definition.IsRequired);
            Assert.Equal(cells[5], definition.Importance.ToString().ToUpperInvariant());
            Assert.Equal(cells[7] == "internal", definition.IsInternal);
            if (cells[0] == "broker")
            {
                Assert.Equal(
                    cells[6] switch
                    {
                        "RO" => ConfigUpdateMode.Fixed,
                        "per-broker" => ConfigUpdateMode.PerBroker,
                        _ => ConfigUpdateMode.ClusterWide,
                    },
                    definition.UpdateMode
                );
            }
            compared++;
        }
        Assert.Equal(379 + 38 + 27 + 3, compared);
        Assert.Equal(379, ConfigTable.Broker.All.Count(definition => !definition.IsOwn && !definition.IsDynamicOnly));
        Assert.Equal(38, ConfigTable.Topic.All.Count);
        Assert.Equal(27, ConfigTable.Group.All.Count);
        Assert.Equal(3, ConfigTable.ClientMetrics.All.Count);
    }

    [Theory]
    [InlineData("retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG")]
    [InlineData("retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG")]
    [InlineData("retention.ms", "-5", "Invalid value -5 for configuration retention.ms: Value must be at least -1")]
    [InlineData("retention.ms", " 77 ", null)]
    [InlineData(
        "segment.bytes",
        "99999999999",
        "Invalid value 99999999999 for configuration segment.bytes: Not a number of type INT"
    )]
    [InlineData(
        "segment.bytes",
        "5",
        "Invalid value 5 for configuration segment.bytes: Value must be at least 1048576"
    )]
    [InlineData(
        "cleanup.policy",
        "compact,foo",
        "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete"
    )]
    [InlineData("cleanup.policy", "", null)]
    [InlineData("cleanup.policy", ",", "Configuration 'cleanup.policy' values must not be empty.")]
    [InlineData("cleanup.policy", "compact, delete", null)]
    [InlineData(
        "compression.type",
        "",
        "Invalid value  for configuration compression.type: String must be one of: "
            + "uncompressed, zstd, lz4, snappy, gzip, producer"
    )]
    [InlineData(
        "compression.gzip.level",
        "0",
        "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"
    )]
    [InlineData("compression.gzip.level", "-1", null)]
    [InlineData(
        "compression.lz4.level",
        "18",
        "Invalid value 18 for configuration compression.lz4.level: Value must be no more than 17"
    )]
    [InlineData(
        "min.cleanable.dirty.ratio",
        "2",
        "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"
    )]
    [InlineData(
        "min.cleanable.dirty.ratio",
        "x",
        "Invalid value x for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE"
    )]
    [InlineData(
        "preallocate",
        "maybe",
        "Invalid value maybe for configuration preallocate: Expected value to be either true or false"
    )]
    [InlineData("unclean.leader.election.enable", "TRUE", null)]
    [InlineData(
        "leader.replication.throttled.replicas",
        "a:b",
        "Invalid value [a:b] for configuration leader.replication.throttled.replicas: "
            + "leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following "
            + "format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    )]
    [InlineData("leader.replication.throttled.replicas", "0:1,1:2", null)]
    [InlineData("leader.replication.throttled.replicas", "*", null)]
    [InlineData("flush.ms", "1.5", "Invalid value 1.5 for configuration flush.ms: Not a number of type LONG")]
    [InlineData(
        "min.insync.replicas",
        "0",
        "Invalid value 0 for configuration min.insync.replicas: Value must be at least 1"
    )]
    public void A_topic_value_is_refused_in_the_words_of_apache_kafka(string name, string value, string? message) =>
        Assert.Equal(message, ConfigTable.Topic.Get(name).Validate(value));

    [Theory]
    [InlineData("latest", true)]
    [InlineData("by_duration:PT1H", true)]
    [InlineData("by_duration:P1DT2H3M4.5S", true)]
    [InlineData("by_duration:x", false)]
    [InlineData("by_duration:PT", false)]
    [InlineData("by_duration:P1H", false)]
    [InlineData("by_duration:PT1S1H", false)]
    [InlineData("foo", false)]
    public void A_share_group_starts_at_an_end_or_at_a_time(string value, bool isValid) =>
        Assert.Equal(isValid, ConfigTable.Group.Get("share.auto.offset.reset").Validate(value) is null);

    [Theory]
    [InlineData("log.retension.ms", "log.retention.ms")]
    [InlineData("num.partition", "num.partitions")]
    [InlineData("node.ids", "node.id")]
    [InlineData("completely.different.thing", null)]
    public void A_misspelt_name_has_a_nearest_one(string name, string? nearest) =>
        Assert.Equal(nearest, ConfigTable.Broker.Nearest(name));

    [Theory]
    [InlineData(0.5, "0.5")]
    [InlineData(2, "2.0")]
    [InlineData(0, "0.0")]
    [InlineData(-3, "-3.0")]
    [InlineData(0.05, "0.05")]
    [InlineData(0.001, "0.001")]
    [InlineData(0.0001, "1.0E-4")]
    [InlineData(12345678, "1.2345678E7")]
    [InlineData(1.7976931348623157E308, "1.7976931348623157E308")]
    [InlineData(9999999, "9999999.0")]
    public void A_double_is_shown_as_clients_know_it(double value, string text) =>
        Assert.Equal(text, ConfigValue.DoubleText(value));

    private static string? FindDump()
    {
        for (DirectoryInfo? at = new(AppContext.BaseDirectory); at is not null; at = at.Parent)
        {
            string candidate = Path.Combine(at.FullName, "shared", "kafka", "broker-configs.tsv");
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }
        return null;
    }
}
