using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

public sealed class RetentionTests
{
    [Fact]
    public void Old_segments_go_by_time_even_the_active_one()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000, RetentionMs = 10_000 });
        long start = rig.Io.Wall;
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 200, start + (i * 1000)));
        }
        int before = log.SegmentCount;
        rig.On(() => Assert.True(log.ApplyRetention(start + 20_000) > 0));
        Assert.InRange(log.LogStartOffset, 5, 9);
        Assert.True(log.SegmentCount < before);
        Assert.Equal(log.LogStartOffset, Batches.View(rig.ReadAll(log, log.LogStartOffset)[0]).BaseOffset);
        rig.On(() => log.ApplyRetention(start + 100_000));
        Assert.Equal((20L, 20L, 1), (log.LogStartOffset, log.LogEndOffset, log.SegmentCount));
        rig.On(() => Assert.Equal(0, log.ApplyRetention(start + 200_000)));
        rig.MustAppend(log, Batches.Plain());
        rig.Advance(61_000);
        Assert.Single(Directory.GetFiles(rig.PartitionPath, "*.log*"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Segments_without_times_are_as_old_as_their_files(bool clean)
    {
        LogConfig config = new() { SegmentBytes = 1000, RetentionMs = 10_000 };
        using StorageRig first = new();
        PartitionLog log = first.Open(config);
        for (int i = 0; i < 20; i++)
        {
            first.MustAppend(log, Batches.Plain(1, 200, timestamp: -1));
        }
        long third = log.Segments[2].BaseOffset;
        string[] old = [log.Segments[0].PathOf(".log"), log.Segments[1].PathOf(".log")];
        if (clean)
        {
            first.StopClean();
        }
        else
        {
            first.Kill();
        }
        long now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        using StorageRig rig = new(first.DirectoryPath);
        rig.Io.Wall = now;
        Array.ForEach(old, path => File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(-1000)));
        log = rig.Open(config);
        rig.On(() => log.ApplyRetention(now));
        Assert.Equal((third, 20L), (log.LogStartOffset, log.LogEndOffset));
        // What is written now is as old as the write.
        rig.Advance(9_000);
        rig.MustAppend(log, Batches.Plain(1, 200, timestamp: -1));
        rig.On(() => log.ApplyRetention(now + 18_000));
        Assert.InRange(log.LogStartOffset, third, 20);
        Assert.Equal(21, log.LogEndOffset);
    }

    [Fact]
    public void Old_segments_go_by_size()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(
            new LogConfig
            {
                SegmentBytes = 1000,
                RetentionBytes = 2500,
                RetentionMs = -1,
            }
        );
        for (int i = 0; i < 40; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 200));
        }
        rig.On(() => log.ApplyRetention(rig.Io.Wall));
        Assert.InRange(log.SizeInBytes, 2500, 3500);
    }

    [Fact]
    public void Nothing_above_the_high_watermark_goes()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000, RetentionMs = 1 });
        log.FollowsOwnEnd = false;
        for (int i = 0; i < 40; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 200));
        }
        rig.On(() => log.AdvanceHighWatermark(7));
        rig.On(() => log.ApplyRetention(rig.Io.Wall + 100_000));
        Assert.InRange(log.LogStartOffset, 1, 7);
    }

    [Fact]
    public void Deleting_records_moves_the_start_and_removes_whole_segments()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000 });
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, 100));
        }
        rig.On(() =>
        {
            Assert.Equal(ErrorCode.OffsetOutOfRange, log.DeleteRecordsBefore(41));
            Assert.Equal(ErrorCode.OffsetOutOfRange, log.DeleteRecordsBefore(-2));
            Assert.Equal(ErrorCode.None, log.DeleteRecordsBefore(17));
            Assert.Equal(ErrorCode.None, log.DeleteRecordsBefore(3));
        });
        Assert.Equal(17, log.LogStartOffset);
        Assert.Equal(16, Batches.View(rig.ReadSome(log, 17, 1, ReadIsolation.LogEnd)[0]).BaseOffset);
        Assert.NotEmpty(Directory.GetFiles(rig.PartitionPath, "*.log.deleted"));
        rig.On(() => Assert.Equal(ErrorCode.None, log.DeleteRecordsBefore(-1)));
        Assert.Equal((40L, 1), (log.LogStartOffset, log.SegmentCount));
        Assert.Empty(rig.ReadAll(log, 40));
        Assert.Equal(40, rig.MustAppend(log, Batches.Plain()).BaseOffset);
    }
}

public sealed class TimestampTests
{
    [Fact]
    public void The_first_record_at_or_after_a_time_is_found_exactly()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 500, IndexIntervalBytes = 100 });
        long t = rig.Io.Wall;
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.WithTimes(t + (i * 10), t + (i * 10) + 7, t + (i * 10) + 3));
        }
        Assert.True(log.SegmentCount > 2);
        for (int probe = -1; probe < 198; probe++)
        {
            TimestampOffset expected = Expected(t, t + probe);
            Assert.Equal(expected, log.OffsetForTimestamp(t + probe));
        }
        Assert.Equal(TimestampOffset.NotFound, log.OffsetForTimestamp(t + 198));
        Assert.Equal(new TimestampOffset(ErrorCode.None, 58, t + 197, 0), log.OffsetOfMaxTimestamp());
        rig.On(() => log.DeleteRecordsBefore(2));
        Assert.Equal(new TimestampOffset(ErrorCode.None, 2, t + 3, 0), log.OffsetForTimestamp(t));
    }

    [Fact]
    public void An_empty_log_has_no_times()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        Assert.Equal(TimestampOffset.NotFound, log.OffsetForTimestamp(0));
        Assert.Equal(TimestampOffset.NotFound, log.OffsetOfMaxTimestamp());
    }

    [Fact]
    public void Times_are_known_after_restarts()
    {
        using StorageRig first = new();
        PartitionLog log = first.Open(new LogConfig { IndexIntervalBytes = 100 });
        long t = first.Io.Wall;
        first.MustAppend(log, Batches.WithTimes(t, t + 50));
        first.MustAppend(log, Batches.WithTimes(t + 20));
        first.StopClean();
        using (StorageRig clean = new(first.DirectoryPath))
        {
            log = clean.Open();
            Assert.Equal(1, log.OffsetOfMaxTimestamp().Offset);
            clean.MustAppend(log, Batches.WithTimes(t + 90));
            clean.Kill();
        }
        using StorageRig unclean = new(first.DirectoryPath);
        log = unclean.Open();
        Assert.Equal(new TimestampOffset(ErrorCode.None, 3, t + 90, 0), log.OffsetOfMaxTimestamp());
        Assert.Equal(1, log.OffsetForTimestamp(t + 1).Offset);
        Assert.Equal(3, log.OffsetForTimestamp(t + 51).Offset);
    }

    private static TimestampOffset Expected(long start, long probe)
    {
        for (int i = 0; i < 20; i++)
        {
            long[] times = [start + (i * 10), start + (i * 10) + 7, start + (i * 10) + 3];
            for (int j = 0; j < 3; j++)
            {
                if (times[j] >= probe)
                {
                    return new TimestampOffset(ErrorCode.None, (i * 3) + j, times[j], 0);
                }
            }
        }
        return TimestampOffset.NotFound;
    }
}
