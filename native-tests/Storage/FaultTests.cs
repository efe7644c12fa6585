using Aot.Broker.Linux;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

public sealed class FaultTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(100)]
    public void A_full_disk_refuses_the_records_and_heals(int partlyWritten)
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Idempotent(5, 0, 0));
        rig.MustAppend(log, Batches.Idempotent(6, 0, 0, transactional: true));
        rig.Disk.WriteError = Errno.ENOSPC;
        rig.Disk.WrittenBeforeError = partlyWritten;
        List<string> order = [];
        rig.On(() =>
        {
            foreach (
                byte[] batch in (byte[][])
                    [
                        Batches.Idempotent(5, 0, 1),
                        Batches.Idempotent(5, 0, 2),
                        Batches.Idempotent(7, 3, 0, transactional: true),
                    ]
            )
            {
                AppendResult result = log.AppendCopy(batch, AppendOrigin.Client, rig.Io.Wall);
                Assert.True(result.IsOk);
                log.WhenWritten(result.LastOffset, new AppendReadTests.Answer("written", order), 0);
            }
        });
        Assert.Equal(Enumerable.Repeat("written KafkaStorageError", 3), order);
        Assert.Equal((2L, 2L, LogStatus.Open), (log.LogEndOffset, log.NextOffset, log.Status));
        Assert.Equal(2, rig.ReadAll(log, 0).Count);
        Assert.Equal(1, log.LastStableOffset);
        Assert.Equal(2, log.DescribeProducers().Count);
        Assert.Equal(rig.ReadAll(log, 0).Sum(b => b.Length), new FileInfo(LogFile(rig)).Length);
        rig.Disk.WriteError = Errno.None;
        Assert.Equal(2, rig.MustAppend(log, Batches.Idempotent(5, 0, 1)).BaseOffset);
        Assert.Equal(3, rig.MustAppend(log, Batches.Idempotent(5, 0, 2)).BaseOffset);
        Assert.Equal(0, rig.Core.Buffers.RentedCount);
    }

    [Fact]
    public void An_error_that_may_not_heal_takes_the_log_offline_and_reads_go_on()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Plain());
        rig.Disk.WriteError = Errno.EIO;
        rig.Append(log, Batches.Plain());
        Assert.Equal(LogStatus.Offline, log.Status);
        rig.Disk.WriteError = Errno.None;
        Assert.Equal(ErrorCode.KafkaStorageError, rig.Append(log, Batches.Plain()).Error);
        Assert.Single(rig.ReadAll(log, 0));
        rig.StopClean();
        Assert.False(File.Exists(Path.Combine(rig.DirectoryPath, ".kafka_cleanshutdown")));
        // What was never synced is looked at by the next start.
        Assert.Equal(
            "0\n1\nevents 0 0\n",
            File.ReadAllText(Path.Combine(rig.DirectoryPath, "recovery-point-offset-checkpoint"))
        );
    }

    [Fact]
    public void A_roll_that_fails_refuses_the_batch()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000 });
        while (log.SizeInBytes < 800)
        {
            rig.MustAppend(log, Batches.Plain(1, 100));
        }
        long end = log.LogEndOffset;
        rig.Disk.OpenError = Errno.EMFILE;
        Assert.Equal(ErrorCode.KafkaStorageError, rig.Append(log, Batches.Plain(1, 200)).Error);
        rig.Disk.OpenError = Errno.None;
        Assert.Equal(end, rig.MustAppend(log, Batches.Plain(1, 200)).BaseOffset);
        Assert.Equal(2, log.SegmentCount);
    }

    [Fact]
    public void A_read_error_is_a_storage_error()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000 });
        for (int i = 0; i < 10; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 100));
        }
        rig.Disk.ReadError = Errno.EIO;
        Assert.Equal(ErrorCode.KafkaStorageError, log.Read(0, 100, ReadIsolation.LogEnd, true, out LogSlice slice));
        Assert.True(slice.IsEmpty && !slice.Lease.IsHeld);
    }

    [Fact]
    public void A_failed_sync_is_final()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { FlushMessages = 1 });
        rig.MustAppend(log, Batches.Plain());
        Assert.Empty(rig.SyncFailures);
        rig.Disk.SyncError = Errno.EIO;
        List<string> order = [];
        rig.On(() =>
            log.WhenWritten(
                log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall).LastOffset,
                new AppendReadTests.Answer("written", order),
                0
            )
        );
        Assert.Equal(Errno.EIO, rig.SyncFailures[0].Item2);
        Assert.Empty(order);
        Assert.Equal(1, log.HighWatermark);
    }

    [Fact]
    public void Two_openings_at_once_give_one_log()
    {
        using StorageRig rig = new();
        rig.Do(async _ =>
        {
            Task<(ErrorCode, PartitionLog? Log)> first = rig
                .Set.OpenAsync(StorageRig.Name, StorageRig.TopicId, new())
                .AsTask();
            Task<(ErrorCode, PartitionLog? Log)> second = rig
                .Set.OpenAsync(StorageRig.Name, StorageRig.TopicId, new())
                .AsTask();
            Assert.NotNull((await first).Log);
            Assert.Same((await first).Log, (await second).Log);
        });
    }

    private static string LogFile(StorageRig rig) => Path.Combine(rig.PartitionPath, "00000000000000000000.log");
}

