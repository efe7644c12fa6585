using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>
/// Apache Kafka's own cluster tests against brokers that <c>native-tests/kafka-suite/launch</c> starts. The file
/// <c>passing</c> beside it names, as class and method, what passes. It only grows: a test that is named there and does
/// not pass is an error of the broker. <c>./build.sh kafka-suite</c> runs more of the suite and says what is missing.
/// </summary>
public sealed class KafkaSuiteTests(ITestOutputHelper output) : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(6);

    private readonly string _results = Directory.CreateTempSubdirectory("aot-broker-suite-").FullName;

    [Fact]
    public void Every_test_that_is_known_to_pass_passes()
    {
        if (Suite is not { } suite)
        {
            Peers.Skip(output, "Apache Kafka's test suite (and a Java compiler)");
            return;
        }
        string folder = Path.Combine(Repository.Root, "native-tests", "kafka-suite");
        string[] passing = [.. File.ReadLines(Path.Combine(folder, "passing")).Where(line => line.Contains('\t'))];
        Assert.NotEmpty(passing);
        string[] classes = [.. passing.Select(line => line.Split('\t')[0]).Distinct()];
        // The other tests of these classes are not waited for.
        string methods = string.Join('|', passing.Select(line => line.Split('\t', '(', '[')[1]).Distinct());
        string[] options =
        [
            "--launcher",
            Path.Combine(folder, "launch"),
            "--brokers",
            "1",
            "--shrink",
            "--out",
            _results,
            "--only",
            $".*[#.]({methods})",
        ];
        ToolResult run = Tool.Run(
            suite,
            [.. options, .. classes],
            limit: s_limit,
            environment: new Dictionary<string, string> { ["AOT_BROKER_BINARY"] = Repository.Binary }
        );
        output.WriteLine($"{run.Output}{run.Elapsed.TotalSeconds:F0} s");

        Dictionary<string, Outcome> outcomes = ReadOutcomes(run);
        List<string> missing = [];
        foreach (string test in passing)
        {
            Outcome? outcome = outcomes.GetValueOrDefault(test);
            if (outcome is not { Result: "passed" })
            {
                missing.Add($"{test}: {outcome?.Result ?? "did not run"} {outcome?.Reason}");
            }
        }
        Assert.True(
            missing.Count == 0,
            $"{missing.Count} of {passing.Length} do not pass:\n{string.Join('\n', missing)}"
        );
    }

    public void Dispose() => Directory.Delete(_results, recursive: true);

    /// <summary>The script that runs the suite; null without it, or without what it needs.</summary>
    private static string? Suite
    {
        get
        {
            string? path = Peers.Folder is null ? null : Path.Combine(Peers.Folder, "kafka", "suite", "suite");
            bool canRun = Tool.Find("javac") is not null && Tool.Find("java") is not null;
            return canRun && File.Exists(path) ? path : null;
        }
    }

    /// <summary>By class and method. Of a test with several rows (one for each of its variants) the worst counts.</summary>
    private Dictionary<string, Outcome> ReadOutcomes(ToolResult run)
    {
        string path = Path.Combine(_results, "outcomes.tsv");
        Assert.True(File.Exists(path), $"the suite wrote no outcomes\n{run.Errors}\n{run.Output}");
        Dictionary<string, Outcome> outcomes = [];
        foreach (string line in File.ReadLines(path))
        {
            string[] fields = line.Split('\t');
            string test = $"{fields[0]}\t{fields[1]}";
            if (!outcomes.TryGetValue(test, out Outcome? known) || known.Result == "passed")
            {
                outcomes[test] = new Outcome(fields[3], fields[5]);
            }
        }
        return outcomes;
    }

    private sealed record Outcome(string Result, string Reason);
}
