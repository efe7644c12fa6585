using Aot.Broker.Base;

namespace Aot.Broker.Storage.Tests;

/// <summary>What a start does with logs that are not as they were written.</summary>
public sealed class DamageTests
{
    private static readonly LogConfig s_small = new() { SegmentBytes = 3000, IndexIntervalBytes = 200 };

    [Fact]
    public void A_reader_in_a_gap_between_segments_goes_on_behind_it()
    {
        using StorageRig first = new();
        Fill(first, 40);
        first.Kill();
        string[] logs = Logs(first);
        long from = BaseOf(logs[1]);
        long missing = BaseOf(logs[2]) - from;
        foreach (string file in Directory.GetFiles(first.PartitionPath, BaseOf(logs[1]).ToString("D20") + ".*"))
        {
            File.Delete(file);
        }
        using StorageRig second = new(first.DirectoryPath);
        PartitionLog log = second.Open(s_small);
        Assert.Equal(40 - (missing / 2), second.ReadAll(log, 0).Count);
        List<byte[]> read = second.ReadSome(log, from, 1 << 20, ReadIsolation.HighWatermark);
        Assert.Equal(from + missing, Batches.View(read[0]).BaseOffset);
        Assert.Equal(0, second.Directories.Progress.TruncatedBytes);
        second.Kill();
        // Without the sign that the segment before the gap is whole, the log ends there; the records are put aside.
        foreach (string file in Directory.GetFiles(first.PartitionPath, "*.snapshot"))
        {
            File.Delete(file);
        }
        using StorageRig third = new(first.DirectoryPath);
        Assert.Equal(from, third.Open(s_small).LogEndOffset);
        Assert.True(File.Exists(Dropped(first, BaseOf(logs[2]))));
    }

    [Fact]
    public void Sound_batches_behind_a_bad_one_are_kept_in_side_files()
    {
        using StorageRig first = new();
        Fill(first, 40);
        first.Kill();
        string[] logs = Logs(first);
        byte[] bytes = File.ReadAllBytes(logs[1]);
        List<byte[]> batches = Batches.Split(bytes);
        int bad = batches[0].Length;
        bytes[bad + 70] ^= 4;
        File.WriteAllBytes(logs[1], bytes);
        byte[] behind = File.ReadAllBytes(logs[2]);
        long end = BaseOf(logs[1]) + 2;
        using StorageRig second = new(first.DirectoryPath);
        PartitionLog log = second.Open(s_small);
        Assert.Equal(end, log.LogEndOffset);
        Assert.Equal(bytes[bad..], File.ReadAllBytes(Dropped(first, end)));
        Assert.Equal(behind, File.ReadAllBytes(Dropped(first, BaseOf(logs[2]))));
        Assert.Equal(logs.Length - 1, Directory.GetFiles(first.PartitionPath, "*.dropped").Length);
        // The log goes on, and neither a start nor a second damage touches the side files.
        second.MustAppend(log, Batches.Plain(2, 200));
        second.MustAppend(log, Batches.Plain(2, 200));
        second.Kill();
        bytes = File.ReadAllBytes(logs[1]);
        bytes[bad + 70] ^= 4;
        File.WriteAllBytes(logs[1], bytes);
        using StorageRig third = new(first.DirectoryPath);
        Assert.Equal(end, third.Open(s_small).LogEndOffset);
        Assert.Equal(bytes[bad..], File.ReadAllBytes(Dropped(first, end) + "-2"));
        Assert.Equal(behind, File.ReadAllBytes(Dropped(first, BaseOf(logs[2]))));
    }

    [Fact]
    public void Sound_batches_are_found_where_even_the_length_of_a_bad_one_is_lost()
    {
        using StorageRig first = new();
        Fill(first, 8);
        first.Kill();
        string file = Logs(first)[0];
        byte[] bytes = File.ReadAllBytes(file);
        int bad = Batches.Split(bytes)[0].Length;
        bytes.AsSpan(bad, 100).Clear();
        File.WriteAllBytes(file, bytes);
        using StorageRig second = new(first.DirectoryPath);
        Assert.Equal(2, second.Open(s_small).LogEndOffset);
        Assert.Equal(bytes[bad..], File.ReadAllBytes(Dropped(first, 2)));
    }

    [Fact]
    public void A_torn_end_leaves_no_side_file()
    {
        using StorageRig first = new();
        Fill(first, 9);
        first.Kill();
        string file = Logs(first)[^1];
        byte[] bytes = File.ReadAllBytes(file);
        File.WriteAllBytes(file, bytes[..^30]);
        using StorageRig second = new(first.DirectoryPath);
        Assert.Equal(16, second.Open(s_small).LogEndOffset);
        Assert.Empty(Directory.GetFiles(first.PartitionPath, "*.dropped*"));
    }

    [Theory]
    [InlineData("short")]
    [InlineData("zeros")]
    [InlineData("foreign")]
    public void A_damaged_transaction_index_of_a_segment_that_is_not_scanned_is_rebuilt(string damage)
    {
        using StorageRig first = new();
        PartitionLog log = first.Open(s_small);
        short sequence = 0;
        for (int i = 0; i < 12; i++)
        {
            // The transaction of producer 5 begins in one segment and is aborted in a later one.
            first.MustAppend(log, Batches.Idempotent(5, 0, sequence++, 1, transactional: true));
            first.MustAppend(log, Batches.Plain(1, 900, first.Io.Wall));
            first.MustAppend(log, Batches.Idempotent(6, 0, i, 1, transactional: true));
            first.MustAppend(log, Batches.Marker(6, 0, commit: i % 2 == 0), AppendOrigin.Coordinator);
            if (i % 4 == 3)
            {
                first.MustAppend(log, Batches.Marker(5, 0, commit: false), AppendOrigin.Coordinator);
            }
        }
        List<AbortedTransaction> expected = Aborted(log);
        Assert.Equal(9, expected.Count);
        first.StopClean();
        string[] indexes = [.. Directory.GetFiles(first.PartitionPath, "*.txnindex").Order()];
        byte[][] contents = [.. indexes.Select(File.ReadAllBytes)];
        Assert.True(indexes.Length > 2);
        File.WriteAllBytes(
            indexes[1],
            damage switch
            {
                "short" => contents[1][..^1],
                "zeros" => new byte[contents[1].Length],
                _ => contents[0],
            }
        );
        using StorageRig second = new(first.DirectoryPath);
        log = second.Open(s_small);
        Assert.Equal(expected, Aborted(log));
        Assert.Equal(contents, indexes.Select(File.ReadAllBytes));
    }

    private static List<AbortedTransaction> Aborted(PartitionLog log)
    {
        List<AbortedTransaction> aborted = [];
        log.GetAbortedTransactions(0, log.LogEndOffset, aborted);
        return aborted;
    }

    private static void Fill(StorageRig rig, int batches)
    {
        PartitionLog log = rig.Open(s_small);
        for (int i = 0; i < batches; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, 200, rig.Io.Wall + i, seed: i));
        }
    }

    private static string[] Logs(StorageRig rig) => [.. Directory.GetFiles(rig.PartitionPath, "*.log").Order()];

    private static long BaseOf(string file) => long.Parse(Path.GetFileNameWithoutExtension(file));

    private static string Dropped(StorageRig rig, long offset) =>
        Path.Combine(rig.PartitionPath, offset.ToString("D20") + ".log.dropped");
}
