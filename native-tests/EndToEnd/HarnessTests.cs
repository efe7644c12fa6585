using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>What the other tests rely on: that tools are run, limited and quoted as the harness says.</summary>
[Trait("Io", "once")]
public sealed class HarnessTests(ITestOutputHelper output)
{
    [Fact]
    public void A_tool_gets_its_input_and_its_output_is_kept()
    {
        ToolResult result = Tool.Run("sh", ["-c", "cat; echo second >&2; exit 3"], input: "first\n");
        Assert.Equal((3, "first\n", "second\n"), (result.ExitCode, result.Output, result.Errors));
        Assert.Contains("second", Assert.Throws<HarnessException>(() => result.Ok()).Message);
    }

    [Fact]
    public void A_tool_that_does_not_end_is_killed() =>
        Assert.Contains(
            "killed after",
            Assert
                .Throws<HarnessException>(() =>
                    Tool.Run("cat", ["/dev/zero"], outputFile: "/dev/null", limit: TimeSpan.FromMilliseconds(200))
                )
                .Message
        );

    [Fact]
    public void Bytes_pass_through_a_tool_unchanged()
    {
        string source = Path.GetTempFileName();
        string target = Path.GetTempFileName();
        try
        {
            byte[] bytes = new byte[300_000];
            new Random(1).NextBytes(bytes);
            File.WriteAllBytes(source, bytes);
            Tool.Run("cat", [], inputFile: source, outputFile: target).Ok();
            Assert.Equal(bytes, File.ReadAllBytes(target));
        }
        finally
        {
            File.Delete(source);
            File.Delete(target);
        }
    }

    [Fact]
    public void What_a_tool_says_is_kept_within_bounds()
    {
        BoundedText text = new(1000);
        for (int i = 0; i < 10_000; i++)
        {
            text.AddLine($"line {i}");
        }
        string kept = text.ToString();
        Assert.InRange(kept.Length, 500, 1100);
        Assert.StartsWith("line 0\n", kept);
        Assert.EndsWith("line 9999\n", kept);
    }

    [Fact]
    public void The_python_clients_of_the_peers_load()
    {
        if (PythonClients.Python is not { } python)
        {
            Peers.Skip(output, PythonClients.Cause);
            return;
        }
        const string script =
            "import confluent_kafka, kafka, aiokafka, sys; print(sys.argv[1], confluent_kafka.version())";
        Assert.Contains("hello", PythonClients.Run(python, script, ["hello"]).Ok().Output);
    }

    [Fact]
    public void The_node_clients_load()
    {
        if (NodeClients.Folder is null)
        {
            Peers.SkipProgram(output, NodeClients.Cause);
            return;
        }
        const string script = """
            import { Kafka } from 'kafkajs';
            import { Producer } from '@platformatic/kafka';
            console.log(typeof Kafka, typeof Producer, process.argv[2]);
            """;
        Assert.Equal("function function hello\n", NodeClients.Run(script, ["hello"]).Ok().Output);
    }

    [Fact]
    public void The_binary_refuses_a_wrong_setting_with_exit_code_2()
    {
        string data = Directory.CreateTempSubdirectory("aot-broker-refused-").FullName;
        try
        {
            ToolResult refused = BrokerProcess.StartAndFail(
                new BrokerOptions { DataDirectory = data, Set = ["num.partitions=many"] }
            );
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains(
                "--set: Invalid value many for configuration num.partitions: Not a number of type INT",
                refused.Errors
            );
            Assert.DoesNotContain("   at ", refused.Errors);
            Assert.Empty(Directory.GetFileSystemEntries(data));
        }
        finally
        {
            Directory.Delete(data, recursive: true);
        }
    }

    [Fact]
    public void The_binary_explains_itself()
    {
        Assert.StartsWith("usage: aot-broker", Tool.Run(Repository.Binary, ["--help"]).Ok().Output);
        Assert.StartsWith("usage: aot-broker serve", Tool.Run(Repository.Binary, ["serve", "--help"]).Ok().Output);
        Assert.StartsWith("aot-broker 0.", Tool.Run(Repository.Binary, ["version"]).Ok().Output);
    }
}
