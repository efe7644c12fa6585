using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// A Kafka Streams application that counts words while the broker is killed again and again: with transactions every word
/// counts once, whichever protocol the application's group speaks, and its threads go on by themselves.
/// </summary>
[Trait("Io", "once")]
public sealed class StreamsKillTests(ITestOutputHelper output)
{
    private const int Lines = 40_000;
    private const int Kills = 10;

    [Theory]
    [InlineData("streams")]
    [InlineData("classic")]
    public async Task A_word_count_is_exact_through_ten_kills_of_the_broker(string protocol)
    {
        if (Peers.KafkaToolsClassPath is not { } classPath)
        {
            Peers.Skip(output, "Kafka Streams (and a Java compiler)");
            return;
        }
        string sources = Path.Combine(Repository.Root, "native-tests", "EndToEnd", "streams");
        string classes = JavaProgram.Compile(sources, classPath);
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions
            {
                Set = ["group.initial.rebalance.delay.ms=0", "group.streams.initial.rebalance.delay.ms=0"],
            }
        );
        string state = Directory.CreateTempSubdirectory("aot-streams-").FullName;
        try
        {
            string[] words =
            [
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
                "-cp",
                $"{classPath}:{classes}",
                "WordCount",
                broker.Bootstrap,
                protocol,
                "exactly_once_v2",
                $"{Lines}",
                state,
            ];
            Task<ToolResult> counting = Task.Run(() => Tool.Run("java", words, limit: TimeSpan.FromMinutes(4)));
            int kills = 0;
            for (; kills < Kills && !counting.IsCompleted; kills++)
            {
                // Not before the application has written something, so that every life of the broker gets somewhere.
                long before = SizeOf(broker.DataDirectory);
                Until.Holds(
                    () => counting.IsCompleted || SizeOf(broker.DataDirectory) > before + 2_000,
                    "the counts grow"
                );
                broker.Kill();
                broker.RestartInPlace();
            }
            ToolResult result = await counting;
            Assert.True(
                result.ExitCode == 0,
                $"after {kills} kills: exit code {result.ExitCode}\n{result.Errors}\n{result.Output}\n{broker.Describe()}"
            );
            Assert.EndsWith($"counted {Lines} of 40 words\n", result.Output);
            Assert.Equal(Kills, kills);
            broker.Stop();
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    /// <summary>What has been written to the output topic.</summary>
    private static long SizeOf(string dataDirectory) =>
        Directory
            .GetDirectories(dataDirectory, "counts-*")
            .SelectMany(directory => new DirectoryInfo(directory).EnumerateFiles("*.log"))
            .Sum(file => file.Length);
}
