using Aot.Broker.Base;
using Aot.Broker.Cluster.Configs;
using Aot.Broker.CommandLine;
using Aot.Broker.Configuration;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Tests;

public sealed class BrokerConfigurationTests : IDisposable
{
    private readonly string _directory = Directory.CreateTempSubdirectory("aot-broker-configuration-").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    private const string KafkasOwnFile = """
        # The file that comes with Apache Kafka, in short
        process.roles=broker,controller
        node.id=1
        controller.quorum.bootstrap.servers=localhost:9093
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093
        inter.broker.listener.name=PLAINTEXT
        advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093
        controller.listener.names=CONTROLLER
        listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
        num.network.threads=3
        num.io.threads=8
        socket.send.buffer.bytes=102400
        log.dirs=/tmp/kraft-combined-logs
        num.partitions=1
        offsets.topic.replication.factor=1
        log.retention.hours=168
        log.segment.bytes=1073741824
        log.retention.check.interval.ms=300000
        """;

    [Fact]
    public void Without_anything_the_broker_is_a_cluster_of_its_own()
    {
        BrokerConfiguration configuration = BrokerConfiguration.Load(new ConfigurationInput());
        Assert.True(configuration is { IsBroker: true, IsController: true, Cores: 0, Io: "auto", ClusterId: null });
        Assert.Equal(new NodeId(1), configuration.NodeId);
        ListenerConfiguration listener = Assert.Single(configuration.Listeners);
        Assert.Equal(
            new ListenerConfiguration(
                "PLAINTEXT",
                SecurityProtocol.Plaintext,
                "127.0.0.1",
                9092,
                "127.0.0.1",
                9092,
                IsController: false,
                IsInterBroker: true
            ),
            listener
        );
        Assert.Equal(Path.GetFullPath("data"), Assert.Single(configuration.LogDirs));
        Assert.Equal(configuration.LogDirs[0], configuration.MetadataLogDir);
        Assert.Empty(configuration.Warnings);
        Assert.Equal(1, configuration.Values.GetInt("offsets.topic.replication.factor"));
    }

    [Fact]
    public void The_file_of_apache_kafka_is_valid_as_it_is()
    {
        BrokerConfiguration configuration = Load(KafkasOwnFile);
        Assert.Empty(configuration.Warnings);
        Assert.Equal(
            [("PLAINTEXT", "", 9092, "localhost", false, true), ("CONTROLLER", "", 9093, "localhost", true, false)],
            configuration.Listeners.Select(listener =>
                (
                    listener.Name,
                    listener.Host,
                    listener.Port,
                    listener.AdvertisedHost,
                    listener.IsController,
                    listener.IsInterBroker
                )
            )
        );
        Assert.Equal(["/tmp/kraft-combined-logs"], configuration.LogDirs);
        Assert.Equal("server.properties:3", configuration.Given["node.id"].Origin);
    }

    [Fact]
    public void Each_place_overrides_the_one_before_it_key_by_key()
    {
        BrokerConfiguration configuration = Load(
            KafkasOwnFile,
            new Dictionary<string, string>
            {
                ["KAFKA_NUM_PARTITIONS"] = "2",
                ["KAFKA_LOG_RETENTION_HOURS"] = "5",
                ["KAFKA_LOG_DIRS"] = "/from/environment",
                ["KAFKA_HEAP_OPTS"] = "-Xmx1g",
                ["CLUSTER_ID"] = "4L6g3nShT-eMCtK--X86sw",
            },
            set: ["num.partitions=3", "broker.cores=1"],
            data: "/from/option"
        );
        ConfigValues values = configuration.Values;
        Assert.Equal(3, values.GetInt("num.partitions"));
        Assert.Equal("--set", configuration.Given["num.partitions"].Origin);
        Assert.Equal(5, values.GetInt("log.retention.hours"));
        Assert.Equal("environment KAFKA_LOG_RETENTION_HOURS", configuration.Given["log.retention.hours"].Origin);
        Assert.Equal(8, values.GetInt("num.io.threads"));
        Assert.Equal(ConfigSource.Default, values.SourceOf("fetch.max.bytes"));
        Assert.Equal(["/from/option"], configuration.LogDirs);
        Assert.Equal(1, configuration.Cores);
        Assert.Equal("4L6g3nShT-eMCtK--X86sw", configuration.ClusterId);
        Assert.Empty(configuration.Warnings);
    }

