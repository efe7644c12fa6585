using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Tests;

/// <summary>The state machine of a transactional id, one decision at a time.</summary>
public class TransactionRulesTests
{
    private const long Now = 1_000_000;
    private const long Fresh = 77;
    private static readonly TopicPartition s_partition = new("topic", 3);

    [Fact]
    public void The_first_producer_of_an_id_begins_at_epoch_0_and_each_later_one_is_one_higher()
    {
        TransactionMetadata first = Go(Initialize(New()));
        Assert.Equal((0, TransactionState.Empty), (first.ProducerEpoch, first.State));
        Assert.Equal(1, Go(Initialize(first)).ProducerEpoch);
    }

    [Fact]
    public void A_producer_that_repeats_its_initialization_gets_the_same_epoch_again_and_a_foreign_one_is_fenced()
    {
        TransactionMetadata first = Go(Initialize(New()));
        TransactionMetadata second = Go(Initialize(first, first.ProducerId, first.ProducerEpoch));
        Assert.Equal(1, second.ProducerEpoch);
        Assert.Equal(1, Go(Initialize(second, first.ProducerId, first.ProducerEpoch)).ProducerEpoch);
        // Somebody else began without an identity: whoever had one is out.
        TransactionMetadata foreign = Go(Initialize(second));
        Assert.Equal(ErrorCode.ProducerFenced, Initialize(foreign, first.ProducerId, first.ProducerEpoch).Error);
        Assert.Equal(ErrorCode.ProducerFenced, Initialize(foreign, first.ProducerId + 1, 0).Error);
    }

    [Fact]
    public void An_open_transaction_is_aborted_with_the_next_epoch_before_a_new_producer_begins()
    {
        TransactionMetadata open = Open(New());
        TransactionDecision decision = Initialize(open);
        Assert.Equal(ErrorCode.ConcurrentTransactions, decision.Error);
        Assert.Equal(
            (TransactionState.PrepareAbort, open.ProducerEpoch + 1),
            (decision.Next!.State, decision.Next.ProducerEpoch)
        );
        Assert.Equal(open.Partitions, decision.Next.Partitions);
        Assert.Equal(ErrorCode.ConcurrentTransactions, Initialize(decision.Next).Error);
        Assert.Null(Initialize(decision.Next).Next);
    }

    [Fact]
    public void Used_up_epochs_bring_a_new_producer_id_at_the_next_initialization()
    {
        TransactionMetadata last = Go(Initialize(New())) with { ProducerEpoch = TransactionMetadata.LastEpoch };
        Assert.True(TransactionRules.InitializationNeedsProducerId(last, -1));
        TransactionMetadata next = Go(Initialize(last, last.ProducerId, last.ProducerEpoch));
        Assert.Equal((Fresh, 0), (next.ProducerId, next.ProducerEpoch));
        Assert.Equal(last.ProducerId, next.PreviousProducerId);
        // The answer got lost; the producer asks with the identity that it still has.
        TransactionMetadata again = Go(Initialize(next, last.ProducerId, last.ProducerEpoch));
        Assert.Equal((Fresh, 0), (again.ProducerId, again.ProducerEpoch));
    }

