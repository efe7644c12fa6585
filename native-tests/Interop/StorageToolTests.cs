using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>What our <c>storage</c> commands and Apache Kafka's <c>StorageTool</c> say of each other's directories.</summary>
[Trait("Io", "once")]
public sealed class StorageToolTests(ITestOutputHelper output) : IDisposable
{
    private const string ClusterId = "Xx65iYJ_Q8Ko8BP7wpJycg";

    private readonly string _root = Directory.CreateTempSubdirectory("storage-interop-").FullName;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public void Each_accepts_what_the_other_formatted()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        string ours = Configure("ours");
        Own("format", "-t", ClusterId, "-c", ours).Ok();
        string info = Theirs("info", "-c", ours).Ok().Output;
        Assert.Contains("cluster.id=" + ClusterId, info);
        Assert.Contains("node.id=4", info);
        Assert.DoesNotContain("problem", info);

        string theirs = Configure("theirs");
        Theirs("format", "-t", ClusterId, "-c", theirs).Ok();
        string described = Own("info", "-c", theirs).Ok().Output;
        Assert.Contains($"clusterId: {ClusterId} nodeId: 4", described);
        // Both began with the same features: the same lines from two directories.
        Assert.Equal(Features(Own("info", "-c", ours).Ok().Output), Features(described));
        ToolResult again = Own("format", "-t", ClusterId, "-c", theirs);
        Assert.Equal(2, again.ExitCode);
        Assert.Contains("is already formatted. Use --ignore-formatted", again.Errors);
        Own("check", "--deep", "-c", theirs).Ok();
    }

    private static string[] Features(string info) =>
        [.. info.Split('\n').Where(line => line.StartsWith("feature ", StringComparison.Ordinal))];

    private static ToolResult Own(string command, params string[] words) =>
        Tool.Run(Repository.Binary, ["storage", command, .. words]);

    private static ToolResult Theirs(params string[] words) =>
        Tool.Run(Peers.Kafka!, ["newest", "kafka.tools.StorageTool", .. words]);

    private string Configure(string name)
    {
        string file = Path.Combine(_root, name + ".properties");
        File.WriteAllText(
            file,
            $"""
            process.roles=broker,controller
            node.id=4
            controller.quorum.voters=4@127.0.0.1:9093
            listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093
            controller.listener.names=CONTROLLER
            log.dirs={Path.Combine(_root, name, "a")},{Path.Combine(_root, name, "b")}
            """
        );
        return file;
    }
}