    [Theory]
    [InlineData("KAFKA_NODE_ID", "node.id")]
    [InlineData("KAFKA_LISTENER_NAME_A__B_SSL_KEYSTORE_TYPE", "listener.name.a_b.ssl.keystore.type")]
    [InlineData("KAFKA_A___B", "a-b")]
    [InlineData("KAFKA_HEAP_OPTS", null)]
    [InlineData("KAFKA_", null)]
    [InlineData("PATH", null)]
    public void A_variable_maps_to_a_key_as_in_the_containers_of_apache_kafka(string variable, string? key) =>
        Assert.Equal(key, ConfigurationInput.KeyOfVariable(variable));

    [Fact]
    public void Listen_replaces_the_listeners_of_clients_and_keeps_those_of_the_controller()
    {
        BrokerConfiguration configuration = Load(
            KafkasOwnFile.Replace("inter.broker.listener.name=PLAINTEXT", "inter.broker.listener.name=plaintext"),
            listen: "[::1]:0"
        );
        Assert.Equal(
            [("PLAINTEXT", "::1", 0, "::1"), ("CONTROLLER", "", 9093, configuration.Listeners[1].AdvertisedHost)],
            configuration.Listeners.Select(listener =>
                (listener.Name, listener.Host, listener.Port, listener.AdvertisedHost)
            )
        );
    }

    [Fact]
    public void Names_of_listeners_are_free()
    {
        BrokerConfiguration configuration = BrokerConfiguration.Load(
            new ConfigurationInput
            {
                Set =
                [
                    "listeners=internal://127.0.0.1:0,External://127.0.0.1:0,controller://127.0.0.1:0",
                    "listener.security.protocol.map=INTERNAL:plaintext,external:PLAINTEXT,CONTROLLER:PLAINTEXT",
                    "inter.broker.listener.name=External",
                    "controller.listener.names=CONTROLLER",
                    "advertised.listeners=INTERNAL://127.0.0.1:0,EXTERNAL://broker.example:7",
                ],
            }
        );
        Assert.Equal(
            [("INTERNAL", 0, false), ("EXTERNAL", 7, true), ("CONTROLLER", 0, false)],
            configuration.Listeners.Select(listener => (listener.Name, listener.AdvertisedPort, listener.IsInterBroker))
        );
    }

    [Fact]
    public void An_unknown_key_is_a_warning_with_the_nearest_name()
    {
        BrokerConfiguration configuration = BrokerConfiguration.Load(
            new ConfigurationInput
            {
                Set =
                [
                    "log.retension.ms=1",
                    "zookeeper.connect=x",
                    "listener.name.a.ssl.keystore.type=JKS",
                    "confluent.telemetry.enabled=true",
                    "super.users=User:a",
                ],
            }
        );
        Assert.Equal(
            [
                "--set: unknown setting log.retension.ms; did you mean log.retention.ms?",
                "--set: zookeeper.connect has no meaning since Apache Kafka 4.0; ignored",
            ],
            configuration.Warnings
        );
    }

    [Theory]
    [InlineData("group.coordinator.append.linger.ms", "5", true)]
    [InlineData("share.coordinator.append.linger.ms", "5", true)]
    [InlineData("share.coordinator.append.linger.ms", "0", false)]
    [InlineData("share.coordinator.append.linger.ms", "-1", false)]
    public void Coordinators_do_not_linger_and_a_wish_that_they_do_is_a_warning(string key, string value, bool warns) =>
        Assert.Equal(
            warns ? [$"--set: {key} has no meaning here: records are gathered without waiting; ignored"] : [],
            BrokerConfiguration.Load(new ConfigurationInput { Set = [$"{key}={value}"] }).Warnings
        );

    [Fact]
    public void The_codec_of_coordinators_is_one_that_there_is()
    {
        Assert.Equal(CompressionCodec.Lz4, Codec("3"));
        Assert.Equal(
            "share.coordinator.state.topic.compression.codec: unknown compression type 9 (0 none, 1 gzip, 2 snappy, 3 lz4, 4 zstd)",
            Assert.Throws<UsageException>(() => Codec("9")).Message
        );

        static CompressionCodec Codec(string id) =>
            ServeSettings
                .MakeShareStates(
                    BrokerConfiguration
                        .Load(
                            new ConfigurationInput { Set = [$"share.coordinator.state.topic.compression.codec={id}"] }
                        )
                        .Values
                )
                .Compression;
    }