    [Fact]
    public void Used_up_epochs_bring_a_new_producer_id_at_the_end_of_a_transaction_of_protocol_2()
    {
        TransactionMetadata open = Open(New(), version: 2) with { ProducerEpoch = TransactionMetadata.LastEpoch };
        Assert.True(TransactionRules.EndNeedsProducerId(open, 2));
        TransactionMetadata prepared = Go(End(open, commit: true, version: 2));
        Assert.Equal((open.ProducerId, short.MaxValue), (prepared.ProducerId, prepared.ProducerEpoch));
        Assert.Equal((Fresh, (short)0), TransactionRules.IdentityAfter(prepared));
        TransactionMetadata complete = TransactionRules.Complete(prepared, Now);
        Assert.Equal((Fresh, 0), (complete.ProducerId, complete.ProducerEpoch));
        Assert.Equal(-1, complete.NextProducerId);
        TransactionDecision again = TransactionRules.End(
            complete,
            open.ProducerId,
            open.ProducerEpoch,
            commit: true,
            2,
            Fresh,
            Now
        );
        Assert.Equal(TransactionDecision.Nothing, again);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void An_end_is_decided_once_and_its_opposite_is_refused(short version)
    {
        foreach (bool commit in new[] { true, false })
        {
            TransactionMetadata open = Open(New(), version);
            TransactionMetadata prepared = Go(End(open, commit, version));
            short epochOfRequest = open.ProducerEpoch;
            Assert.Equal(ErrorCode.ConcurrentTransactions, EndAt(prepared, commit, version, epochOfRequest).Error);
            Assert.Equal(ErrorCode.InvalidTxnState, EndAt(prepared, !commit, version, epochOfRequest).Error);
            TransactionMetadata complete = TransactionRules.Complete(prepared, Now);
            Assert.Equal(TransactionDecision.Nothing, EndAt(complete, commit, version, epochOfRequest));
            Assert.Equal(ErrorCode.InvalidTxnState, EndAt(complete, !commit, version, epochOfRequest).Error);
            Assert.Empty(complete.Partitions);
        }
    }

    [Fact]
    public void With_protocol_2_a_transaction_without_records_can_be_aborted_and_raises_the_epoch()
    {
        TransactionMetadata empty = Go(Initialize(New()));
        TransactionMetadata aborted = Go(End(empty, commit: false, version: 2));
        Assert.Equal((TransactionState.PrepareAbort, 1), (aborted.State, aborted.ProducerEpoch));
        Assert.Equal(Now, aborted.StartMs);
        Assert.Equal(ErrorCode.InvalidTxnState, End(empty, commit: true, version: 2).Error);
        Assert.Equal(ErrorCode.InvalidTxnState, End(empty, commit: false, version: 0).Error);
    }

    [Fact]
    public void Only_the_owner_of_the_epoch_adds_partitions_and_not_while_markers_are_on_their_way()
    {
        TransactionMetadata open = Open(New());
        Assert.Equal(ErrorCode.InvalidProducerIdMapping, Add(open, open.ProducerId + 1, 0).Error);
        Assert.Equal(ErrorCode.ProducerFenced, Add(open, open.ProducerId, 1).Error);
        Assert.Equal(TransactionDecision.Nothing, Add(open, open.ProducerId, 0));
        TransactionMetadata prepared = Go(End(open, commit: true, version: 0));
        Assert.Equal(ErrorCode.ConcurrentTransactions, Add(prepared, open.ProducerId, 0).Error);
        TransactionMetadata complete = TransactionRules.Complete(prepared, Now);
        Assert.Equal(
            (Now, 1),
            (Go(Add(complete, open.ProducerId, 0)).StartMs, Go(Add(complete, open.ProducerId, 0)).Partitions.Count)
        );
    }

    /// <summary>
    /// Random requests of several producers, each repeated now and then; after every decision the state goes through its record
    /// and back, as in a crash. Whatever happens, a producer that was told that its transaction is committed never sees it
    /// aborted, and an identity that was handed out is never handed out to another.
    /// </summary>
    [Fact]
    public void Random_requests_and_crashes_keep_the_promises()
    {
        for (int seed = 1; seed <= 300; seed++)
        {
            new RandomTransactions(seed).Run(steps: 200);
        }
    }

    private static TransactionMetadata New() => new() { TransactionalId = "id", ProducerId = 5 };

    private static TransactionMetadata Open(TransactionMetadata current, short version = 0)
    {
        TransactionMetadata initialized = Go(Initialize(current));
        return Go(
            TransactionRules.Add(
                initialized,
                initialized.ProducerId,
                initialized.ProducerEpoch,
                [s_partition],
                version,
                Now
            )
        );
    }

    private static TransactionMetadata Go(TransactionDecision decision)
    {
        Assert.Equal(ErrorCode.None, decision.Error);
        Assert.NotNull(decision.Next);
        return decision.Next;
    }

    private static TransactionDecision Initialize(TransactionMetadata current, long id = -1, short epoch = -1) =>
        TransactionRules.Initialize(current, 1000, id, epoch, Fresh, Now);

    private static TransactionDecision Add(TransactionMetadata current, long id, short epoch) =>
        TransactionRules.Add(current, id, epoch, [s_partition], 0, Now);

    private static TransactionDecision End(TransactionMetadata current, bool commit, short version) =>
        EndAt(current, commit, version, current.ProducerEpoch);

    private static TransactionDecision EndAt(TransactionMetadata current, bool commit, short version, short epoch) =>
        TransactionRules.End(current, current.ProducerId, epoch, commit, version, Fresh, Now);
}
