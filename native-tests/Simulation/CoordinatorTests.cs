using Aot.Broker.Base;
using Aot.Broker.Coordinators;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Server;
using Aot.Broker.Storage;

namespace Aot.Broker.Simulation.Tests;

/// <summary>Groups and transactions: what comes in the same turn, while somebody is asked, or while the disk takes nothing.</summary>
public sealed class CoordinatorTests : IDisposable
{
    private const string Group = "group";
    private const string Id = "transactional";
    private const string Member = "member";

    private static readonly GroupCaller s_caller = new("", "/127.0.0.1", 1);

    private readonly OneBroker _one = new("coordinators");

    public void Dispose() => _one.Dispose();

    [Fact]
    public void A_replay_has_what_was_appended_in_the_same_turn()
    {
        List<long> seen = [];
        _one.Tell(async () =>
        {
            ErrorCode error = await _one.OwnerOf(_one.Topic.Id, 0)
                .RunFromThreadAsync(async core =>
                {
                    PartitionLog log = core.Get<LogSet>().Find(_one.Topic.Id, 0)!;
                    Assert.True(new CoordinatorLog(core, log).Append([new CoordinatorRecord([1], [2])]).IsOk);
                    return await new CoordinatorLog(core, log).ReplayAsync(
                        (offset, _, _, _, _) => seen.Add(offset),
                        static (_, _) => { }
                    );
                });
            Assert.Equal(ErrorCode.None, error);
        });
        Assert.Equal([0], seen);
    }

    [Fact]
    public void A_member_that_is_gone_when_the_transaction_has_agreed_commits_no_offsets()
    {
        (long producerId, short epoch) = Initialize();
        _one.FindCoordinator(0, Group);
        KafkaUuid offsets = _one.Image.Topic(GroupCoordinator.TopicName)!.Id;
        ErrorCode committed = ErrorCode.None;
        _one.Tell(async () =>
            committed = await _one.OwnerOf(offsets, 0)
                .RunFromThreadAsync(async core =>
                {
                    BrokerServer server = core.Get<ServerCore>().Server;
                    ConsumerGroupHeartbeatResponse joined = await JoinAsync(core, Member);
                    Assert.Equal(ErrorCode.None, (ErrorCode)joined.ErrorCode);
                    Task<TxnOffsetCommitResponse> commit = server.Groups!.TxnOffsetCommitAsync(
                        core,
                        s_caller with
                        {
                            ApiVersion = 5,
                        },
                        new TxnOffsetCommitRequest
                        {
                            TransactionalId = Id,
                            GroupId = Group,
                            ProducerId = producerId,
                            ProducerEpoch = epoch,
                            GenerationIdOrMemberEpoch = joined.MemberEpoch,
                            MemberId = Member,
                            Topics = [new() { Name = _one.Topic.Name, Partitions = [new() { CommittedOffset = 1 }] }],
                        },
                        server.Transactions!
                    );
                    await server.Groups.ConsumerHeartbeatAsync(
                        core,
                        s_caller,
                        new ConsumerGroupHeartbeatRequest
                        {
                            GroupId = Group,
                            MemberId = Member,
                            MemberEpoch = -1,
                        }
                    );
                    TxnOffsetCommitResponse answer = await commit;
                    return (ErrorCode)answer.Topics[0].Partitions[0].ErrorCode;
                })
        );
        Assert.Equal(ErrorCode.UnknownMemberId, committed);
    }

    [Fact]
    public void A_producers_next_life_does_not_get_the_answer_that_was_meant_for_the_one_before()
    {
        (long producerId, short epoch) = Initialize();
        short next = (short)(epoch + 1);
        ErrorCode before = ErrorCode.None;
        ErrorCode after = ErrorCode.None;
        _one.Tell(async () =>
        {
            (Core core, TransactionEntry entry) = await FindEntryAsync();
            await core.RunFromThreadAsync(async _ => await entry.Turn.EnterAsync());
            Task first = _one.World.Start(async () => before = await ProduceAsync(producerId, epoch));
            await _one.World.DelayAsync(OneBroker.Second);
            Task second = _one.World.Start(async () => after = await ProduceAsync(producerId, next));
            await _one.World.DelayAsync(OneBroker.Second);
            Assert.False(first.IsCompleted || second.IsCompleted);
            await core.RunFromThreadAsync(_ =>
            {
                // As an initialization that came before the question.
                entry.Metadata = entry.Metadata! with
                {
                    ProducerEpoch = next,
                };
                entry.Turn.Leave();
                return ValueTask.CompletedTask;
            });
            await first;
            await second;
        });
        Assert.Equal((ErrorCode.InvalidProducerEpoch, ErrorCode.None), (before, after));
    }

