using Aot.Broker.Harness;
using Xunit.Abstractions;

namespace Aot.Broker.Interop.Tests;

/// <summary>Apache Kafka's <c>dump-log</c> reads what a broker left on the disk, and finds nothing wrong with it.</summary>
public sealed class DumpLogTests(ITestOutputHelper output) : IDisposable
{
    private const int Count = 30_000;

    private static readonly string[] s_complaints =
    [
        "isvalid: false",
        "Found timestamp mismatch",
        "Found out of order timestamp",
        "Mismatches in",
        "Could not",
        "corrupt",
        "Exception",
        "Error",
    ];

    private readonly string _dump = Path.GetTempFileName();

    [Fact]
    public void Segments_indexes_and_the_metadata_log_are_read_without_error()
    {
        if (!KafkaTool.IsHere(output))
        {
            return;
        }
        if (Tool.Find("kcat") is null)
        {
            Peers.SkipProgram(output, "kcat");
            return;
        }
        using BrokerProcess broker = BrokerProcess.Start(
            new BrokerOptions { Set = ["log.segment.bytes=1048576", "group.initial.rebalance.delay.ms=0"] }
        );
        string lines = string.Concat(Enumerable.Range(0, Count).Select(i => $"{i} a line of text for the dump\n"));
        foreach (string codec in new[] { "none", "gzip", "snappy", "lz4", "zstd" })
        {
            string[] arguments = ["-P", "-b", broker.Bootstrap, "-t", $"dump-{codec}", "-z", codec];
            Tool.Run("kcat", [.. arguments, "-X", "batch.size=65536"], input: lines).Ok();
        }
        string[] group = ["-q", "-c", "1000", "-X", "auto.offset.reset=earliest", "-G", "dumpers", "dump-none"];
        Tool.Run("kcat", ["-b", broker.Bootstrap, .. group], outputFile: "/dev/null").Ok();
        broker.Stop();

        string[] logs = [.. Files("dump-*", "*.log")];
        Assert.True(logs.Count(log => log.Contains("dump-none")) > 1, "there is one segment only");
        Assert.Equal(5, Dump(logs, $"payload: {Count - 1} a line of text", "--deep-iteration", "--print-data-log"));

        Assert.Equal(Batches(File.ReadLines(_dump)), OwnBatches(logs));

        string[] indexes = [.. Files("dump-*", "*.index"), .. Files("dump-*", "*.timeindex")];
        Assert.Equal(indexes.Length, Dump(indexes, "passed sanity check", "--index-sanity-check"));
        Dump(indexes, "", "--verify-index-only");

        string[] metadata = [.. Files("__cluster_metadata-0", "*.log")];
        Assert.Equal(6, Dump(metadata, "\"type\":\"TOPIC_RECORD\"", "--cluster-metadata-decoder"));
        Assert.Equal(1, Dump(metadata, "\"name\":\"dump-zstd\"", "--cluster-metadata-decoder"));

        string[] offsets = [.. Files("__consumer_offsets-*", "*.log").Where(HasBytes)];
        Assert.NotEqual(0, Dump(offsets, "\"group\":\"dumpers\"", "--offsets-decoder"));

        IEnumerable<string> Files(string folders, string names) =>
            Directory
                .GetDirectories(broker.DataDirectory, folders)
                .SelectMany(folder => Directory.GetFiles(folder, names))
                .Order(StringComparer.Ordinal);
    }

    public void Dispose() => File.Delete(_dump);

    /// <summary>Our own dump of the same files, which with <c>--verify</c> is to find nothing.</summary>
    private static List<string> OwnBatches(string[] logs)
    {
        ToolResult result = Tool.Run(Repository.Binary, ["log", "dump", "--verify", .. logs]).Ok();
        Assert.Contains("findings: 0", result.Output);
        return Batches(result.Output.Split('\n'));
    }

    /// <summary>What both dumps say of the batches, in order: all but the few words that differ.</summary>
    private static List<string> Batches(IEnumerable<string> lines)
    {
        List<string> batches =
        [
            .. lines
                .Where(line => line.StartsWith("baseOffset: ", StringComparison.Ordinal))
                .Select(line =>
                    line.Replace("deleteHorizonMs: OptionalLong.empty ", "")
                        .Replace("compresscodec: ", "compression: ")
                        .Replace("isvalid: ", "isValid: ")
                        .Trim()
                ),
        ];
        Assert.NotEmpty(batches);
        return batches;
    }

    private static bool HasBytes(string path) => new FileInfo(path).Length > 0;

    /// <summary>The tool counts a segment that does not begin at offset 0 as a gap behind -1; every other gap is one.</summary>
    private static bool IsComplaint(string line) =>
        s_complaints.Any(complaint => line.Contains(complaint, StringComparison.Ordinal))
        || (
            line.Contains(" is followed by ", StringComparison.Ordinal)
            && !line.StartsWith("  -1 is followed by ", StringComparison.Ordinal)
        );

    /// <summary>Dumps the files, none of which may cause a complaint, and counts the lines with this text.</summary>
    private int Dump(string[] files, string text, params string[] arguments)
    {
        Assert.NotEmpty(files);
        string[] words = ["dump-log", .. arguments, "--files", string.Join(',', files)];
        ToolResult result = Tool.Run(Peers.Kafka!, words, outputFile: _dump).Ok();
        int count = 0;
        foreach (string line in File.ReadLines(_dump).Concat(result.Errors.Split('\n')))
        {
            Assert.False(IsComplaint(line), $"{result.Command}: {line}");
            count += line.Contains(text, StringComparison.Ordinal) ? 1 : 0;
        }
        return count;
    }
}
