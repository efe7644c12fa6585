using System.Text.RegularExpressions;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>
/// A quorum whose voter the settings name goes to kraft.version 1 while it runs (KIP-853): its log takes the voter over,
/// and the other broker reads it there.
/// </summary>
[Trait("Io", "once")]
public sealed partial class QuorumVersionTests(ITestOutputHelper output)
{
    /// <summary>So few bytes that snapshots are written, which must say the same.</summary>
    private const string Snapshots = "metadata.log.max.record.bytes.between.snapshots=20000";

    [Fact]
    public void What_was_raised_here_Apache_Kafka_reads_and_this_broker_reads_again()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new(directories: 1, Snapshots);
        string voters;
        using (BrokerProcess broker = directory.StartBroker())
        {
            Assert.Equal("0", Level(java, directory));
            Assert.Equal(["kraft.version was upgraded to 1."], Raise(java, directory));
            voters = Voters(java, directory);
            Assert.Equal("1", Level(java, directory));
            java.Run("churn", directory.Bootstrap, "0", "200");
            broker.Stop();
        }
        java.Run("start", directory.ConfigFile);
        Check(java, directory, voters);
        java.Run("churn", directory.Bootstrap, "1", "200");
        java.Run("stop");
        using (BrokerProcess broker = directory.StartBroker())
        {
            Check(java, directory, voters);
            broker.Stop();
        }
    }

    [Fact]
    public void What_Apache_Kafka_raised_this_broker_reads_and_Apache_Kafka_reads_again()
    {
        using JavaProcess? java = JavaProcess.Start(output);
        if (java is null)
        {
            return;
        }
        using SharedDirectory directory = new(directories: 1, Snapshots);
        java.Run("format", directory.ConfigFile, SharedDirectory.ClusterId);
        java.Run("start", directory.ConfigFile);
        Assert.Equal(["kraft.version was upgraded to 1."], Raise(java, directory));
        string voters = Voters(java, directory);
        java.Run("churn", directory.Bootstrap, "0", "200");
        java.Run("stop");
        using (BrokerProcess broker = directory.StartBroker())
        {
            Check(java, directory, voters);
            java.Run("churn", directory.Bootstrap, "1", "200");
            broker.Stop();
        }
        int logged = java.Errors.Count;
        java.Run("start", directory.ConfigFile);
        Check(java, directory, voters);
        BothWaysTests.MustNotComplain([.. java.Errors.Skip(logged)]);
        java.Run("stop");
    }

    private static void Check(JavaProcess java, SharedDirectory directory, string voters)
    {
        Assert.Equal(voters, Voters(java, directory));
        Assert.Equal("1", Level(java, directory));
    }

    private static string[] Raise(JavaProcess java, SharedDirectory directory) =>
        Tool(java, directory, "FeatureCommand", "upgrade", "--feature", "kraft.version=1");

    private static string Level(JavaProcess java, SharedDirectory directory)
    {
        string line = Tool(java, directory, "FeatureCommand", "describe")
            .Single(each => each.Contains("kraft.version", StringComparison.Ordinal));
        return FinalizedLevel().Match(line).Groups[1].Value;
    }

    /// <summary>The voters with their directories and addresses.</summary>
    private static string Voters(JavaProcess java, SharedDirectory directory) =>
        Tool(java, directory, "MetadataQuorumCommand", "describe", "--status")
            .Single(each => each.StartsWith("CurrentVoters:", StringComparison.Ordinal));

    private static string[] Tool(JavaProcess java, SharedDirectory directory, string tool, params string[] words) =>
        [.. java.RunTool(tool, directory.Beside("tool"), ["--bootstrap-server", directory.Bootstrap, .. words])];

    [GeneratedRegex(@"FinalizedVersionLevel:\s*(\d+)")]
    private static partial Regex FinalizedLevel();
}