    [Fact]
    public void Groups_that_are_loaded_again_and_again_have_one_timer_for_the_age_of_their_offsets()
    {
        _one.FindCoordinator(0, Group);
        Core owner = _one.OwnerOf(_one.Image.Topic(GroupCoordinator.TopicName)!.Id, 0);
        _one.World.RunFor(OneBroker.Second);
        int before = owner.Timers.Count;
        const int refusals = 20;
        for (int i = 0; i < refusals; i++)
        {
            _one.World.Device.Faults.SetFull(true);
            ErrorCode error = ErrorCode.None;
            _one.Tell(async () =>
                error = await owner.RunFromThreadAsync(async core =>
                    (ErrorCode)(await JoinAsync(core, Member)).ErrorCode
                )
            );
            Assert.NotEqual(ErrorCode.None, error);
            _one.World.Device.Faults.Repair();
            _one.World.RunFor(OneBroker.Second);
        }
        Assert.InRange(owner.Timers.Count, 0, before + refusals / 2);
    }

    private (long ProducerId, short Epoch) Initialize()
    {
        _one.FindCoordinator(1, Id);
        ProducerIdentity producer = ProducerIdentity.Refuse(ErrorCode.UnknownServerError);
        _one.Tell(async () =>
        {
            while (producer.Error != ErrorCode.None)
            {
                await _one.World.DelayAsync(TopicUnderTest.RetryNanos);
                producer = await _one
                    .Broker.Process.Cores[0]
                    .RunFromThreadAsync(async core =>
                        await core.Get<ServerCore>()
                            .Server.Transactions!.InitializeAsync(
                                core,
                                new InitProducerIdRequest { TransactionalId = Id, TransactionTimeoutMs = 60_000 }
                            )
                    );
            }
        });
        return (producer.ProducerId, producer.ProducerEpoch);
    }

    private async Task<(Core Core, TransactionEntry Entry)> FindEntryAsync()
    {
        foreach (Core core in _one.Broker.Process.Cores)
        {
            TransactionEntry? entry = await core.RunFromThreadAsync(each =>
                ValueTask.FromResult(
                    ShardFront<TransactionShard>
                        .Of(each)
                        .Select(shard => shard.Find(Id))
                        .FirstOrDefault(e => e is not null)
                )
            );
            if (entry is not null)
            {
                return (core, entry);
            }
        }
        throw new InvalidOperationException("no shard has the transactional id");
    }

    private async Task<ErrorCode> ProduceAsync(long producerId, short epoch)
    {
        WireClient client = (await WireClient.ConnectAsync(_one.World, () => false))!;
        RecordBatchOptions options = new()
        {
            ProducerId = producerId,
            ProducerEpoch = epoch,
            BaseSequence = 0,
            IsTransactional = true,
        };
        ProduceRequest request = _one.Topic.ProduceOf([(0, _one.Topic.BatchOf(["value"], options))], -1);
        request.TransactionalId = Id;
        ProduceResponse response = await client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            12,
            request,
            ProduceResponse.TryRead
        );
        client.Close();
        return (ErrorCode)response.Responses[0].PartitionResponses[0].ErrorCode;
    }

    private Task<ConsumerGroupHeartbeatResponse> JoinAsync(Core core, string memberId) =>
        core.Get<ServerCore>()
            .Server.Groups!.ConsumerHeartbeatAsync(
                core,
                s_caller,
                new ConsumerGroupHeartbeatRequest
                {
                    GroupId = Group,
                    MemberId = memberId,
                    MemberEpoch = 0,
                    RebalanceTimeoutMs = 60_000,
                    SubscribedTopicNames = [_one.Topic.Name],
                    TopicPartitions = [],
                }
            );
}
