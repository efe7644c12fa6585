using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Server.Share;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Tests;

/// <summary>What becomes of the records of a share partition, without a log, a clock or a coordinator.</summary>
public sealed class SharePartitionTests
{
    private static readonly ShareLimits s_limits = new(2000, 5, 30_000, true);

    private readonly SharePartition _records = new(0);
    private long _now = 1000;

    [Fact]
    public void Whole_batches_are_given_also_when_that_is_more_than_was_asked_for()
    {
        Assert.Equal([new AcquiredRange(0, 9, 1)], Acquire("a", 5, Batches(10, 10)));
        Assert.Equal([new AcquiredRange(10, 19, 1)], Acquire("a", 5, Batches(10, 10)));
        Assert.Equal(20, _records.NextFetchOffset);
    }

    [Fact]
    public void With_a_limit_on_records_no_more_are_given_and_the_rest_of_the_batch_comes_next()
    {
        Assert.Equal([new AcquiredRange(0, 2, 1)], Acquire("a", 3, Batches(10), AcquireMode.RecordLimit));
        Assert.Equal(3, _records.NextFetchOffset);
        Assert.Equal([new AcquiredRange(3, 9, 1)], Acquire("b", 30, Batches(10), AcquireMode.RecordLimit));
    }

    [Fact]
    public void Ranges_begin_with_batches_of_the_log_when_the_batch_size_is_reached()
    {
        Assert.Equal(
            [new AcquiredRange(0, 9, 1), new AcquiredRange(10, 19, 1), new AcquiredRange(20, 29, 1)],
            Acquire("a", 500, Batches(5, 5, 10, 3, 7), batchSize: 6)
        );
    }

    [Fact]
    public void What_is_accepted_is_gone_when_it_is_saved()
    {
        Acquire("a", 500, Batches(10));
        long change = Acknowledge("a", 0, 4, AcknowledgeType.Accept);
        Assert.Equal(0, _records.StartOffset);
        Assert.Equal([new ShareStateBatch(0, 4, 2, 1)], Save(change, isSaved: true));
        Assert.Equal(5, _records.StartOffset);
        Assert.Equal([new ShareStateBatch(5, 9, 2, 1)], Save(Acknowledge("a", 5, 9, AcknowledgeType.Accept), true));
        Assert.Equal((10, 10, 0), (_records.StartOffset, _records.EndOffset, _records.InFlight));
    }

    [Fact]
    public void A_failed_save_gives_the_records_back_to_their_member()
    {
        Acquire("a", 500, Batches(10));
        Save(Acknowledge("a", 0, 9, AcknowledgeType.Accept), isSaved: false);
        Assert.Equal(0, _records.StartOffset);
        Assert.Equal(10, _records.NextFetchOffset);
        Save(Acknowledge("a", 0, 9, AcknowledgeType.Accept), isSaved: true);
        Assert.Equal(10, _records.StartOffset);
    }

    [Fact]
    public void A_failed_save_after_the_lock_has_ended_frees_the_records()
    {
        Acquire("a", 500, Batches(10));
        long change = Acknowledge("a", 0, 9, AcknowledgeType.Accept);
        _now += 30_000;
        Assert.False(_records.ExpireLocks(s_limits, _now));
        Save(change, isSaved: false);
        Assert.Equal(0, _records.NextFetchOffset);
        Assert.Equal([new ShareStateBatch(0, 9, 0, 1)], Save(long.MaxValue, isSaved: true));
    }

    [Fact]
    public void Undecided_records_are_neither_given_nor_acknowledged()
    {
        Acquire("a", 500, Batches(10));
        Acknowledge("a", 0, 9, AcknowledgeType.Release);
        Assert.Equal(10, _records.NextFetchOffset);
        Assert.Equal(ErrorCode.InvalidRecordState, TryAcknowledge("a", 0, 9, out _, AcknowledgeType.Accept));
    }

    [Fact]
    public void Released_records_come_again_and_are_archived_after_the_last_delivery()
    {
        for (short delivery = 1; delivery <= 2; delivery++)
        {
            Assert.Equal([new AcquiredRange(0, 9, delivery)], Acquire("a", 500, Batches(10), from: 0));
            Save(Acknowledge("a", 0, 9, AcknowledgeType.Release), isSaved: true);
        }
        // From half of the deliveries on in smaller pieces, the last one alone.
        Assert.Equal([new AcquiredRange(0, 9, 3)], Acquire("a", 500, Batches(10), from: 0));
        Save(Acknowledge("a", 0, 9, AcknowledgeType.Release), isSaved: true);
        Assert.Equal([new AcquiredRange(0, 4, 4)], Acquire("a", 500, Batches(10), from: 0));
        Save(Acknowledge("a", 0, 4, AcknowledgeType.Release), isSaved: true);
        Assert.Equal([new AcquiredRange(0, 0, 5)], Acquire("a", 500, Batches(10), from: 0));
        Assert.Equal([new ShareStateBatch(0, 0, 4, 5)], Save(Acknowledge("a", 0, 0, AcknowledgeType.Release), true));
        Assert.Equal(1, _records.StartOffset);
    }

