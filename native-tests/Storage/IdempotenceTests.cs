using Aot.Broker.Linux;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

public sealed class IdempotenceTests
{
    [Fact]
    public void A_repetition_of_one_of_the_last_five_batches_is_answered_with_its_offsets()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        for (int i = 0; i < 6; i++)
        {
            rig.MustAppend(log, Batches.Idempotent(5, 0, i * 3, 3));
        }
        for (int i = 1; i < 6; i++)
        {
            AppendResult again = rig.MustAppend(log, Batches.Idempotent(5, 0, i * 3, 3));
            Assert.True(again.IsDuplicate);
            Assert.Equal((i * 3L, (i * 3L) + 2), (again.BaseOffset, again.LastOffset));
        }
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, rig.Append(log, Batches.Idempotent(5, 0, 0, 3)).Error);
        Assert.Equal(18, log.LogEndOffset);
        Assert.False(rig.MustAppend(log, Batches.Idempotent(5, 0, 18)).IsDuplicate);
    }

    [Fact]
    public void A_gap_is_refused_and_so_is_a_batch_of_other_length()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Idempotent(5, 0, 0, 3));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, rig.Append(log, Batches.Idempotent(5, 0, 4)).Error);
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, rig.Append(log, Batches.Idempotent(5, 0, 0, 2)).Error);
        rig.MustAppend(log, Batches.Idempotent(5, 0, 3));
    }

    [Fact]
    public void An_unknown_producer_may_begin_anywhere_but_a_new_epoch_begins_at_zero()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Idempotent(5, 3, 100));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, rig.Append(log, Batches.Idempotent(5, 4, 101)).Error);
        rig.MustAppend(log, Batches.Idempotent(5, 4, 0));
        Assert.Equal(ErrorCode.InvalidProducerEpoch, rig.Append(log, Batches.Idempotent(5, 3, 101)).Error);
        rig.MustAppend(log, Batches.Idempotent(5, 4, 1));
    }

    [Fact]
    public void Sequences_wrap_to_zero()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Idempotent(5, 0, int.MaxValue - 2, 2));
        rig.MustAppend(log, Batches.Idempotent(5, 0, int.MaxValue, 3));
        AppendResult again = rig.MustAppend(log, Batches.Idempotent(5, 0, int.MaxValue, 3));
        Assert.Equal((true, 2L), (again.IsDuplicate, again.BaseOffset));
        Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, rig.Append(log, Batches.Idempotent(5, 0, 0)).Error);
        rig.MustAppend(log, Batches.Idempotent(5, 0, 2));
        rig.MustAppend(log, Batches.Idempotent(6, 0, int.MaxValue));
        rig.MustAppend(log, Batches.Idempotent(6, 0, 0));
    }

    [Fact]
    public void Batches_of_one_turn_are_checked_against_each_other()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.On(() =>
        {
            Assert.True(Append(0).IsOk);
            Assert.True(Append(1).IsOk);
            Assert.Equal((true, 0L), (Append(0).IsDuplicate, Append(0).BaseOffset));
            Assert.Equal(ErrorCode.OutOfOrderSequenceNumber, Append(3).Error);
        });
        Assert.Equal(2, log.LogEndOffset);
        AppendResult Append(int sequence) =>
            log.AppendCopy(Batches.Idempotent(5, 0, sequence), AppendOrigin.Client, rig.Io.Wall);
    }

    [Fact]
    public void The_newest_batches_survive_restarts_although_a_snapshot_has_one_of_them()
    {
        using StorageRig first = new();
        PartitionLog log = first.Open();
        for (int i = 0; i < 4; i++)
        {
            first.MustAppend(log, Batches.Idempotent(5, 2, i));
        }
        first.StopClean();
        using (StorageRig clean = new(first.DirectoryPath))
        {
            log = clean.Open();
            Assert.Equal(3, Assert.Single(log.DescribeProducers()).LastSequence);
            Assert.True(clean.MustAppend(log, Batches.Idempotent(5, 2, 3)).IsDuplicate);
            AppendResult older = clean.MustAppend(log, Batches.Idempotent(5, 2, 2));
            Assert.Equal((true, 2L), (older.IsDuplicate, older.BaseOffset));
            clean.MustAppend(log, Batches.Idempotent(5, 2, 4));
            clean.Kill();
        }
        using StorageRig unclean = new(first.DirectoryPath);
        log = unclean.Open();
        Assert.Equal(5, log.LogEndOffset);
        AppendResult again = unclean.MustAppend(log, Batches.Idempotent(5, 2, 4));
        Assert.Equal((true, 4L), (again.IsDuplicate, again.BaseOffset));
        again = unclean.MustAppend(log, Batches.Idempotent(5, 2, 1));
        Assert.Equal((true, 1L), (again.IsDuplicate, again.BaseOffset));
        unclean.MustAppend(log, Batches.Idempotent(5, 2, 5));
    }

    /// <summary>
    /// A clean stop speaks for the logs that were open: one that was killed before, and could not be opened since, or was
    /// not before the stop, has no snapshot of its producers, and has to be scanned.
    /// </summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Producers_of_a_killed_log_are_known_after_a_clean_stop_that_came_before_it_was_open(bool wasTried)
    {
        using StorageRig first = new();
        PartitionLog log = first.Open();
        first.MustAppend(log, Batches.Idempotent(5, 2, 0));
        first.Kill();
        using (StorageRig second = new(first.DirectoryPath))
        {
            if (wasTried)
            {
                second.Disk.OpenError = Errno.EMFILE;
                Assert.Equal(ErrorCode.KafkaStorageError, second.TryOpen().Error);
                second.Disk.OpenError = Errno.None;
            }
            second.StopClean();
        }
        using StorageRig third = new(first.DirectoryPath);
        Assert.False(third.Directories.All[0].HadCleanShutdown);
        log = third.Open();
        Assert.True(third.MustAppend(log, Batches.Idempotent(5, 2, 0)).IsDuplicate);
        third.StopClean();
        // All logs are sound now: one that is not opened between two clean stops takes nothing away.
        using (StorageRig idle = new(first.DirectoryPath))
        {
            Assert.True(idle.Directories.All[0].HadCleanShutdown);
            idle.StopClean();
        }
        using StorageRig last = new(first.DirectoryPath);
        Assert.True(last.Directories.All[0].HadCleanShutdown);
        Assert.True(last.MustAppend(last.Open(), Batches.Idempotent(5, 2, 0)).IsDuplicate);
    }

    [Fact]
    public void Idle_producers_are_forgotten()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { ProducerIdExpirationMs = 1000 });
        rig.MustAppend(log, Batches.Idempotent(5, 0, 0, timestamp: rig.Io.Wall));
        rig.MustAppend(log, Batches.Idempotent(6, 0, 0, transactional: true, timestamp: rig.Io.Wall));
        rig.MustAppend(log, Batches.Idempotent(7, 0, 0, timestamp: rig.Io.Wall + 500));
        Assert.Equal(1, log.ExpireProducers(rig.Io.Wall + 1000));
        Assert.Equal([6L, 7L], log.DescribeProducers().Select(p => p.ProducerId).Order());
        rig.MustAppend(log, Batches.Idempotent(5, 0, 77));
        rig.MustAppend(log, Batches.Idempotent(7, 0, 1));
    }
}

