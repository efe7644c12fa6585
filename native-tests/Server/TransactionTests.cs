using Aot.Broker.Base;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Server.Tests;

/// <summary>Transactions request by request, in both protocols: who sees which records when, and who is shut out.</summary>
public class TransactionTests
{
    private const string Id = "transactional";
    private const string Topic = "records";
    private const int Partitions = 3;

    public static TheoryData<int> Protocols => new(1, 2);

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Readers_of_committed_records_see_a_transaction_when_it_is_committed_and_never_an_aborted_one(
        int protocol
    )
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient producer = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, protocol);
        await producer.SendAsync(0, "aborted-0");
        await producer.SendAsync(1, "aborted-1");
        Assert.Empty(await producer.ReadAsync(0, committedOnly: true));
        Assert.Equal(["aborted-0"], await producer.ReadAsync(0, committedOnly: false));
        await producer.EndAsync(commit: false);
        await producer.SendAsync(0, "committed-0");
        await producer.SendAsync(2, "committed-2");
        Assert.Empty(await producer.ReadAsync(2, committedOnly: true));
        await producer.EndAsync(commit: true);
        await producer.WhenStateAsync("CompleteCommit");
        Assert.Equal(["committed-0"], await producer.ReadAsync(0, committedOnly: true));
        Assert.Empty(await producer.ReadAsync(1, committedOnly: true));
        Assert.Equal(["committed-2"], await producer.ReadAsync(2, committedOnly: true));
        Assert.Equal(["aborted-0", "committed-0"], await producer.ReadAsync(0, committedOnly: false));
    }

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task A_newer_producer_shuts_the_older_out_and_takes_its_open_records_back(int protocol)
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient old = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, protocol);
        await old.SendAsync(0, "of the old");
        using TransactionClient newer = await TransactionClient.ConnectAsync(rig, Topic, Id, protocol);
        InitProducerIdResponse first = await newer.InitOnceAsync();
        Assert.Equal(ErrorCode.ConcurrentTransactions, (ErrorCode)first.ErrorCode);
        await newer.InitAsync();
        Assert.Equal(old.ProducerId, newer.ProducerId);
        Assert.True(newer.Epoch > old.Epoch);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, await old.TrySendAsync(0, "too late"));
        Assert.Equal(ErrorCode.ProducerFenced, await old.TryEndAsync(commit: true));
        await newer.SendAsync(0, "of the newer");
        await newer.EndAsync(commit: true);
        await newer.WhenStateAsync("CompleteCommit");
        Assert.Equal(["of the newer"], await newer.ReadAsync(0, committedOnly: true));
    }

    [Fact]
    public async Task With_protocol_2_every_end_raises_the_epoch_and_a_repeated_end_is_answered_alike()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient producer = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, 2);
        await producer.SendAsync(0, "one");
        short before = producer.Epoch;
        EndTxnResponse ended = await producer.EndOnceAsync(commit: true, before);
        Assert.Equal((0, before + 1), (ended.ErrorCode, ended.ProducerEpoch));
        await producer.WhenStateAsync("CompleteCommit");
        EndTxnResponse again = await producer.EndOnceAsync(commit: true, before);
        Assert.Equal((0, before + 1), (again.ErrorCode, again.ProducerEpoch));
        EndTxnResponse opposite = await producer.EndOnceAsync(commit: false, before);
        Assert.Equal(ErrorCode.InvalidTxnState, (ErrorCode)opposite.ErrorCode);
        Assert.Equal(ErrorCode.InvalidProducerEpoch, await producer.TrySendAsync(0, "of the epoch before"));
    }

    [Fact]
    public async Task With_protocol_1_a_partition_that_was_not_added_takes_no_record()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient producer = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, 1);
        producer.AddsBySending = false;
        await producer.AddAsync(0);
        Assert.Equal(ErrorCode.TransactionAbortable, await producer.TrySendAsync(1, "not added"));
        Assert.Equal(ErrorCode.None, await producer.TrySendAsync(0, "added"));
        await producer.EndAsync(commit: true);
        await producer.WhenStateAsync("CompleteCommit");
        Assert.Equal(["added"], await producer.ReadAsync(0, committedOnly: true));
        Assert.Empty(await producer.ReadAsync(1, committedOnly: false));
    }

    [Fact]
    public async Task Batches_that_arrive_while_the_coordinator_is_asked_keep_their_order()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient producer = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, 2);
        for (int round = 0; round < 20; round++)
        {
            await producer.PipelineAsync(round % 3, [.. Enumerable.Range(0, 5).Select(i => $"{round}-{i}")]);
            await producer.EndAsync(commit: true);
        }
        await producer.WhenStateAsync("CompleteCommit");
        for (int partition = 0; partition < 3; partition++)
        {
            string[] expected =
            [
                .. Enumerable
                    .Range(0, 20)
                    .Where(r => r % 3 == partition)
                    .SelectMany(r => Enumerable.Range(0, 5).Select(i => $"{r}-{i}")),
            ];
            Assert.Equal(expected, await producer.ReadAsync(partition, committedOnly: true));
        }
    }

    [Fact]
    public async Task A_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(
            transactions: new TransactionOptions { AbortTimedOutIntervalMs = 20 }
        );
        using TransactionClient producer = await TransactionClient.StartAsync(
            rig,
            Topic,
            Partitions,
            Id,
            1,
            timeoutMs: 50
        );
        await producer.SendAsync(0, "slow");
        await producer.WhenStateAsync("CompleteAbort");
        Assert.Empty(await producer.ReadAsync(0, committedOnly: true));
        Assert.Equal(ErrorCode.InvalidProducerEpoch, await producer.TrySendAsync(0, "slower"));
        Assert.Equal(ErrorCode.ProducerFenced, await producer.TryEndAsync(commit: true));
    }

    [Fact]
    public async Task An_id_that_nobody_uses_is_forgotten()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync(
            transactions: new TransactionOptions { RemoveExpiredIntervalMs = 20, TransactionalIdExpirationMs = 100 }
        );
        using TransactionClient producer = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, 2);
        long before = producer.ProducerId;
        await producer.WhenForgottenAsync();
        Assert.Equal(ErrorCode.InvalidProducerIdMapping, await producer.TrySendAsync(0, "forgotten"));
        await producer.InitAsync();
        Assert.NotEqual(before, producer.ProducerId);
        Assert.Equal(0, producer.Epoch);
    }

    [Fact]
    public async Task Offsets_of_a_transaction_take_effect_when_it_is_committed_and_are_unstable_until_then()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        foreach (int protocol in new[] { 1, 2 })
        {
            string topic = $"{Topic}-{protocol}";
            using TransactionClient producer = await TransactionClient.StartAsync(
                rig,
                topic,
                Partitions,
                Id + protocol,
                protocol
            );
            string group = $"group-{protocol}";
            await producer.CommitOffsetAsync(group, 0, 17);
            Assert.Equal((ErrorCode.UnstableOffsetCommit, -1), await producer.FetchOffsetAsync(group, 0, stable: true));
            Assert.Equal((ErrorCode.None, -1), await producer.FetchOffsetAsync(group, 0, stable: false));
            await producer.EndAsync(commit: false);
            await producer.WhenStateAsync("CompleteAbort");
            Assert.Equal((ErrorCode.None, -1), await producer.FetchOffsetAsync(group, 0, stable: true));
            await producer.CommitOffsetAsync(group, 0, 18);
            await producer.EndAsync(commit: true);
            await producer.WhenStateAsync("CompleteCommit");
            Assert.Equal((ErrorCode.None, 18), await producer.FetchOffsetAsync(group, 0, stable: true));
        }
    }

    [Fact]
    public async Task Requests_that_no_transaction_allows_get_the_errors_of_their_versions()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient producer = await TransactionClient.StartAsync(
            rig,
            Topic,
            Partitions,
            Id,
            1,
            timeoutMs: 60_000
        );
        Assert.Equal(ErrorCode.InvalidTransactionTimeout, await producer.TryInitAsync(Id, timeoutMs: 0));
        Assert.Equal(ErrorCode.InvalidTransactionTimeout, await producer.TryInitAsync(Id, timeoutMs: 900_001));
        Assert.Equal(ErrorCode.InvalidRequest, await producer.TryInitAsync("", timeoutMs: 1000));
        Assert.Equal(ErrorCode.ProducerFenced, await producer.TryInitAsync(Id, 1000, producer.ProducerId + 7, 0));
        Assert.Equal(
            ErrorCode.InvalidProducerEpoch,
            await producer.TryInitAsync(Id, 1000, producer.ProducerId + 7, 0, 3)
        );
        Assert.Equal(ErrorCode.InvalidTxnState, await producer.TryEndAsync(commit: true));
        Assert.Equal(
            ErrorCode.InvalidProducerIdMapping,
            await producer.TryAddAsync(producer.ProducerId + 7, producer.Epoch)
        );
        Assert.Equal(ErrorCode.ProducerFenced, await producer.TryAddAsync(producer.ProducerId, 9));
        Assert.Equal(ErrorCode.InvalidProducerEpoch, await producer.TryAddAsync(producer.ProducerId, 9, version: 1));
        Assert.Equal(
            ErrorCode.TransactionalIdAuthorizationFailed,
            await producer.TrySendAsync(0, "of no transaction", transactionalId: null)
        );
    }

    [Fact]
    public async Task A_stale_marker_is_refused_and_an_abandoned_transaction_can_be_aborted_by_hand()
    {
        await using BrokerRig rig = await BrokerRig.StartAsync();
        using TransactionClient producer = await TransactionClient.StartAsync(rig, Topic, Partitions, Id, 1);
        await producer.SendAsync(0, "first");
        await producer.EndAsync(commit: true);
        await producer.WhenStateAsync("CompleteCommit");
        await producer.SendAsync(0, "hanging");
        Assert.Equal(
            ErrorCode.InvalidProducerEpoch,
            await producer.WriteMarkerAsync(0, epoch: -1, coordinatorEpoch: 0)
        );
        Assert.Equal(
            ErrorCode.TransactionCoordinatorFenced,
            await producer.WriteMarkerAsync(0, producer.Epoch, coordinatorEpoch: -1)
        );
        Assert.Empty((await producer.ReadAsync(0, committedOnly: true)).Skip(1));
        Assert.Equal(ErrorCode.UnknownTopicOrPartition, await producer.WriteMarkerAsync(99, producer.Epoch, 0));
        Assert.Equal(ErrorCode.None, await producer.WriteMarkerAsync(0, producer.Epoch, coordinatorEpoch: 0));
        Assert.Equal(["first"], await producer.ReadAsync(0, committedOnly: true));
        Assert.Equal(["first", "hanging"], await producer.ReadAsync(0, committedOnly: false));
    }
}