public sealed class FlushTests
{
    [Fact]
    public void With_flush_messages_of_one_an_answer_waits_for_a_sync_that_many_share()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { FlushMessages = 1 });
        rig.Io.HoldSyncs = true;
        List<string> order = [];
        AppendReadTests.Answer answer = new("written", order);
        for (int i = 0; i < 5; i++)
        {
            rig.On(() =>
            {
                AppendResult result = log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall);
                log.WhenWritten(result.LastOffset, answer, i);
                log.WhenCommitted(result.LastOffset, answer, i);
            });
        }
        Assert.Equal((5L, 0L, 1), (log.LogEndOffset, log.HighWatermark, rig.Io.PendingSyncs));
        Assert.Empty(order);
        int syncs = rig.Disk.Syncs;
        rig.Io.HoldSyncs = false;
        rig.Pump();
        Assert.Equal((5L, 5L), (log.HighWatermark, log.RecoveryPoint));
        Assert.Equal(10, order.Count);
        Assert.Equal(2, rig.Disk.Syncs - syncs);
    }

    [Fact]
    public void A_new_segment_is_only_acknowledged_when_its_directory_entry_is_synced()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { FlushMessages = 1, SegmentBytes = 500 });
        while (log.SegmentCount == 1)
        {
            rig.Disk.SyncedDirectories.Clear();
            rig.MustAppend(log, Batches.Plain(1, 100));
        }
        Assert.Contains(rig.PartitionPath, rig.Disk.SyncedDirectories);
        Assert.Equal(log.LogEndOffset, log.HighWatermark);
        Assert.Equal(log.LogEndOffset, log.RecoveryPoint);
    }

    [Fact]
    public void Fewer_than_flush_messages_may_be_unsynced()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { FlushMessages = 10 });
        rig.Io.HoldSyncs = true;
        rig.MustAppend(log, Batches.Plain(9));
        Assert.Equal((9L, 0), (log.HighWatermark, rig.Io.PendingSyncs));
        rig.MustAppend(log, Batches.Plain(1));
        Assert.Equal((9L, 1), (log.HighWatermark, rig.Io.PendingSyncs));
        rig.Io.HoldSyncs = false;
        rig.Pump();
        Assert.Equal(10, log.HighWatermark);
    }

    [Fact]
    public void Flush_ms_syncs_after_its_time()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { FlushMs = 500 });
        rig.MustAppend(log, Batches.Plain(3));
        Assert.Equal((3L, 0L), (log.HighWatermark, log.RecoveryPoint));
        rig.Advance(499);
        Assert.Equal(0, log.RecoveryPoint);
        rig.Advance(2);
        Assert.Equal(3, log.RecoveryPoint);
    }

    [Fact]
    public void Flush_and_close_leave_all_on_the_disk()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 500 });
        for (int i = 0; i < 10; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 100));
        }
        Assert.Equal(ErrorCode.None, rig.Do(async _ => await log.FlushAsync()));
        Assert.Equal(log.LogEndOffset, log.RecoveryPoint);
        Assert.Equal(ErrorCode.None, rig.Do(async _ => await log.WhenCommittedAsync(9)));
    }
}
