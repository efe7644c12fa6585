using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// Members of a share group take numbered records while the broker is killed again and again: each record reaches one of
/// them, and none is accepted a second time after its acceptance was confirmed.
/// </summary>
[Trait("Io", "once")]
public sealed class ShareKillTests(ITestOutputHelper output)
{
    private const int Records = 30_000;
    private const int Kills = 6;

    /// <summary>Some ten acknowledgements: no life of the broker ends before the group has got further.</summary>
    private const int StateBytesOfLife = 2_000;

    [Fact]
    public async Task A_share_group_finishes_with_each_record_once_through_six_kills_of_the_broker()
    {
        if (Peers.KafkaClassPath is not { } classPath)
        {
            Peers.Skip(output, "Apache Kafka's share consumer (and a Java compiler)");
            return;
        }
        string sources = Path.Combine(Repository.Root, "native-tests", "EndToEnd", "shares");
        string classes = JavaProgram.Compile(sources, classPath);
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Set = ["group.share.min.record.lock.duration.ms=1000"] }
        );
        string[] words =
        [
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=1",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
            "-cp",
            $"{classPath}:{classes}",
            "Sharing",
            broker.Bootstrap,
            $"{Records}",
        ];
        Task<ToolResult> sharing = Task.Run(() => Tool.Run("java", words, limit: TimeSpan.FromMinutes(3)));
        int kills = 0;
        for (; kills < Kills && !sharing.IsCompleted; kills++)
        {
            long before = StateBytes(broker.DataDirectory);
            Until.Holds(
                () => sharing.IsCompleted || StateBytes(broker.DataDirectory) > before + StateBytesOfLife,
                "the share group gets further"
            );
            broker.Kill();
            broker.RestartInPlace();
        }
        ToolResult result = await sharing;
        Assert.True(
            result.ExitCode == 0,
            $"after {kills} kills: exit code {result.ExitCode}\n{result.Errors}\n{result.Output}\n{broker.Describe()}"
        );
        output.WriteLine(result.Output);
        Assert.StartsWith($"accepted {Records} of ", result.Output);
        Assert.EndsWith(", lag 0\n", result.Output);
        Assert.Equal(Kills, kills);
        broker.Stop();
    }

    /// <summary>What the share coordinator has written so far.</summary>
    private static long StateBytes(string dataDirectory) =>
        Directory
            .GetDirectories(dataDirectory, "__share_group_state-*")
            .SelectMany(directory => new DirectoryInfo(directory).EnumerateFiles("*.log"))
            .Sum(file => file.Length);
}