public sealed class TransactionTests
{
    [Fact]
    public void An_open_transaction_holds_the_last_stable_offset()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Plain());
        rig.MustAppend(log, Batches.Idempotent(5, 0, 0, 2, transactional: true));
        rig.MustAppend(log, Batches.Plain());
        Assert.Equal((4L, 1L), (log.HighWatermark, log.LastStableOffset));
        Assert.Single(rig.ReadAll(log, 0, ReadIsolation.LastStableOffset));
        rig.MustAppend(log, Batches.Marker(5, 0, commit: true), AppendOrigin.Coordinator);
        Assert.Equal((5L, 5L), (log.HighWatermark, log.LastStableOffset));
        Assert.Equal(4, rig.ReadAll(log, 0, ReadIsolation.LastStableOffset).Count);
        List<AbortedTransaction> aborted = [];
        log.GetAbortedTransactions(0, 5, aborted);
        Assert.Empty(aborted);
    }

    [Fact]
    public void A_marker_counts_only_below_the_high_watermark()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        log.FollowsOwnEnd = false;
        rig.MustAppend(log, Batches.Idempotent(5, 0, 0, 2, transactional: true));
        rig.MustAppend(log, Batches.Marker(5, 0, commit: true), AppendOrigin.Coordinator);
        rig.On(() => log.AdvanceHighWatermark(2));
        Assert.Equal(0, log.LastStableOffset);
        rig.On(() => log.AdvanceHighWatermark(3));
        Assert.Equal(3, log.LastStableOffset);
    }

    [Fact]
    public void Aborted_transactions_are_listed_where_they_overlap_and_survive_restarts()
    {
        using StorageRig first = new();
        PartitionLog log = first.Open(new LogConfig { SegmentBytes = 600 });
        first.MustAppend(log, Batches.Idempotent(5, 0, 0, 2, transactional: true)); // 0-1
        first.MustAppend(log, Batches.Idempotent(6, 0, 0, 2, transactional: true)); // 2-3
        first.MustAppend(log, Batches.Marker(5, 0, commit: false), AppendOrigin.Coordinator); // 4
        first.MustAppend(log, Batches.Plain(4, 100)); // 5-8
        first.MustAppend(log, Batches.Marker(6, 0, commit: false), AppendOrigin.Coordinator); // 9
        first.MustAppend(log, Batches.Plain(2, 100)); // 10-11
        Assert.True(log.SegmentCount > 1);
        Check(log);
        first.StopClean();
        using (StorageRig clean = new(first.DirectoryPath))
        {
            Check(clean.Open(new LogConfig { SegmentBytes = 600 }));
            clean.Kill();
        }
        foreach (string file in Directory.GetFiles(first.PartitionPath, "*.snapshot"))
        {
            File.Delete(file);
        }
        File.Delete(Path.Combine(first.DirectoryPath, "recovery-point-offset-checkpoint"));
        using StorageRig recovered = new(first.DirectoryPath);
        Check(recovered.Open(new LogConfig { SegmentBytes = 600 }));

        static void Check(PartitionLog log)
        {
            Assert.Equal(12, log.LastStableOffset);
            List<AbortedTransaction> aborted = [];
            log.GetAbortedTransactions(0, 12, aborted);
            Assert.Equal([new AbortedTransaction(5, 0), new AbortedTransaction(6, 2)], aborted);
            aborted.Clear();
            log.GetAbortedTransactions(5, 12, aborted);
            Assert.Equal([new AbortedTransaction(6, 2)], aborted);
            aborted.Clear();
            log.GetAbortedTransactions(0, 2, aborted);
            Assert.Equal([new AbortedTransaction(5, 0)], aborted);
            aborted.Clear();
            log.GetAbortedTransactions(10, 12, aborted);
            Assert.Empty(aborted);
        }
    }

    [Fact]
    public void Markers_and_data_are_fenced()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.MustAppend(log, Batches.Idempotent(5, 1, 0, 2, transactional: true));
        Assert.Equal(ErrorCode.InvalidTxnState, rig.Append(log, Batches.Idempotent(5, 1, 2)).Error);
        rig.MustAppend(log, Batches.Marker(5, 1, commit: true, coordinatorEpoch: 4), AppendOrigin.Coordinator);
        Assert.Equal(
            ErrorCode.TransactionCoordinatorFenced,
            rig.Append(log, Batches.Marker(5, 1, commit: true, coordinatorEpoch: 3), AppendOrigin.Coordinator).Error
        );
        Assert.Equal(
            ErrorCode.InvalidProducerEpoch,
            rig.Append(log, Batches.Marker(5, 0, commit: true, coordinatorEpoch: 4), AppendOrigin.Coordinator).Error
        );
        rig.MustAppend(log, Batches.Marker(5, 2, commit: false, coordinatorEpoch: 4), AppendOrigin.Coordinator);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, rig.Append(log, Batches.Idempotent(5, 1, 2)).Error);
        rig.MustAppend(log, Batches.Idempotent(5, 2, 0));
    }

    [Fact]
    public void An_open_transaction_is_found_again_after_restarts()
    {
        using StorageRig first = new();
        PartitionLog log = first.Open();
        first.MustAppend(log, Batches.Plain());
        first.MustAppend(log, Batches.Idempotent(5, 0, 0, 2, transactional: true));
        first.StopClean();
        using (StorageRig clean = new(first.DirectoryPath))
        {
            log = clean.Open();
            Assert.Equal((3L, 1L), (log.HighWatermark, log.LastStableOffset));
            clean.Kill();
        }
        using StorageRig unclean = new(first.DirectoryPath);
        log = unclean.Open();
        Assert.Equal((3L, 1L), (log.HighWatermark, log.LastStableOffset));
        Assert.Equal(1, Assert.Single(log.DescribeProducers()).CurrentTransactionStartOffset);
        unclean.MustAppend(log, Batches.Marker(5, 0, commit: false), AppendOrigin.Coordinator);
        Assert.Equal(4, log.LastStableOffset);
    }
}
