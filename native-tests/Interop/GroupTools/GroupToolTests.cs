using System.Text.RegularExpressions;
using Aot.Broker.Harness;
using Aot.Broker.Interop.Tests.Produce;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests.GroupTools;

/// <summary>
/// <c>kafka-consumer-groups</c>, <c>-share-groups</c>, <c>-streams-groups</c>, <c>-groups</c>, <c>-transactions</c> and
/// <c>kafka-console-share-consumer</c> against Apache Kafka and against us, over the same scripted state: what they print has to
/// be the same, but for ids, ports and times.
/// </summary>
[Trait("Io", "once")]
public sealed partial class GroupToolTests(ITestOutputHelper output)
{
    /// <summary>
    /// What both brokers are told: verification would refuse the transaction that hangs, and a commit of an empty group is made
    /// by hand, which the delay would only hold up.
    /// </summary>
    private static readonly string[] s_settings =
    [
        "transaction.partition.verification.enable=false",
        "group.initial.rebalance.delay.ms=0",
    ];

    [Fact]
    public void Tools_show_and_do_what_they_show_and_do_with_Apache_Kafka()
    {
        using ToolProcess? tools = ToolProcess.Start(output);
        if (tools is null)
        {
            return;
        }
        using KafkaServer theirs = KafkaServer.StartWithFeatures(s_settings);
        using BrokerProcess ours = BrokerProcess.Start(new BrokerOptions { Set = s_settings });
        List<(string Command, string Said)> expected = RunAll(tools, $"127.0.0.1:{theirs.Port}");
        List<(string Command, string Said)> answered = RunAll(tools, ours.Bootstrap);
        List<string> differences = [];
        for (int i = 0; i < expected.Count; i++)
        {
            Assert.Equal(expected[i].Command, answered[i].Command);
            if (expected[i].Said != answered[i].Said)
            {
                differences.Add($"{expected[i].Command}\n--- theirs\n{expected[i].Said}--- ours\n{answered[i].Said}");
            }
        }
        output.WriteLine($"{expected.Count} runs of tools");
        Assert.True(differences.Count == 0, string.Join('\n', differences));
        ours.Stop();
    }

    private static List<(string, string)> RunAll(ToolProcess tools, string bootstrap)
    {
        tools.Run("fill", bootstrap);
        List<(string, string)> said = [];
        Dictionary<string, string> producers = [];
        foreach ((string tool, string arguments) in ToolRuns.All)
        {
            string[] words = arguments.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            string[] address = ["--bootstrap-server", bootstrap];
            // This tool wants the address before its command, the others wherever it is.
            string printed = tools.Run(tool, [.. address, .. words]);
            string text = Normalize(printed, bootstrap);
            if (tool == ToolRuns.Transactions)
            {
                LearnProducers(text, arguments, producers);
                text = NameProducers(text, arguments, producers);
            }
            said.Add(($"{tool[(tool.LastIndexOf('.') + 1)..]} {arguments}", text));
        }
        tools.Run("leave");
        return said;
    }

    /// <summary>
    /// Without what differs between two runs of the same broker: ids, times, ports, the order of lines, widths of columns, and the
    /// frames of a stack, which the Java machine changes when it has called something often.
    /// </summary>
    private static string Normalize(string printed, string bootstrap)
    {
        string text = printed.Replace(bootstrap, "ADDRESS").Replace(bootstrap.Split(':')[1], "PORT");
        text = Uuid().Replace(text, "UUID");
        text = ClientMember().Replace(text, "$1-ID");
        text = Millis().Replace(text, "TIME");
        text = Spaces().Replace(text, " ");
        string[] lines =
        [
            .. text.Split('\n').Select(line => line.Trim()).Where(line => line.Length > 0 && !Frame().IsMatch(line)),
        ];
        Array.Sort(lines, StringComparer.Ordinal);
        return string.Concat(lines.Select(line => line + "\n"));
    }

    /// <summary>Each core here gives producer ids of a block of its own: they are called by their transactional ids.</summary>
    private static void LearnProducers(string text, string arguments, Dictionary<string, string> producers)
    {
        foreach (string line in text.Split('\n'))
        {
            string[] words = line.Split(' ');
            if (
                arguments == "list"
                && words.Length == 4
                && words[0].StartsWith("transaction-", StringComparison.Ordinal)
            )
            {
                producers[words[2]] = words[0];
            }
        }
    }

    private static string NameProducers(string text, string arguments, Dictionary<string, string> producers)
    {
        // The column of the id.
        int column = arguments.StartsWith("describe-producers", StringComparison.Ordinal) ? 0 : 2;
        if (arguments.StartsWith("describe --", StringComparison.Ordinal))
        {
            text = Duration().Replace(text, "TIME DURATION");
        }
        List<string> lines = [];
        foreach (string line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            string[] words = line.Split(' ');
            if (column < words.Length && producers.TryGetValue(words[column], out string? name))
            {
                words[column] = name;
            }
            lines.Add(string.Join(' ', words));
        }
        lines.Sort(StringComparer.Ordinal);
        return string.Concat(lines.Select(line => line + "\n"));
    }

    [GeneratedRegex("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")]
    private static partial Regex Uuid();

    /// <summary>A member of the consumer protocol has an id of 22 characters.</summary>
    [GeneratedRegex("(?<= )()[A-Za-z0-9_-]{22}(?= )")]
    private static partial Regex ClientMember();

    [GeneratedRegex(@"\b1[0-9]{12}\b")]
    private static partial Regex Millis();

    [GeneratedRegex("TIME [0-9]+")]
    private static partial Regex Duration();

    [GeneratedRegex(@"^(at |\.\.\. [0-9]+ more$)")]
    private static partial Regex Frame();

    [GeneratedRegex("[ \t]+")]
    private static partial Regex Spaces();
}
