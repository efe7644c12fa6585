namespace Aot.Broker.Interop.Tests.Directories;

/// <summary>Apache Kafka's dump of every file of a stopped broker's directory, which finds nothing wrong.</summary>
internal sealed class DirectoryDump(JavaProcess java, SharedDirectory directory)
{
    private static readonly string[] s_complaints =
    [
        "isvalid: false",
        "isValid: false",
        "Found timestamp mismatch",
        "Found out of order timestamp",
        "Mismatches in",
        "Could not",
        "corrupt",
        "Exception",
        "Error",
    ];

    private static readonly string[] s_compacted = ["/compacted-", "/__consumer_offsets-", "/__transaction_state-"];

    private readonly string _dump = directory.Beside("dump");

    public void Check()
    {
        Dump("*", "*.log", "--deep-iteration");
        Dump("*", "*.index", "--index-sanity-check");
        Dump("*", "*.timeindex", "--index-sanity-check");
        Dump("*", "*.index", "--verify-index-only");
        Dump("*", "*.timeindex", "--verify-index-only");
        Dump("*", "*.snapshot");
        Dump("*", "*.txnindex");
        Dump("__cluster_metadata-0", "*.log", "--cluster-metadata-decoder");
        Dump("__cluster_metadata-0", "*.checkpoint", "--cluster-metadata-decoder");
        Dump("__consumer_offsets-*", "*.log", "--offsets-decoder");
        Dump("__transaction_state-*", "*.log", "--transaction-log-decoder");
        Dump("__share_group_state-*", "*.log", "--share-group-state-decoder");
    }

    private void Dump(string folders, string names, params string[] options)
    {
        string[] files =
        [
            .. directory
                .Partitions(folders)
                .SelectMany(folder => Directory.GetFiles(folder, names))
                .Order(StringComparer.Ordinal),
        ];
        if (files.Length == 0)
        {
            return;
        }
        IEnumerable<string> lines = java.RunTool(
            "DumpLogSegments",
            _dump,
            [.. options, "--files", string.Join(',', files)]
        );
        int dumped = 0;
        bool mayHaveGaps = false;
        foreach (string line in lines)
        {
            dumped += line.StartsWith("Dumping ", StringComparison.Ordinal) ? 1 : 0;
            if (line.StartsWith("Non-consecutive offsets in ", StringComparison.Ordinal))
            {
                mayHaveGaps = s_compacted.Any(topic => line.Contains(topic, StringComparison.Ordinal));
            }
            Assert.False(IsComplaint(line, mayHaveGaps), $"{names} {string.Join(' ', options)}: {line}");
        }
        Assert.Equal(files.Length, dumped);
    }

    /// <summary>The tool counts a segment that does not begin at offset 0 as a gap behind -1.</summary>
    private static bool IsComplaint(string line, bool mayHaveGaps) =>
        s_complaints.Any(complaint => line.Contains(complaint, StringComparison.Ordinal))
        || (
            !mayHaveGaps
            && line.Contains(" is followed by ", StringComparison.Ordinal)
            && !line.StartsWith("  -1 is followed by ", StringComparison.Ordinal)
        );
}
