using System.Text;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Compaction;
using Aot.Broker.Storage.Files;

namespace Aot.Broker.Storage.Tests;

public sealed class CompactionTests
{
    private static readonly LogConfig s_compact = new()
    {
        CleanupPolicy = CleanupPolicies.Compact,
        SegmentBytes = 2000,
        IndexIntervalBytes = 200,
        MinCleanableDirtyRatio = 0.01,
    };

    [Fact]
    public void The_newest_value_of_each_key_stays_at_its_offset()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_compact);
        for (int i = 0; i < 100; i++)
        {
            rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ($"k{i % 7}", $"v{i}"), ($"k{i % 5}", $"w{i}")));
        }
        long size = log.SizeInBytes;
        long dirtyEnd = log.ActiveSegmentBaseOffset;
        Compact(rig);
        Assert.True(log.SizeInBytes < size / 3);
        Assert.Equal((0L, 200L), (log.LogStartOffset, log.LogEndOffset));
        List<KeyedRecord> records = KeyedRecord.ReadAll(rig, log);
        Assert.Equal(7, records.Count(r => r.Offset < dirtyEnd));
        Assert.Equal(200 - dirtyEnd, records.Count(r => r.Offset >= dirtyEnd));
        Assert.All(records, r => Assert.Equal(ValueAt(r.Offset), r.Value));
        Assert.Equal(dirtyEnd, log.Cleaning.FirstDirtyOffset);
        Assert.Equal(1, rig.Directories.Cleaners.Statistics.Passes);
        rig.StopClean();
        Assert.Contains($"events 0 {dirtyEnd}\n", File.ReadAllText(CheckpointFile(rig)));
        using StorageRig again = new(rig.DirectoryPath);
        Assert.Equal(records, KeyedRecord.ReadAll(again, again.Open(s_compact)));
        Assert.Empty(Directory.GetFiles(rig.PartitionPath, "*.deleted"));

        static string ValueAt(long offset) => offset % 2 == 0 ? $"v{offset / 2}" : $"w{offset / 2}";
    }

    [Fact]
    public void Segments_that_became_small_are_put_together()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_compact);
        for (int i = 0; i < 200; i++)
        {
            rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ($"k{i % 7}", $"v{i}")));
            if (i % 50 == 49)
            {
                Compact(rig);
            }
        }
        Assert.InRange(log.SegmentCount, 2, 5);
        List<KeyedRecord> records = KeyedRecord.ReadAll(rig, log);
        Assert.Equal(7, records.DistinctBy(r => r.Key).Count());
        Assert.Equal(records, records.OrderBy(r => r.Offset));
        rig.Kill();
        using StorageRig again = new(rig.DirectoryPath);
        Assert.Equal(records, KeyedRecord.ReadAll(again, again.Open(s_compact)));
    }

    [Fact]
    public void A_tombstone_stays_until_its_time_is_over_and_then_goes()
    {
        using StorageRig rig = new();
        LogConfig config = s_compact with { DeleteRetentionMs = 3_600_000 };
        PartitionLog log = rig.Open(config);
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", "1"), ("b", "1")));
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", null), ("c", "1")));
        Fill(rig, log);
        Compact(rig);
        KeyedRecord tombstone = new(2, "a", null, rig.Io.Wall - 15_001);
        Assert.Equal([new(1, "b", "1", tombstone.Timestamp), tombstone], KeyedRecord.ReadAll(rig, log)[..2]);
        Fill(rig, log);
        rig.Advance(3_500_000);
        Assert.Equal(tombstone, KeyedRecord.ReadAll(rig, log)[1]);
        Fill(rig, log);
        rig.Advance(200_000);
        Assert.Equal(["b", "c"], KeyedRecord.ReadAll(rig, log)[..2].Select(r => r.Key));
        rig.StopClean();
    }

    [Fact]
    public void A_reader_that_holds_a_replaced_segment_finishes_with_it()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_compact);
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", "old")));
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", "new")));
        Fill(rig, log);
        log.Read(0, 1 << 20, ReadIsolation.HighWatermark, true, out LogSlice slice);
        Compact(rig);
        rig.Advance(120_000);
        Assert.Empty(Directory.GetFiles(rig.PartitionPath, "*.deleted"));
        byte[] bytes = new byte[slice.Length];
        Assert.Equal(slice.Length, rig.Disk.Read(slice.File, bytes, slice.Position));
        Assert.Equal(0, Batches.View(Batches.Split(bytes)[0]).BaseOffset);
        slice.Lease.Release();
        Assert.Equal(new KeyedRecord(1, "a", "new", 1_700_000_000_000), KeyedRecord.ReadAll(rig, log)[0]);
        rig.Advance(60_000);
        Assert.All(rig.Disk.OpenPaths, path => Assert.DoesNotContain(".cleaned", path));
    }

    [Fact]
    public void Young_records_and_undecided_transactions_are_left_alone()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_compact with { MinCompactionLagMs = 600_000 });
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", "1")));
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", "2")));
        Fill(rig, log);
        Compact(rig);
        Assert.Equal(0, rig.Directories.Cleaners.Statistics.Passes);
        rig.Advance(700_000);
        Assert.Equal(1, KeyedRecord.ReadAll(rig, log)[0].Offset);
        long open = log.LogEndOffset;
        RecordBatchOptions transactional = new()
        {
            ProducerId = 5,
            ProducerEpoch = 0,
            BaseSequence = 0,
            IsTransactional = true,
        };
        rig.MustAppend(log, KeyedBatch.Of(transactional, rig.Io.Wall, ("a", "3")));
        Fill(rig, log);
        rig.Advance(700_000);
        Assert.Equal("2", KeyedRecord.ReadAll(rig, log)[0].Value);
        Assert.Equal(open, log.Cleaning.FirstDirtyOffset);
        rig.MustAppend(log, Batches.Marker(5, 0, commit: true), AppendOrigin.Coordinator);
        Fill(rig, log);
        rig.Advance(700_000);
        Assert.DoesNotContain(KeyedRecord.ReadAll(rig, log), r => r.Value == "2");
    }

    [Fact]
    public void A_policy_that_changes_takes_effect_at_once()
    {
        using StorageRig rig = new();
        LogConfig delete = s_compact with { CleanupPolicy = CleanupPolicies.Delete };
        PartitionLog log = rig.Open(delete);
        Fill(rig, log);
        Compact(rig);
        Assert.Equal(0, rig.Directories.Cleaners.Statistics.Passes);
        rig.On(() => log.Configure(s_compact));
        Compact(rig);
        Assert.Equal(1, rig.Directories.Cleaners.Statistics.Passes);
        int left = KeyedRecord.ReadAll(rig, log).Count;
        rig.On(() => log.Configure(delete with { RetentionMs = 1_000 }));
        rig.Advance(16_000);
        Assert.Equal(log.LogEndOffset, log.LogStartOffset);
        rig.On(() =>
            log.Configure(s_compact with { CleanupPolicy = CleanupPolicies.Compact | CleanupPolicies.Delete })
        );
        Fill(rig, log);
        Compact(rig);
        Assert.Equal(2, rig.Directories.Cleaners.Statistics.Passes);
        Assert.InRange(KeyedRecord.ReadAll(rig, log).Count, 1, left);
        rig.StopClean();
        using StorageRig again = new(rig.DirectoryPath);
        Assert.Equal(log.LogEndOffset, again.Open(delete).LogEndOffset);
    }

    [Fact]
    public void A_damaged_batch_makes_its_log_uncleanable_and_no_other()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_compact);
        PartitionLog other = rig.Open(s_compact, new TopicPartition("events", 1));
        Fill(rig, log);
        Fill(rig, other);
        using (FileStream file = File.OpenWrite(Path.Combine(rig.PartitionPath, $"{0:D20}.log")))
        {
            file.Position = 70;
            file.WriteByte(0xff);
        }
        Compact(rig);
        Assert.True(log.Cleaning.IsUncleanable);
        Assert.Equal(1, rig.Directories.Cleaners.Statistics.Passes);
        Assert.Equal(1, rig.Directories.Cleaners.Statistics.UncleanablePartitions);
        Assert.Empty(Directory.GetFiles(rig.PartitionPath, "*.cleaned"));
        rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("a", "1")));
        rig.StopClean();
    }

    [Fact]
    public void Keys_that_do_not_fit_into_the_map_are_cleaned_by_the_next_pass()
    {
        using StorageRig rig = new();
        rig.Directories.Cleaners.Configure(
            new CleanerOptions { DedupeBufferBytes = 50 * OffsetMap.SlotBytes, LoadFactor = 0.5 }
        );
        PartitionLog log = rig.Open(s_compact);
        for (int i = 0; i < 400; i++)
        {
            rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ($"k{i % 100}", $"{i}")));
        }
        Compact(rig);
        Assert.True(rig.Directories.Cleaners.Statistics.Passes > 5);
        List<KeyedRecord> records = KeyedRecord.ReadAll(rig, log);
        Assert.Equal(100, records.Count(r => r.Offset < log.ActiveSegmentBaseOffset));
        Assert.Equal(100, records.DistinctBy(r => r.Key).Count());
    }

    [Fact]
    public void The_rate_limit_stretches_a_pass_and_a_stop_does_not_wait_for_its_end()
    {
        using StorageRig rig = new();
        rig.Directories.Cleaners.Configure(new CleanerOptions { IoBytesPerSecondMax = 100 });
        PartitionLog log = rig.Open(s_compact);
        Fill(rig, log);
        Compact(rig);
        Assert.True(log.Cleaning.IsUnderWay);
        rig.StopClean();
        Assert.Empty(Directory.GetFiles(rig.PartitionPath, "*.cleaned"));
        Assert.Equal(0, rig.Directories.Cleaners.Statistics.Passes);
    }

    [Fact]
    public void An_overdue_record_is_compacted_whatever_the_ratio()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_compact with { MinCleanableDirtyRatio = 1, MaxCompactionLagMs = 100_000 });
        Fill(rig, log);
        Compact(rig);
        Assert.Equal(0, rig.Directories.Cleaners.Statistics.Passes);
        rig.Advance(100_000);
        Assert.Equal(1, rig.Directories.Cleaners.Statistics.Passes);
    }

    [Fact]
    public void An_overdue_record_of_an_earlier_process_is_compacted_too()
    {
        LogConfig config = s_compact with { MinCleanableDirtyRatio = 1, MaxCompactionLagMs = 100_000 };
        using StorageRig first = new();
        Fill(first, first.Open(config));
        first.StopClean();
        using StorageRig rig = new(first.DirectoryPath);
        rig.Open(config);
        Compact(rig);
        Assert.Equal(0, rig.Directories.Cleaners.Statistics.Passes);
        rig.Advance(100_000);
        Assert.Equal(1, rig.Directories.Cleaners.Statistics.Passes);
    }

    [Fact]
    public void A_compacted_segment_is_as_old_as_the_newest_that_it_was_made_of()
    {
        using StorageRig first = new();
        PartitionLog log = first.Open(s_compact);
        for (int i = 0; i < 60; i++)
        {
            first.MustAppend(log, KeyedBatch.Of(-1, ("filling", $"{i}")));
        }
        long written = log.Segments[log.SegmentCount - 2].ModifiedMillis;
        Compact(first);
        string path = log.Segments[0].PathOf(LogFileNames.LogSuffix);
        Assert.Equal(written, first.Disk.ModifiedMillisOf(path));
        first.StopClean();
        using StorageRig again = new(first.DirectoryPath);
        Assert.Equal(written, again.Open(s_compact).Segments[0].RetentionTimestamp);
    }

    /// <summary>Enough records of one key that everything before them is in sealed segments.</summary>
    private static void Fill(StorageRig rig, PartitionLog log)
    {
        for (int i = 0; i < 60; i++)
        {
            rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ("filling", $"{i}")));
        }
    }

    internal static string CheckpointFile(StorageRig rig) =>
        Path.Combine(rig.DirectoryPath, "cleaner-offset-checkpoint");

    internal static void Compact(StorageRig rig) => rig.Advance(15_001);
}
