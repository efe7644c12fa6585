using System.Text.Json;
using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>What a start says and reads: ready line, ports, settings from four places, formatting beforehand.</summary>
public sealed class StartTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-start-").FullName;

    private string Data => Path.Combine(_folder, "data");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_ready_line_and_the_ports_file_say_the_same()
    {
        using BrokerProcess broker = BrokerProcess.Start();
        Assert.Matches(
            @"^aot-broker ready on (PLAINTEXT://)?127\.0\.0\.1:\d+, data /.*, (io|I/O) (io_uring|epoll), \d+ cores?, \d+ ms$",
            broker.ReadyLine
        );
        Assert.Contains($"127.0.0.1:{broker.Port}, data {broker.DataDirectory},", broker.ReadyLine);
        Assert.Single(broker.Output.TrimEnd().Split('\n'));
        using JsonDocument ports = JsonDocument.Parse(
            File.ReadAllText(Path.Combine(broker.DataDirectory, "ports.json"))
        );
        Assert.Equal(broker.Pid, ports.RootElement.GetProperty("pid").GetInt32());
        JsonElement listener = ports.RootElement.GetProperty("listeners")[0];
        Assert.Equal("PLAINTEXT", listener.GetProperty("name").GetString());
        Assert.Equal("127.0.0.1", listener.GetProperty("host").GetString());
        using KafkaConnection connection = new(broker);
        Assert.Equal(0, connection.ApiVersions().ErrorCode);
    }

    [Fact]
    public void Options_win_over_the_environment_and_that_over_the_file_and_that_over_the_default()
    {
        string file = Path.Combine(_folder, "server.properties");
        File.WriteAllText(
            file,
            """
            process.roles=broker,controller
            node.id=1
            controller.listener.names=CONTROLLER
            listeners=PLAINTEXT://127.0.0.1:0
            num.partitions=2
            """
        );
        Assert.Equal(1, DefaultPartitions(new BrokerOptions()));
        Assert.Equal(2, DefaultPartitions(new BrokerOptions { ConfigFile = file }));
        BrokerOptions environment = new() { ConfigFile = file, Wrapper = ["env", "KAFKA_NUM_PARTITIONS=3"] };
        Assert.Equal(3, DefaultPartitions(environment));
        Assert.Equal(4, DefaultPartitions(environment with { Set = ["num.partitions=4"] }));
    }

    [Fact]
    public void An_unknown_setting_is_a_warning_with_the_nearest_name()
    {
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { Set = ["num.partitons=3"] });
        string line = Assert.Single(broker.Errors.Split('\n'), text => text.Contains("num.partitons"));
        Assert.Contains(" WARN ", line);
        Assert.Contains("did you mean num.partitions?", line);
    }

    /// <summary>The file that Apache Kafka ships, with ports and folder of this test.</summary>
    [Fact]
    public void The_server_properties_of_apache_kafka_work_as_they_are()
    {
        int port = KillTests.FreePort();
        int controller = KillTests.FreePort();
        string file = Path.Combine(_folder, "server.properties");
        File.WriteAllText(file, StockProperties(port, controller, Data));
        Tool.Run(Repository.Binary, ["format", "--config", file, "-t", "MkU3OEVBNTcwNTJENDM2Qg"]).Ok();
        using StockBroker broker = new(file);
        using WireClient client = new("127.0.0.1", port);
        Assert.Contains($":{port}", broker.ReadyLine);
        Assert.Contains("cluster.id=MkU3OEVBNTcwNTJENDM2Qg", File.ReadAllText(Path.Combine(Data, "meta.properties")));
        if (Tool.Find("kcat") is { } kcat)
        {
            Tool.Run(kcat, ["-P", "-b", $"localhost:{port}", "-t", "stock"], input: "one\ntwo\n").Ok();
            string[] read = ["-C", "-b", $"localhost:{port}", "-t", "stock", "-e", "-q"];
            Assert.Equal("one\ntwo\n", Tool.Run(kcat, read).Ok().Output);
        }
        Assert.Equal(0, broker.Stop());
        Assert.DoesNotContain(" WARN ", broker.Errors.Replace("a turn of the loop took too long", ""));
    }

    [Fact]
    public void Format_prepares_a_directory_once()
    {
        string[] format = ["format", "--data", Data, "--cluster-id", "MkU3OEVBNTcwNTJENDM2Qg"];
        Tool.Run(Repository.Binary, format).Ok();
        string meta = File.ReadAllText(Path.Combine(Data, "meta.properties"));
        Assert.Contains("cluster.id=MkU3OEVBNTcwNTJENDM2Qg", meta);
        ToolResult again = Tool.Run(Repository.Binary, format);
        Assert.NotEqual(0, again.ExitCode);
        Assert.Contains("already formatted", again.Errors);
        Assert.DoesNotContain("   at ", again.Errors);
        Tool.Run(Repository.Binary, [.. format, "--ignore-formatted"]).Ok();
        Assert.Equal(meta, File.ReadAllText(Path.Combine(Data, "meta.properties")));
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { DataDirectory = Data });
        Assert.Contains("MkU3OEVBNTcwNTJENDM2Qg", File.ReadAllText(Path.Combine(Data, "meta.properties")));
        using KafkaConnection connection = new(broker);
        connection.CreateTopic("topic", 1);
        broker.Stop();
    }

    [Fact]
    public void Format_takes_a_release_and_the_level_of_a_feature()
    {
        Tool.Run(Repository.Binary, ["format", "--data", Data, "--release-version", "4.0"]).Ok();
        Directory.Delete(Data, recursive: true);
        ToolResult wrong = Tool.Run(
            Repository.Binary,
            ["format", "--data", Data, "--feature", "metadata.version=9999"]
        );
        Assert.NotEqual(0, wrong.ExitCode);
        Assert.DoesNotContain("   at ", wrong.Errors);
    }

    private int DefaultPartitions(BrokerOptions options)
    {
        using BrokerProcess broker = BrokerProcess.Start(options);
        using KafkaConnection connection = new(broker);
        connection.CreateTopic("defaults", -1);
        return connection.PartitionsOf("defaults");
    }

    private static string StockProperties(int port, int controller, string data) =>
        $"""
            # The role of this server. Setting this puts us in KRaft mode
            process.roles=broker,controller
            node.id=1
            controller.quorum.bootstrap.servers=localhost:{controller}
            listeners=PLAINTEXT://:{port},CONTROLLER://:{controller}
            inter.broker.listener.name=PLAINTEXT
            advertised.listeners=PLAINTEXT://localhost:{port},CONTROLLER://localhost:{controller}
            controller.listener.names=CONTROLLER
            listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL
            num.network.threads=3
            num.io.threads=8
            socket.send.buffer.bytes=102400
            socket.receive.buffer.bytes=102400
            socket.request.max.bytes=104857600
            log.dirs={data}
            num.partitions=1
            num.recovery.threads.per.data.dir=1
            offsets.topic.replication.factor=1
            share.coordinator.state.topic.replication.factor=1
            share.coordinator.state.topic.min.isr=1
            transaction.state.log.replication.factor=1
            transaction.state.log.min.isr=1
            #log.flush.interval.messages=10000
            #log.flush.interval.ms=1000
            log.retention.hours=168
            #log.retention.bytes=1073741824
            log.segment.bytes=1073741824
            log.retention.check.interval.ms=300000

            """;
}
