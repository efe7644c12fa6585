using System.Text.Json;
using System.Text.RegularExpressions;

namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>
/// What Apache Kafka's tools print about the broker that runs, as lines that are the same whichever broker it is: without
/// what depends on the clock, and in an order of their own.
/// </summary>
internal sealed partial class AdminTools(JavaProcess java, SharedDirectory directory)
{
    private const string Transactions = "TransactionsCommand";
    private const string Topics = "codec-none,codec-zstd,segments-by-size,records-deleted,transactions,growing,empty";

    private readonly string _output = directory.Beside("tool");

    public IEnumerable<string> Lines() =>
        [
            .. LogDirectories(),
            .. Groups(),
            .. TransactionLines(),
            .. Lines(
                "election",
                "LeaderElectionCommand",
                [.. s_preferred, "--topic", "codec-none", "--partition", "0"]
            ),
            .. Lines("reassignments", "reassign.ReassignPartitionsCommand", "--list"),
            .. Lines("topic", "TopicCommand", "--describe", "--exclude-internal").Select(WithoutSettings),
        ];

    private static readonly string[] s_preferred = ["--election-type", "preferred"];

    /// <summary>Aborts what is open in the topic of transactions, as a person would; returns how many there were.</summary>
    public int AbortTransactions()
    {
        int aborted = 0;
        for (int partition = 0; partition < 2; partition++)
        {
            string[] where = ["--topic", "transactions", "--partition", $"{partition}"];
            foreach (string producer in Run(Transactions, ["describe-producers", .. where]).Skip(1))
            {
                string start = producer.Split(' ', StringSplitOptions.RemoveEmptyEntries)[^1];
                if (start != "None")
                {
                    Run(Transactions, ["abort", .. where, "--start-offset", start]);
                    aborted++;
                }
            }
        }
        return aborted;
    }

    private List<string> LogDirectories()
    {
        List<string> lines = [];
        string json = Run("LogDirsCommand", "--describe", "--topic-list", Topics).Last();
        using JsonDocument document = JsonDocument.Parse(json);
        foreach (JsonElement broker in document.RootElement.GetProperty("brokers").EnumerateArray())
        {
            foreach (JsonElement dir in broker.GetProperty("logDirs").EnumerateArray())
            {
                foreach (JsonElement replica in dir.GetProperty("partitions").EnumerateArray())
                {
                    lines.Add($"tool log-dirs\t{dir.GetProperty("logDir")} {dir.GetProperty("error")}\t{replica}");
                }
            }
        }
        return lines;
    }

    private List<string> Groups() =>
        [
            .. Lines("groups", "consumer.group.ConsumerGroupCommand", "--list"),
            .. Lines("offsets", "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--offsets"),
            .. Lines("members", "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--members"),
            .. Lines("share groups", "consumer.group.ShareGroupCommand", "--list"),
            .. Lines("shares", "consumer.group.ShareGroupCommand", "--describe", "--all-groups", "--offsets"),
            .. Lines("share states", "consumer.group.ShareGroupCommand", "--describe", "--all-groups", "--state"),
            .. Lines("states", "consumer.group.ConsumerGroupCommand", "--describe", "--all-groups", "--state"),
        ];

    private List<string> TransactionLines()
    {
        List<string> lines =
        [
            .. Lines("transactions", Transactions, "list"),
            .. Lines("hanging", Transactions, "find-hanging", "--broker-id", "1", "--max-transaction-timeout", "0"),
        ];
        for (int partition = 0; partition < 2; partition++)
        {
            string[] where = ["--topic", "transactions", "--partition", $"{partition}"];
            lines.AddRange(Lines($"producers of {partition}", Transactions, ["describe-producers", .. where]));
        }
        foreach (string listed in Run(Transactions, "list").Skip(1))
        {
            string id = listed.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0];
            lines.AddRange(Lines($"transaction {id}", Transactions, "describe", "--transactional-id", id));
        }
        return lines;
    }

    /// <summary>They are in no order, and described already.</summary>
    private static string WithoutSettings(string line) => line.Split(" Configs: ")[0];

    private IEnumerable<string> Lines(string what, string tool, params string[] words) =>
        Run(tool, words).Select(line => $"tool {what}\t{line}\t");

    /// <summary>Columns that are one space apart; how long a transaction has been open is left out.</summary>
    private IEnumerable<string> Run(string tool, params string[] words)
    {
        string[] address = ["--bootstrap-server", directory.Bootstrap];
        string[] arguments = tool == Transactions ? [.. address, .. words] : [.. words, .. address];
        string[] lines =
        [
            .. java.RunTool(tool, _output, arguments)
                .Select(line => Spaces().Replace(line, " ").Trim())
                .Where(line => line != ""),
        ];
        int duration = lines is [var head, ..] ? Array.IndexOf(head.Split(' '), "TransactionDurationMs") : -1;
        return duration < 0
            ? lines
            : lines.Select(line => string.Join(' ', line.Split(' ').Where((_, column) => column != duration)));
    }

    [GeneratedRegex("[ \\t]+")]
    private static partial Regex Spaces();
}