    [Fact]
    public void Pieces_are_measured_by_the_whole_batch_also_when_a_part_of_it_is_gone()
    {
        for (int delivery = 1; delivery <= 3; delivery++)
        {
            Acquire("a", 500, Batches(8), from: 0);
            Save(Acknowledge("a", 0, 7, AcknowledgeType.Release), isSaved: true);
        }
        Assert.Equal([new AcquiredRange(0, 3, 4)], Acquire("a", 500, Batches(8), from: 0));
        Save(Acknowledge("a", 0, 3, AcknowledgeType.Accept), isSaved: true);
        Assert.Equal([new AcquiredRange(4, 7, 4)], Acquire("a", 500, Batches(8), from: 4));
    }

    [Fact]
    public void A_lock_that_ends_frees_the_records_and_a_renewed_one_does_not()
    {
        Acquire("a", 500, Batches(10, 10));
        _now += 29_000;
        Assert.Equal(ErrorCode.None, TryAcknowledge("a", 10, 19, out long change, AcknowledgeType.Renew));
        Assert.Equal(0, change);
        _now += 1_000;
        Assert.Equal(31_000, _records.NextLockDeadlineMillis);
        Assert.True(_records.ExpireLocks(s_limits, _now));
        Assert.Equal([new AcquiredRange(0, 9, 2)], Acquire("b", 500, Batches(10, 10), from: 0));
        Assert.Equal(ErrorCode.InvalidRecordState, TryAcknowledge("a", 0, 9, out _, AcknowledgeType.Accept));
        Assert.Equal(ErrorCode.None, TryAcknowledge("a", 10, 19, out _, AcknowledgeType.Accept));
    }

    [Fact]
    public void Acknowledgements_of_a_request_count_all_or_none()
    {
        Acquire("a", 500, Batches(10));
        Acquire("b", 500, BatchesFrom(10, 10));
        List<AcknowledgedBatch> both = [Batch(0, 9, AcknowledgeType.Accept), Batch(10, 19, AcknowledgeType.Accept)];
        Assert.Equal(ErrorCode.InvalidRecordState, _records.Acknowledge("a", both, s_limits, _now, out long change));
        Assert.Equal(0, change);
        Assert.Equal(ErrorCode.None, TryAcknowledge("a", 0, 9, out _, AcknowledgeType.Accept));
    }

    [Fact]
    public void A_type_for_each_offset_divides_a_batch()
    {
        Acquire("a", 500, Batches(4));
        AcknowledgedBatch batch = new(0, 3, [1, 2, 3, 0]);
        Assert.Equal(ErrorCode.None, _records.Acknowledge("a", [batch], s_limits, _now, out long change));
        Assert.Equal(
            [new ShareStateBatch(0, 0, 2, 1), new ShareStateBatch(1, 1, 0, 1), new ShareStateBatch(2, 3, 4, 1)],
            Save(change, isSaved: true)
        );
        Assert.Equal((1, 1), (_records.StartOffset, _records.NextFetchOffset));
    }

    [Fact]
    public void Acknowledgements_below_the_start_are_taken_and_beyond_the_end_refused()
    {
        Assert.Equal(ErrorCode.InvalidRecordState, TryAcknowledge("a", 0, 0, out _, AcknowledgeType.Accept));
        Acquire("a", 500, Batches(10));
        Assert.Equal(ErrorCode.InvalidRequest, TryAcknowledge("a", 5, 10, out _, AcknowledgeType.Accept));
        _records.MoveStart(5);
        Assert.Equal(ErrorCode.None, TryAcknowledge("a", 0, 4, out long change, AcknowledgeType.Accept));
        Assert.Equal(0, change);
        Assert.Equal(ErrorCode.None, TryAcknowledge("a", 0, 9, out change, AcknowledgeType.Accept));
        Assert.Equal([new ShareStateBatch(5, 9, 2, 1)], Save(change, isSaved: true));
    }

    [Fact]
    public void No_more_records_are_in_flight_than_may_be_locked()
    {
        ShareLimits few = s_limits with { RecordLocksMax = 10 };
        AcquireRequest request = new("a", AcquireMode.BatchOptimized, 500, 500, 0, _now + 1);
        List<AcquiredRange> ranges = [];
        Assert.Equal(10, _records.Acquire(request, Batches(5, 5, 5), few, ranges));
        Assert.False(_records.CanAcquire(few));
        Assert.Equal(0, _records.Acquire(request with { FetchOffset = 10 }, BatchesFrom(10, 5), few, ranges));
        _records.ExpireLocks(few, _now + 1);
        Assert.True(_records.CanAcquire(few));
        Assert.Equal(10, _records.Acquire(request, Batches(5, 5, 5), few, ranges));
    }

