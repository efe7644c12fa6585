using System.Diagnostics;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Inspection;

namespace Aot.Broker.Storage.Tests;

/// <summary>Our own inspection, and Apache Kafka's tool where it is on this machine, on files of a log with transactions.</summary>
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
        Fill(rig);
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

    [Fact]
    public void Inspection_finds_nothing_wrong_and_every_wrong_index_entry()
    {
        using StorageRig rig = new();
        Fill(rig);
        Assert.Empty(Inspect(rig));
        foreach (string suffix in (string[])[".index", ".timeindex", ".txnindex"])
        {
            // Not the first segment: in it an offset that is counted from the base would be right by accident.
            string path = Directory
                .GetFiles(rig.PartitionPath, "*" + suffix)
                .Order()
                .Last(f => new FileInfo(f).Length > 0);
            byte[] good = File.ReadAllBytes(path);
            for (int at = 0; at < good.Length; at += 1 + (good.Length / 50))
            {
                byte[] bad = [.. good];
                bad[at] ^= 0x08;
                File.WriteAllBytes(path, bad);
                // Of a transaction's first and of the last stable offset only an upper bound is known.
                bool isKnown = suffix != ".txnindex" || at % 34 is < 10 or (>= 18 and < 26);
                Assert.True(Inspect(rig).Exists(found => found.File == path) || !isKnown, $"{path} byte {at}");
            }
            File.WriteAllBytes(path, good.AsSpan(0, good.Length - 1));
            Assert.Contains(Inspect(rig), found => found.File == path && found.What.Contains("within an entry"));
            File.WriteAllBytes(path, good);
        }
        Assert.Empty(Inspect(rig));
    }

    private static List<Finding> Inspect(StorageRig rig)
    {
        List<Finding> findings = [];
        BatchCheck check = new("", findings);
        using BatchContent content = new();
        LinuxDisk disk = new();
        foreach (string log in Directory.GetFiles(rig.PartitionPath, "*.log").Order())
        {
            string stem = log[..^".log".Length];
            long baseOffset = long.Parse(Path.GetFileName(stem));
            check.File = log;
            Assert.Equal(
                Linux.Errno.None,
                BatchReader.TryOpen(disk, log, wholeBatches: true, out BatchReader? batches)
            );
            using (batches)
            {
                while (batches!.MoveNext())
                {
                    check.Check(batches.Bytes(), batches.Position, baseOffset, content);
                }
                Assert.Null(batches.Break);
            }
            IndexCheck.CheckOffsets(disk, log, stem + ".index", baseOffset, findings);
            IndexCheck.CheckTimes(disk, log, stem + ".timeindex", baseOffset, findings);
            AbortedCheck.Check(disk, log, stem + ".txnindex", findings);
        }
        Assert.Equal(430, check.Batches);
        return findings;
    }

    private static void Fill(StorageRig rig)
    {
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
