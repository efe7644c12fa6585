using System.Net;
using System.Net.Sockets;
using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>How the process ends: scripts and service managers decide by these numbers.</summary>
[Trait("Io", "once")]
public sealed class ExitCodeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aot-broker-exit-").FullName;

    private string Data => Path.Combine(_folder, "data");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("no-such-command")]
    [InlineData("serve", "--no-such-option")]
    [InlineData("serve", "--set", "novalue")]
    [InlineData("serve", "--io", "telepathy")]
    [InlineData("serve", "--cores", "-3")]
    [InlineData("serve", "--listen", "nowhere")]
    [InlineData("serve", "--listen", "127.0.0.1:99999")]
    [InlineData("serve", "--config", "/no/such/file")]
    [InlineData("serve", "--data")]
    [InlineData("serve", "operand")]
    [InlineData("format", "--feature", "metadata.version")]
    [InlineData("format", "--release-version", "0.7")]
    public void Mistakes_of_the_caller_end_with_2_and_a_message(params string[] words)
    {
        ToolResult result = Tool.Run(
            Repository.Binary,
            words is ["serve" or "format", ..] && words[^1] != "--data" ? [.. words, "--data", Data] : words
        );
        Assert.Equal(2, result.ExitCode);
        IsOneMessage(result);
        Assert.False(File.Exists(Path.Combine(Data, "meta.properties")), "nothing is formatted");
    }

    [Fact]
    public void No_command_at_all_ends_with_2_and_the_overview()
    {
        ToolResult result = Tool.Run(Repository.Binary, []);
        Assert.Equal(2, result.ExitCode);
        Assert.StartsWith("usage: aot-broker", result.Output);
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("format")]
    [InlineData("version")]
    public void Every_command_explains_itself(string command)
    {
        foreach (
            string[] words in (string[][])
                [
                    [command, "--help"],
                    [command, "-h"],
                    ["help", command],
                ]
        )
        {
            ToolResult result = Tool.Run(Repository.Binary, words).Ok();
            Assert.StartsWith($"usage: aot-broker {command}", result.Output);
            Assert.Empty(result.Errors);
        }
        Assert.Contains($"  {command} ", Tool.Run(Repository.Binary, ["--help"]).Ok().Output);
    }

    [Fact]
    public void A_port_in_use_ends_with_3_and_names_the_address()
    {
        using Socket other = new(SocketType.Stream, ProtocolType.Tcp);
        other.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        other.Listen();
        string address = $"127.0.0.1:{((IPEndPoint)other.LocalEndPoint!).Port}";
        ToolResult result = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = Data, Listen = address });
        Assert.Equal(3, result.ExitCode);
        Assert.Contains(address, result.Errors);
        IsOneMessage(result);
    }

    [Fact]
    public void A_second_broker_on_the_same_directory_ends_with_4_and_the_first_goes_on()
    {
        using BrokerProcess broker = BrokerProcess.Start();
        ToolResult second = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = broker.DataDirectory });
        Assert.Equal(4, second.ExitCode);
        Assert.Contains(broker.DataDirectory, second.Errors);
        IsOneMessage(second);
        using KafkaConnection connection = new(broker);
        connection.CreateTopic("still-here", 1);
        Assert.Equal(0, connection.Produce("still-here", 0, Batches.Numbered(0, 0, 1, 1)).BaseOffset);
        broker.Stop();
    }

    [Fact]
    public void The_directory_of_another_node_ends_with_4()
    {
        Serve("node.id=1");
        ToolResult result = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = Data, Set = ["node.id=2"] });
        Assert.Equal(4, result.ExitCode);
        IsOneMessage(result);
        Serve("node.id=1");
    }

    [Fact]
    public void The_directory_of_another_cluster_ends_with_4()
    {
        Serve("node.id=1");
        ToolResult result = Tool.Run(
            "env",
            ["CLUSTER_ID=AAAAAAAAAAAAAAAAAAAAAQ", Repository.Binary, "serve", "--data", Data, "--listen", "127.0.0.1:0"]
        );
        Assert.Equal(4, result.ExitCode);
        IsOneMessage(result);
    }

    [Theory]
    [InlineData("version=1\n", 5)]
    [InlineData("version=7\nnode.id=1\ncluster.id=AAAAAAAAAAAAAAAAAAAAAQ\n", 5)]
    [InlineData("\0\0\0\0\0", 4)]
    [InlineData("", 4)]
    public void A_meta_properties_that_is_damaged_is_refused(string content, int code)
    {
        Serve("node.id=1");
        File.WriteAllText(Path.Combine(Data, "meta.properties"), content);
        ToolResult result = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = Data });
        Assert.Equal(code, result.ExitCode);
        IsOneMessage(result);
        Assert.Equal(content, File.ReadAllText(Path.Combine(Data, "meta.properties")));
    }

    [Fact]
    public void A_directory_that_cannot_be_made_ends_with_6()
    {
        File.WriteAllText(Path.Combine(_folder, "file"), "");
        foreach (string path in (string[])[Path.Combine(_folder, "file", "data"), "/proc/aot-broker/data"])
        {
            ToolResult result = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = path });
            Assert.True(result.ExitCode == 6, $"exit code {result.ExitCode}: {result.Errors}");
            Assert.Contains(path, result.Errors);
            IsOneMessage(result);
        }
    }

    /// <summary>Who starts a broker learns its ports from the file: without it, it has not started.</summary>
    [Fact]
    public void What_nobody_foresaw_ends_with_1_and_says_why()
    {
        Serve("node.id=1");
        string blocked = Path.Combine(Data, "ports.json.tmp");
        Directory.CreateDirectory(blocked);
        ToolResult result = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = Data });
        Assert.True(result.ExitCode == 1, $"exit code {result.ExitCode}: {result.Errors}");
        Assert.Contains(blocked, result.Errors);
        IsOneMessage(result);
        Directory.Delete(blocked);
        Serve("node.id=1");
    }

    /// <summary>The metadata log is the cluster's memory: damage before its end is for a person to decide about.</summary>
    [Fact]
    public void A_metadata_log_that_is_damaged_before_its_end_ends_with_5()
    {
        using (BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { DataDirectory = Data }))
        {
            using KafkaConnection connection = new(broker);
            for (int i = 0; i < 10; i++)
            {
                connection.CreateTopic($"topic-{i}", 1);
            }
            broker.Stop();
        }
        string path = Path.Combine(Data, "__cluster_metadata-0", "00000000000000000000.log");
        byte[] log = File.ReadAllBytes(path);
        log[log.Length / 2] ^= 0xFF;
        File.WriteAllBytes(path, log);
        ToolResult result = BrokerProcess.StartAndFail(new BrokerOptions { DataDirectory = Data });
        Assert.True(result.ExitCode == 5, $"exit code {result.ExitCode}: {result.Errors}");
        IsOneMessage(result);
        Assert.Equal(log, File.ReadAllBytes(path));
    }

    private void Serve(string setting)
    {
        using BrokerProcess broker = BrokerProcess.Start(new BrokerOptions { DataDirectory = Data, Set = [setting] });
        broker.Stop();
    }

    /// <summary>Words for a person: not nothing, not a stack trace, not a page.</summary>
    private static void IsOneMessage(ToolResult result)
    {
        Assert.NotEmpty(result.Errors);
        Assert.DoesNotContain("   at ", result.Errors);
        Assert.DoesNotContain("Exception", result.Errors);
        Assert.InRange(result.Errors.Count(c => c == '\n'), 1, 8);
        Assert.Empty(result.Output);
    }
}