    [Fact]
    public void Offsets_that_the_log_does_not_have_are_passed_over()
    {
        Acquire("a", 500, Batches(10));
        Save(Acknowledge("a", 0, 9, AcknowledgeType.Release), isSaved: true);
        // Compaction has taken 0 to 6, and 10 to 14 in the midst of what is read: the member says of those that they are gaps.
        BatchExtent[] left = [Extent(7, 9), Extent(15, 19)];
        Assert.Equal([new AcquiredRange(7, 9, 2), new AcquiredRange(10, 19, 1)], Acquire("a", 500, left, from: 0));
        Save(Acknowledge("a", 7, 9, AcknowledgeType.Accept), isSaved: true);
        Assert.Equal(10, _records.StartOffset);
        Save(Acknowledge("a", 10, 14, AcknowledgeType.Gap), isSaved: true);
        Assert.Equal(15, _records.StartOffset);
    }

    [Fact]
    public void After_a_restart_what_was_saved_holds_and_the_rest_comes_again()
    {
        Assert.True(_records.TryLoad([new ShareStateBatch(0, 4, 2, 1), new ShareStateBatch(8, 9, 0, 2)]));
        Assert.Equal((5, 5, 10), (_records.StartOffset, _records.NextFetchOffset, _records.EndOffset));
        Assert.Equal(
            [new AcquiredRange(5, 7, 1), new AcquiredRange(8, 9, 3), new AcquiredRange(10, 19, 1)],
            Acquire("a", 500, Batches(10, 10), from: 5)
        );
    }

    [Fact]
    public void State_that_contradicts_itself_is_not_loaded()
    {
        Assert.False(new SharePartition(5).TryLoad([new ShareStateBatch(4, 9, 0, 1)]));
        Assert.False(
            new SharePartition(0).TryLoad([new ShareStateBatch(0, 9, 0, 1), new ShareStateBatch(9, 12, 0, 1)])
        );
        Assert.False(new SharePartition(0).TryLoad([new ShareStateBatch(3, 2, 0, 1)]));
    }

    private List<AcquiredRange> Acquire(
        string member,
        int recordsMax,
        BatchExtent[] batches,
        AcquireMode mode = AcquireMode.BatchOptimized,
        int batchSize = 500,
        long from = -1
    )
    {
        List<AcquiredRange> ranges = [];
        AcquireRequest request = new(
            member,
            mode,
            recordsMax,
            batchSize,
            from < 0 ? _records.NextFetchOffset : from,
            _now + s_limits.LockDurationMillis
        );
        // A fetch reads from the batch that has its offset on.
        BatchExtent[] read = [.. batches.Where(batch => batch.LastOffset >= request.FetchOffset)];
        int acquired = _records.Acquire(request, read.Length > 0 ? read : batches, s_limits, ranges);
        Assert.Equal(acquired, ranges.Sum(range => (int)(range.LastOffset - range.FirstOffset + 1)));
        return ranges;
    }

    private long Acknowledge(string member, long first, long last, AcknowledgeType type)
    {
        Assert.Equal(ErrorCode.None, TryAcknowledge(member, first, last, out long change, type));
        Assert.NotEqual(0, change);
        return change;
    }

    private ErrorCode TryAcknowledge(string member, long first, long last, out long change, AcknowledgeType type) =>
        _records.Acknowledge(member, [Batch(first, last, type)], s_limits, _now, out change);

    private List<ShareStateBatch> Save(long change, bool isSaved)
    {
        List<ShareStateBatch> batches = [];
        long taken = _records.TakeUnsaved(batches);
        Assert.True(taken >= change || change == long.MaxValue);
        _records.Complete(taken, isSaved, s_limits, _now);
        return batches;
    }

    private static AcknowledgedBatch Batch(long first, long last, AcknowledgeType type) =>
        new(first, last, [(sbyte)type]);

    private static BatchExtent[] Batches(params int[] sizes) => BatchesFrom(0, sizes);

    private static BatchExtent[] BatchesFrom(long first, params int[] sizes)
    {
        List<BatchExtent> batches = [];
        foreach (int size in sizes)
        {
            batches.Add(Extent(first, first + size - 1));
            first += size;
        }
        return [.. batches];
    }

    private static BatchExtent Extent(long first, long last) => new(first, last, first, 1, -1, false, false);
}
