using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>Apache Kafka's command-line tools against one broker, by the names of their scripts.</summary>
internal sealed class KafkaTool(BrokerProcess broker)
{
    /// <summary>False after having said that the test is skipped.</summary>
    public static bool IsHere(ITestOutputHelper output)
    {
        if (Peers.Kafka is not null)
        {
            return true;
        }
        Peers.Skip(output, "Apache Kafka's tools (and Java)");
        return false;
    }

    /// <summary>Runs a tool that takes <c>--bootstrap-server</c>; it has to end well and to say nothing of an error.</summary>
    public string Run(string tool, params string[] arguments) => Run(tool, null, arguments);

    public string RunWithInput(string tool, string input, params string[] arguments) => Run(tool, input, arguments);

    private string Run(string tool, string? input, string[] arguments)
    {
        string[] address = ["--bootstrap-server", broker.Bootstrap];
        // This tool wants it before its command, the others behind theirs.
        string[] words = tool == "metadata-quorum" ? [.. address, .. arguments] : [.. arguments, .. address];
        ToolResult result = Peers.RunKafka(tool, words, input);
        return result.ExitCode == 0
            ? result.Output
            : throw new HarnessException(
                $"exit code {result.ExitCode} of: {result.Command}\n{result.Errors}\n{result.Output}\n{broker.Describe()}"
            );
    }
}
