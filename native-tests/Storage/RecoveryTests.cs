using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

public sealed class RecoveryTests
{
    private static readonly LogConfig s_small = new() { SegmentBytes = 3000, IndexIntervalBytes = 200 };

    [Fact]
    public void A_clean_stop_leaves_what_Kafka_leaves_and_nothing_is_scanned()
    {
        using StorageRig first = new();
        PartitionLog log = Fill(first, 40);
        first.StopClean();
        string[] files = [.. Directory.GetFiles(first.PartitionPath).Select(f => Path.GetFileName(f)).Order()];
        Assert.Contains("partition.metadata", files);
        Assert.Contains("leader-epoch-checkpoint", files);
        Assert.Contains("00000000000000000080.snapshot", files);
        Assert.DoesNotContain(files, f => f.EndsWith(".prepared", StringComparison.Ordinal));
        foreach (string segment in files.Where(f => f.EndsWith(".log", StringComparison.Ordinal)))
        {
            string stem = Path.Combine(first.PartitionPath, Path.GetFileNameWithoutExtension(segment));
            Assert.Equal(0, new FileInfo(stem + ".index").Length % 8);
            long times = new FileInfo(stem + ".timeindex").Length;
            Assert.True(times > 0 && times % 12 == 0, segment);
        }
        Assert.Equal("0\n1\nevents 0 80\n", Read(first, "recovery-point-offset-checkpoint"));
        Assert.Equal("0\n1\nevents 0 80\n", Read(first, "replication-offset-checkpoint"));
        Assert.Equal("0\n0\n", Read(first, "log-start-offset-checkpoint"));
        Assert.Equal("{\"version\":0,\"brokerEpoch\":12}", Read(first, ".kafka_cleanshutdown"));
        using StorageRig second = new(first.DirectoryPath);
        Assert.True(second.Directories.All[0].HadCleanShutdown);
        Assert.Equal(12, second.Directories.All[0].PreviousBrokerEpoch);
        Assert.False(File.Exists(Path.Combine(first.DirectoryPath, ".kafka_cleanshutdown")));
        log = second.Open(s_small);
        Assert.Equal(0, second.Directories.Progress.ScannedBytes);
        Assert.Equal((80L, 80L), (log.LogEndOffset, log.HighWatermark));
        Assert.Equal(40, second.ReadAll(log, 0).Count);
        second.MustAppend(log, Batches.Plain());
        Assert.Equal(41, second.ReadAll(log, 0).Count);
    }

    [Fact]
    public void A_second_clean_stop_without_a_change_writes_nothing_to_the_partition()
    {
        using StorageRig first = new();
        Fill(first, 10);
        first.StopClean();
        Dictionary<string, DateTime> before = Times(first);
        using StorageRig second = new(first.DirectoryPath);
        second.TryOpen(s_small);
        second.StopClean();
        Assert.Equal(before, Times(first));
    }