    [Fact]
    public void A_key_twice_in_the_file_is_a_warning_and_the_last_one_holds()
    {
        BrokerConfiguration configuration = Load(KafkasOwnFile + "\nnum.partitions=9\n");
        Assert.Equal(9, configuration.Values.GetInt("num.partitions"));
        Assert.Contains("num.partitions is given twice", Assert.Single(configuration.Warnings));
    }

    [Theory]
    [InlineData("num.partitions=x", "Invalid value x for configuration num.partitions: Not a number of type INT")]
    [InlineData("node.id=-1", "Invalid value -1 for configuration node.id: Value must be at least 0")]
    [InlineData("broker.id=7", "node.id")]
    [InlineData("process.roles=broker", "process.roles=broker,controller")]
    [InlineData("process.roles=broker,leader", "String must be one of: broker, controller")]
    [InlineData("listeners=PLAINTEXT://:x", "'PLAINTEXT://:x' is not NAME://host:port")]
    [InlineData("listeners=A://:1", "A:PLAINTEXT")]
    [InlineData("listeners=SSL://:9092", "this version serves only PLAINTEXT")]
    [InlineData("listeners=PLAINTEXT://:1,PLAINTEXT://:2", "Each listener must have a different name")]
    [InlineData("listeners=PLAINTEXT://a:1,CONTROLLER://b:1", "Each listener must have a different port")]
    [InlineData("listeners=PLAINTEXT://0.0.0.0:9092", "advertised.listeners cannot use the nonroutable meta-address")]
    [InlineData("listeners=CONTROLLER://:9093", "no listener is left for clients")]
    [InlineData("advertised.listeners=X://a:1", "listener X is not in listeners")]
    [InlineData("listener.security.protocol.map=A:B", "'A:B' is not NAME:PROTOCOL")]
    [InlineData("inter.broker.listener.name=NOPE", "must be a listener name defined in advertised.listeners")]
    [InlineData("inter.broker.listener.name=CONTROLLER", "brokers need a listener of their own")]
    [InlineData("controller.quorum.voters=2@localhost:9093", "single voter")]
    [InlineData("controller.quorum.voters=1@a:1,2@b:2", "single voter")]
    [InlineData("controller.quorum.voters=localhost:9093", "is not ID@HOST:PORT")]
    [InlineData("authorizer.class.name=org.apache.kafka.X", "no authorizer")]
    [InlineData("broker.io=magic", "String must be one of: auto, uring, epoll")]
    [InlineData("=x", "expected KEY=VALUE")]
    public void A_mistake_is_refused_with_what_to_do(string setting, string message)
    {
        List<string> set = [setting];
        if (setting.StartsWith("broker.id", StringComparison.Ordinal))
        {
            set.Add("node.id=1");
        }
        UsageException mistake = Assert.Throws<UsageException>(() =>
            BrokerConfiguration.Load(new ConfigurationInput { Set = set })
        );
        Assert.Contains(message, mistake.Message);
    }

    [Fact]
    public void A_file_without_what_apache_kafka_requires_is_refused()
    {
        UsageException mistake = Assert.Throws<UsageException>(() => Load("log.dirs=/tmp/x"));
        Assert.Contains("Missing required configuration \"process.roles\"", mistake.Message);
        Assert.Contains("Missing required configuration \"node.id\"", mistake.Message);
    }

    [Fact]
    public void The_old_name_of_the_node_id_gives_both()
    {
        BrokerConfiguration configuration = BrokerConfiguration.Load(new ConfigurationInput { Set = ["broker.id=5"] });
        Assert.Equal(new NodeId(5), configuration.NodeId);
        Assert.Equal(5, configuration.Values.GetInt("node.id"));
    }

    [Fact]
    public void A_file_that_is_not_there_is_named()
    {
        UsageException mistake = Assert.Throws<UsageException>(() =>
            BrokerConfiguration.Load(new ConfigurationInput { ConfigFile = Path.Combine(_directory, "none") })
        );
        Assert.Contains(Path.Combine(_directory, "none"), mistake.Message);
    }

    private BrokerConfiguration Load(
        string text,
        Dictionary<string, string>? environment = null,
        IReadOnlyList<string>? set = null,
        string? data = null,
        string? listen = null
    )
    {
        string path = Path.Combine(_directory, "server.properties");
        File.WriteAllText(path, text);
        return BrokerConfiguration.Load(
            new ConfigurationInput
            {
                ConfigFile = path,
                Environment = environment ?? [],
                Set = set ?? [],
                Data = data,
                Listen = listen,
            }
        );
    }
}
