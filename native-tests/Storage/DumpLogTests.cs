using System.Diagnostics;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Storage.Tests;

/// <summary>Apache Kafka's own tool on our files, where it is on this machine.</summary>
public sealed class DumpLogTests
{
    [Fact]
    public void Apache_Kafka_reads_our_files_without_error()
    {
        string? kafka = FindKafka();
        if (kafka is null)
        {
            return; // The tests of the formats' bytes stand for themselves.
        }
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 20_000, IndexIntervalBytes = 500 });
        for (int i = 0; i < 200; i++)
        {
            rig.MustAppend(
                log,
                Batches.Build(
                    new() { Codec = i % 7 == 0 ? CompressionCodec.Gzip : CompressionCodec.None },
                    4,
                    100,
                    rig.Io.Wall + (i % 11 * 5),
                    i
                )
            );
            rig.MustAppend(log, Batches.Idempotent(50 + (i % 3), 0, i / 3, transactional: true));
            if (i % 20 == 19)
            {
                foreach (long producer in (long[])[50, 51, 52])
                {
                    rig.MustAppend(log, Batches.Marker(producer, 0, i % 40 == 19), AppendOrigin.Coordinator);
                }
            }
        }
        rig.StopClean();
        string[] files = [.. Directory.GetFiles(rig.PartitionPath, "0*").Order()];
        Assert.Contains(files, f => f.EndsWith(".txnindex", StringComparison.Ordinal));
        using Process process = Process.Start(
            new ProcessStartInfo(
                kafka,
                ["dump-log", "--files", string.Join(',', files), "--deep-iteration", "--index-sanity-check"]
            )
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, errors.Result + output);
        Assert.Contains("passed sanity check", output);
        // It calls the first batch of every later segment not consecutive to -1, also in files of its own.
        string said = (output + errors.Result)
            .Replace("Non-consecutive offsets in", "")
            .Replace("  -1 is followed by", "");
        foreach (
            string sign in (string[])
                ["timestamp mismatch", "Mismatches in", "is followed by", "isvalid: false", "Exception", "out of order"]
        )
        {
            int found = said.IndexOf(sign, StringComparison.OrdinalIgnoreCase);
            Assert.True(found < 0, found < 0 ? "" : said[Math.Max(0, found - 500)..]);
        }
    }

    private static string? FindKafka()
    {
        string? peers = Environment.GetEnvironmentVariable("AOT_BROKER_PEERS");
        for (string? at = AppContext.BaseDirectory; peers is null && at is not null; at = Path.GetDirectoryName(at))
        {
            string beside = Path.Combine(at, "shared", "peers");
            peers = Directory.Exists(beside) ? beside : null;
        }
        string? kafka = peers is null ? null : Path.Combine(peers, "kafka", "kafka");
        return File.Exists(kafka) ? kafka : null;
    }
}
