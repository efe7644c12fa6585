using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>
/// Apache Kafka's own cluster tests against brokers that <c>native-tests/kafka-suite/launch</c> starts. Beside it three
/// files name tests, as class and method: <c>passing</c> what passes, which only grows (a test that is named there and does
/// not pass is an error of the broker), <c>left</c> what does not, and why, and <c>sample</c> the classes that are
/// run here. <c>./build.sh kafka-suite</c> runs all that passes, which takes the better part of an hour.
/// </summary>
[Trait("Io", "once")]
public sealed class KafkaSuiteTests(ITestOutputHelper output) : IDisposable
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(6);

    private static readonly string s_folder = Path.Combine(Repository.Root, "native-tests", "kafka-suite");

    private readonly string _results = Directory.CreateTempSubdirectory("aot-broker-suite-").FullName;

    [Fact]
    public void Every_test_of_the_sample_that_is_known_to_pass_passes()
    {
        if (Suite is not { } suite)
        {
            Peers.Skip(output, "Apache Kafka's test suite (and a Java compiler)");
            return;
        }
        string[] classes = Read("sample");
        string[] passing = [.. Read("passing").Where(line => classes.Contains(line.Split('\t')[0]))];
        Assert.All(classes, each => Assert.Contains(passing, line => line.StartsWith(each + "\t")));
        // The other tests of these classes are not waited for.
        string methods = string.Join('|', passing.Select(line => line.Split('\t', '(', '[')[1]).Distinct());
        string[] options =
        [
            "--launcher",
            Path.Combine(s_folder, "launch"),
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

    /// <summary>A reason is given for a method, or (<c>*</c>) for the rest of a class.</summary>
    [Fact]
    public void Every_test_that_Apache_Kafka_passes_is_known_to_pass_or_has_a_reason_not_to()
    {
        if (Suite is not { } suite)
        {
            Peers.Skip(output, "Apache Kafka's test suite");
            return;
        }
        string[] lists = Directory.GetFiles(Path.Combine(Path.GetDirectoryName(suite)!, "expected"));
        HashSet<string> expected = [.. lists.SelectMany(File.ReadLines).Where(line => line.Contains('\t'))];
        string[] passing = Read("passing");
        Assert.Equal(passing.Distinct(), passing);
        HashSet<string> reasons = [];
        foreach (string line in Read("left"))
        {
            string[] fields = line.Split('\t');
            Assert.True(fields is [_, _, { Length: > 0 }], $"no class, method and reason: {line}");
            Assert.True(reasons.Add($"{fields[0]}\t{fields[1]}"), $"twice: {line}");
        }
        List<string> wrong = [];
        HashSet<string> used = [];
        foreach (string test in expected)
        {
            string all = $"{test.Split('\t')[0]}\t*";
            bool isLeft = reasons.Contains(test);
            bool passes = passing.Contains(test);
            if (!isLeft && !passes && reasons.Contains(all))
            {
                used.Add(all);
            }
            else if (isLeft == passes)
            {
                wrong.Add($"{test} is in {(passes ? "both" : "neither")}");
            }
        }
        wrong.AddRange(passing.Where(test => !expected.Contains(test)).Select(test => $"{test} is no test"));
        wrong.AddRange(
            reasons.Where(test => !used.Contains(test) && !expected.Contains(test)).Select(test => $"{test} is no test")
        );
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        output.WriteLine($"{passing.Length} of {expected.Count} pass");
    }

    public void Dispose() => Directory.Delete(_results, recursive: true);

    /// <summary>The lines of a list, without comments.</summary>
    private static string[] Read(string list) =>
        [
            .. File.ReadLines(Path.Combine(s_folder, list))
                .Where(line => line.Trim().Length > 0 && !line.StartsWith('#')),
        ];

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
