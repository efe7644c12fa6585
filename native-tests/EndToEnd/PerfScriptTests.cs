using System.Text.RegularExpressions;
using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.EndToEnd.Tests;

/// <summary>
/// The measurements of starts, at a size for every day: what they check (end offsets, orderly stops, readiness) has to hold
/// whatever the times are.
/// </summary>
public sealed partial class PerfScriptTests(ITestOutputHelper output)
{
    [Fact]
    public void A_thousand_partitions_are_made_and_found_again_with_little_memory_each()
    {
        if (Run("start-many", "1000") is { } said)
        {
            Assert.Contains("ready after kill -9", said);
            foreach (Match memory in MemoryLine().Matches(said))
            {
                Assert.InRange(double.Parse(memory.Groups[1].Value), -10, 20);
            }
            Assert.Equal(2, MemoryLine().Count(said));
        }
    }

    [Fact]
    public void After_a_kill_the_logs_end_where_they_were_acknowledged()
    {
        if (Run("recovery", "300", "4") is { } said)
        {
            Assert.Contains("as it was left", said);
            Assert.Matches("without recovery points .* 3[0-9][0-9] MB scanned", said);
        }
    }

    [Fact]
    [Trait("Io", "once")]
    public void Large_groups_settle_and_their_heartbeats_allocate_nothing()
    {
        if (Run("groups", "150", "300") is { } said)
        {
            Assert.Contains("classic  150 members: settled", said);
            Assert.Contains("consumer 150 members: settled", said);
            Assert.Contains("classic  300 groups: settled", said);
            Assert.Contains("consumer 300 groups: settled", said);
            Assert.Equal(4, said.Split(" and 0.00 bytes").Length - 1);
        }
    }

    /// <summary>Every load checks what it reads, so a moment of each is a test of broker and load.</summary>
    [Fact]
    [Trait("Io", "once")]
    public void Every_workload_of_the_comparison_finds_its_records_in_order()
    {
        if (Run("compare", "--smoke", "--peers", "ideal,fresh") is { } said)
        {
            Assert.Contains("## end-to-end-10k", said);
            Assert.Contains("| CPU-s/GB |", said);
            Assert.Contains("## partitions-10k", said);
            Assert.Contains("## cross-core", said);
        }
    }

    [Fact]
    [Trait("Io", "once")]
    public void A_workload_replaces_its_own_section_of_the_report_and_nothing_else()
    {
        string folder = Directory.CreateTempSubdirectory("aot-broker-report-").FullName;
        try
        {
            string report = Path.Combine(folder, "RESULTS.md");
            if (Run("compare", "--smoke", "--peers", "ideal", "--results", report, "depth-1", "start") is null)
            {
                return;
            }
            string first = File.ReadAllText(report);
            Assert.Equal(1, Occurrences(first, "## depth-1"));
            Assert.True(File.Exists(Path.Combine(folder, "pictures", "depth-1.svg")));
            string start = first[first.IndexOf("## start", StringComparison.Ordinal)..];
            const string ByHand = "| a change that somebody tried | depth-1 | 0.9 |\n";
            File.WriteAllText(
                report,
                first.Replace("|---|---|---|\n", "|---|---|---|\n" + ByHand, StringComparison.Ordinal)
            );

            Run("compare", "--smoke", "--peers", "ideal", "--results", report, "metadata", "depth-1");
            string second = File.ReadAllText(report);
            Assert.Contains(ByHand, second);
            Assert.Equal(1, Occurrences(second, "## depth-1"));
            Assert.Equal(1, Occurrences(second, "## metadata"));
            Assert.EndsWith(start, second);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static int Occurrences(string text, string of) => text.Split(of).Length - 1;

    private string? Run(string script, params string[] arguments)
    {
        if (Tool.Find("python3") is null)
        {
            output.WriteLine("SKIPPED: there is no python3");
            return null;
        }
        ToolResult result = Tool.Run(
                Path.Combine(Repository.Root, "perf", script),
                arguments,
                environment: new Dictionary<string, string>
                {
                    ["AOT_BROKER_BINARY"] = Repository.Binary,
                    // Built beside this assembly, for the runtime that it has.
                    ["AOT_PERF_BINARY"] = Path.Combine(AppContext.BaseDirectory, "../../Aot.Perf/release/aot-perf"),
                    ["PERF_KEEP_CACHE"] = "1",
                }
            )
            .Ok();
        output.WriteLine(result.Output);
        return result.Output;
    }

    [GeneratedRegex(@"memory after .* (-?[0-9.]+) KB per partition")]
    private static partial Regex MemoryLine();
}
