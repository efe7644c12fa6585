using Aot.Broker.Harness;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>kcat, the command-line client over Debian's librdkafka: a line of a file is a record.</summary>
internal static class Kcat
{
    /// <summary>As the partition of a producer: it spreads its records.</summary>
    public const int EveryPartition = -1;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(110);

    /// <summary>False after having said that the test is skipped.</summary>
    public static bool IsHere(Xunit.Abstractions.ITestOutputHelper output)
    {
        if (Tool.Find("kcat") is not null)
        {
            return true;
        }
        Peers.SkipProgram(output, "kcat");
        return false;
    }

    /// <summary>Each line of the file as a record.</summary>
    public static ToolResult Produce(
        BrokerProcess broker,
        string topic,
        string file,
        string codec = "none",
        int partition = 0,
        params string[] settings
    ) =>
        Tool.Run(
                "kcat",
                [
                    .. Common(broker, "-P", topic, settings),
                    "-p",
                    $"{partition}",
                    "-X",
                    $"compression.codec={codec}",
                    // A slow machine is not an error of the broker.
                    "-X",
                    "message.timeout.ms=100000",
                ],
                inputFile: file,
                limit: s_limit
            )
            .Ok();

    /// <summary>A partition from its beginning to its end, a record per line.</summary>
    public static ToolResult Consume(
        BrokerProcess broker,
        string topic,
        string outputFile,
        int partition = 0,
        params string[] settings
    ) =>
        Tool.Run(
                "kcat",
                [.. Common(broker, "-C", topic, settings), "-p", $"{partition}", "-o", "beginning", "-e", "-q"],
                outputFile: outputFile,
                limit: s_limit
            )
            .Ok();

    /// <summary>So many records of partition 0 from an offset on.</summary>
    public static ToolResult ConsumeFrom(
        BrokerProcess broker,
        string topic,
        string outputFile,
        long offset,
        int count
    ) =>
        Tool.Run(
                "kcat",
                [.. Common(broker, "-C", topic, []), "-p", "0", "-o", $"{offset}", "-c", $"{count}", "-q"],
                outputFile: outputFile,
                limit: s_limit
            )
            .Ok();

    /// <summary>As a member of a group, until it has read every partition to its end.</summary>
    public static ToolResult ConsumeInGroup(BrokerProcess broker, string group, string topic, int count) =>
        Tool.Run(
                "kcat",
                [
                    "-b",
                    broker.Bootstrap,
                    "-X",
                    "auto.offset.reset=earliest",
                    "-c",
                    $"{count}",
                    "-q",
                    "-f",
                    "%p %o %k %s\n",
                    "-G",
                    group,
                    topic,
                ],
                limit: s_limit
            )
            .Ok();

    private static IEnumerable<string> Common(BrokerProcess broker, string mode, string topic, string[] settings) =>
        [mode, "-b", broker.Bootstrap, "-t", topic, .. settings.SelectMany(setting => new[] { "-X", setting })];
}