    [Fact]
    public void After_a_kill_only_segments_past_the_recovery_point_are_scanned()
    {
        using StorageRig first = new();
        PartitionLog log = Fill(first, 40);
        first.Advance(61_000);
        first.Advance(5_000);
        Assert.Equal(log.ActiveSegmentBaseOffset, log.RecoveryPoint);
        first.MustAppend(log, Batches.Plain());
        first.Kill();
        using StorageRig second = new(first.DirectoryPath);
        log = second.Open(s_small);
        Assert.Equal(1, second.Directories.Progress.RecoveredSegments);
        Assert.InRange(second.Directories.Progress.ScannedBytes, 1, s_small.SegmentBytes);
        Assert.Equal(81, log.LogEndOffset);
        Assert.Equal(41, second.ReadAll(log, 0).Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(60)]
    [InlineData(200)]
    public void A_torn_tail_is_cut_at_the_last_sound_batch(int cut)
    {
        using StorageRig first = new();
        Fill(first, 10);
        first.Kill();
        string active = Directory.GetFiles(first.PartitionPath, "*.log").Order().Last();
        using (FileStream file = new(active, FileMode.Open))
        {
            file.SetLength(file.Length - cut);
        }
        using StorageRig second = new(first.DirectoryPath);
        PartitionLog log = second.Open(s_small);
        Assert.Equal(18, log.LogEndOffset);
        Assert.Equal(9, second.ReadAll(log, 0).Count);
        Assert.Equal(Batches.Plain(2, 200).Length - cut, second.Directories.Progress.TruncatedBytes);
        Assert.Equal(18, second.MustAppend(log, Batches.Plain()).BaseOffset);
    }

    [Fact]
    public void Garbage_and_zeros_after_the_end_are_cut()
    {
        using StorageRig first = new();
        Fill(first, 10);
        first.Kill();
        string active = Directory.GetFiles(first.PartitionPath, "*.log").Order().Last();
        File.AppendAllBytes(active, new byte[5000]);
        using StorageRig second = new(first.DirectoryPath);
        PartitionLog log = second.Open(s_small);
        Assert.Equal(20, log.LogEndOffset);
        Assert.Equal(5000, second.Directories.Progress.TruncatedBytes);
        Assert.Equal(10, second.ReadAll(log, 0).Count);
    }

    [Fact]
    public void A_bad_checksum_ends_the_log_there_and_later_segments_go()
    {
        using StorageRig first = new();
        Fill(first, 40);
        first.Kill();
        string second = Directory.GetFiles(first.PartitionPath, "*.log").Order().ElementAt(1);
        byte[] bytes = File.ReadAllBytes(second);
        bytes[100] ^= 4;
        File.WriteAllBytes(second, bytes);
        long baseOffset = long.Parse(Path.GetFileNameWithoutExtension(second));
        using StorageRig rig = new(first.DirectoryPath);
        PartitionLog log = rig.Open(s_small);
        Assert.Equal(baseOffset, log.LogEndOffset);
        Assert.Equal(2, Directory.GetFiles(first.PartitionPath, "*.log").Length);
        Assert.Equal(baseOffset / 2, rig.ReadAll(log, 0).Count);
        Assert.All(
            Directory.GetFiles(first.PartitionPath, "*.snapshot"),
            f => Assert.True(long.Parse(Path.GetFileNameWithoutExtension(f)) <= baseOffset)
        );
    }

    [Theory]
    [InlineData(".index")]
    [InlineData(".timeindex")]
    public void Missing_and_wrong_indexes_are_rebuilt(string suffix)
    {
        using StorageRig first = new();
        Fill(first, 40);
        first.StopClean();
        string[] indexes = [.. Directory.GetFiles(first.PartitionPath, "*" + suffix).Order()];
        byte[][] contents = [.. indexes.Select(File.ReadAllBytes)];
        File.Delete(indexes[0]);
        File.WriteAllBytes(indexes[1], new byte[24]);
        File.WriteAllBytes(indexes[2], contents[2][..^3]);
        using StorageRig second = new(first.DirectoryPath);
        PartitionLog log = second.Open(s_small);
        Assert.Equal(contents, indexes.Select(File.ReadAllBytes));
        Assert.Equal(40, second.ReadAll(log, 0).Count);
    }

    [Fact]
    public void A_gap_between_segments_is_kept_unless_the_one_before_it_may_have_lost_its_end()
    {
        using StorageRig rig = new();
        Fill(rig, 40);
        rig.Kill();
        string[] logs = [.. Directory.GetFiles(rig.PartitionPath, "*.log").Order()];
        string gone = Path.GetFileNameWithoutExtension(logs[1]);
        foreach (string file in Directory.GetFiles(rig.PartitionPath, gone + "*"))
        {
            File.Delete(file);
        }
        using (StorageRig after = new(rig.DirectoryPath))
        {
            Assert.Equal(80, after.Open(s_small).LogEndOffset);
            after.Kill();
        }
        foreach (string file in Directory.GetFiles(rig.PartitionPath, "*.snapshot"))
        {
            File.Delete(file);
        }
        using StorageRig last = new(rig.DirectoryPath);
        Assert.Equal(long.Parse(gone), last.Open(s_small).LogEndOffset);
    }

    [Fact]
    public void Leftovers_are_finished_or_taken_back()
    {
        using StorageRig first = new();
        Fill(first, 40);
        first.StopClean();
        string[] logs = [.. Directory.GetFiles(first.PartitionPath, "*.log").Order()];
        Assert.True(logs.Length >= 4);
        string Stem(int i) => logs[i][..^4];
        // A finished compaction of the first two segments, whose files were being swapped in.
        File.WriteAllBytes(Stem(0) + ".log.swap", [.. File.ReadAllBytes(logs[0]), .. File.ReadAllBytes(logs[1])]);
        File.Move(Stem(0) + ".index", Stem(0) + ".index.deleted");
        File.WriteAllBytes(Stem(3) + ".log.cleaned", [1, 2, 3]);
        File.WriteAllBytes(Stem(3) + ".log.swap", [1, 2, 3]);
        File.WriteAllBytes(Path.Combine(first.PartitionPath, "00000000000000099999.index"), new byte[8]);
        File.WriteAllBytes(Path.Combine(first.PartitionPath, "next-segment.prepared"), []);
        using StorageRig second = new(first.DirectoryPath);
        PartitionLog log = second.Open(s_small);
        Assert.Equal(logs.Length - 1, log.SegmentCount);
        Assert.Equal(40, second.ReadAll(log, 0).Count);
        Assert.Equal(80, log.LogEndOffset);
        Assert.DoesNotContain(
            Directory.GetFiles(first.PartitionPath),
            f =>
                f.EndsWith(".swap", StringComparison.Ordinal)
                || f.EndsWith(".cleaned", StringComparison.Ordinal)
                || f.EndsWith(".deleted", StringComparison.Ordinal)
                || f.EndsWith(".prepared", StringComparison.Ordinal)
                || f.Contains("99999")
        );
    }

    [Fact]
    public void Epochs_come_from_the_checkpoint_or_the_batches()
    {
        using StorageRig first = new();
        PartitionLog log = first.Open(s_small, epoch: 1);
        first.MustAppend(log, Batches.Plain(3));
        first.On(() => log.BecomeLeader(4));
        first.MustAppend(log, Batches.Plain(2));
        Assert.Equal((1, 3L), log.EndOffsetForEpoch(2));
        first.Advance(6_000);
        Assert.Equal(
            "0\n2\n1 0\n4 3\n",
            File.ReadAllText(Path.Combine(first.PartitionPath, "leader-epoch-checkpoint"))
        );
        first.Kill();
        File.Delete(Path.Combine(first.PartitionPath, "leader-epoch-checkpoint"));
        using StorageRig second = new(first.DirectoryPath);
        log = second.TryOpen(s_small).Log!;
        Assert.Equal((1, 3L), log.EndOffsetForEpoch(2));
        Assert.Equal((4, 5L), log.EndOffsetForEpoch(4));
        Assert.Equal(4, log.LeaderEpoch);
    }

    [Fact]
    public void The_log_start_survives_and_a_log_that_ends_before_it_begins_anew()
    {
        using StorageRig first = new();
        PartitionLog log = Fill(first, 10);
        first.On(() => Assert.Equal(ErrorCode.None, log.DeleteRecordsBefore(15)));
        first.Advance(6_000);
        Assert.Equal("0\n1\nevents 0 15\n", Read(first, "log-start-offset-checkpoint"));
        first.Kill();
        using (StorageRig second = new(first.DirectoryPath))
        {
            log = second.Open(s_small);
            Assert.Equal(15, log.LogStartOffset);
            Assert.Equal(ErrorCode.OffsetOutOfRange, log.Read(14, 100, ReadIsolation.LogEnd, true, out _));
            second.Kill();
        }
        foreach (string segment in Directory.GetFiles(first.PartitionPath, "*.log"))
        {
            File.WriteAllBytes(segment, []);
        }
        using StorageRig third = new(first.DirectoryPath);
        log = third.Open(s_small);
        Assert.Equal((15L, 15L), (log.LogStartOffset, log.LogEndOffset));
        Assert.Equal(15, third.MustAppend(log, Batches.Plain()).BaseOffset);
    }

    [Fact]
    public void Another_topics_directory_is_not_opened_and_can_be_put_aside()
    {
        using StorageRig rig = new();
        rig.Open();
        rig.StopClean();
        using StorageRig second = new(rig.DirectoryPath);
        (ErrorCode error, PartitionLog? log) = second.Do(_ =>
            second.Set.OpenAsync(StorageRig.Name, new Base.KafkaUuid(1, 1), s_small)
        );
        Assert.Equal((ErrorCode.InconsistentTopicId, null), (error, log));
        Assert.Equal(ErrorCode.None, second.Do(_ => second.Set.MarkStrayAsync(StorageRig.Name)));
        Assert.Single(Directory.GetDirectories(rig.DirectoryPath, "events-0.*-stray"));
        (error, log) = second.Do(_ => second.Set.OpenAsync(StorageRig.Name, new Base.KafkaUuid(1, 1), s_small));
        Assert.Equal((ErrorCode.None, 0L), (error, log!.LogEndOffset));
    }

    /// <summary>A second set stands for the logs of another core, which hears of the deletion later.</summary>
    [Fact]
    public void A_topic_made_again_on_another_core_waits_for_the_directory_of_the_deleted_one()
    {
        using StorageRig rig = new();
        PartitionLog old = Fill(rig, 5);
        LogSet otherCore = new(rig.Core, rig.Directories);
        KafkaUuid again = new(7, 7);
        Task<(ErrorCode Error, PartitionLog? Log)> opening = rig.Core.RunFromThreadAsync(_ =>
            otherCore.OpenAsync(old.Name, again, new LogConfig())
        );
        for (int i = 0; i < 20; i++)
        {
            rig.Pump();
        }
        Assert.False(opening.IsCompleted);
        Assert.Equal(ErrorCode.None, rig.Do(_ => rig.Set.DeleteAsync(old)));
        Assert.Equal(
            (ErrorCode.None, 0L),
            rig.Do(async _ => await opening is var (e, log) ? (e, log!.LogEndOffset) : default)
        );
        Assert.True(Directory.Exists(rig.PartitionPath));
        Assert.Empty(Directory.GetDirectories(rig.DirectoryPath, "*-stray"));
        rig.Do(_ => otherCore.CloseAsync(clean: true));
    }

    [Fact]
    public void A_deleted_partition_is_renamed_at_once_and_freed_later()
    {
        using StorageRig rig = new();
        PartitionLog log = Fill(rig, 5);
        List<string> order = [];
        rig.On(() => log.FollowsOwnEnd = false);
        rig.On(() =>
        {
            AppendResult result = log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall);
            log.WhenCommitted(result.LastOffset, new AppendReadTests.Answer("committed", order), 1);
        });
        Assert.Equal(ErrorCode.None, rig.Do(_ => rig.Set.DeleteAsync(log)));
        rig.Pump();
        Assert.Equal(["committed UnknownTopicOrPartition"], order);
        Assert.Null(rig.Set.Find("events", 0));
        Assert.False(Directory.Exists(rig.PartitionPath));
        Assert.Single(Directory.GetDirectories(rig.DirectoryPath, "events-0.*-delete"));
        Assert.Equal(0, rig.Open().LogEndOffset);
        rig.Advance(61_000);
        Assert.Empty(Directory.GetDirectories(rig.DirectoryPath, "events-0.*-delete"));
        Assert.True(Directory.Exists(rig.PartitionPath));
    }

    private static PartitionLog Fill(StorageRig rig, int batches)
    {
        PartitionLog log = rig.Open(s_small);
        for (int i = 0; i < batches; i++)
        {
            byte[] batch =
                i == 0
                    ? Batches.Build(
                        new()
                        {
                            ProducerId = 9,
                            ProducerEpoch = 0,
                            BaseSequence = 0,
                        },
                        2,
                        200,
                        rig.Io.Wall,
                        0
                    )
                    : Batches.Plain(2, 200, rig.Io.Wall + i, seed: i);
            rig.MustAppend(log, batch);
        }
        return log;
    }

    private static string Read(StorageRig rig, string file) =>
        Encoding.UTF8.GetString(File.ReadAllBytes(Path.Combine(rig.DirectoryPath, file)));

    private static Dictionary<string, DateTime> Times(StorageRig rig) =>
        Directory.GetFiles(rig.PartitionPath).ToDictionary(f => f, File.GetLastWriteTimeUtc);
}
