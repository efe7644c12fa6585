using Aot.Broker.Coordinators.Transactions;
using Aot.Broker.Protocol;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Tests;

/// <summary>
/// One transactional id under random requests. The state is what its newest record says: it is written and read back after
/// each change, and now and then at a crash, which also loses what is not in the record. Markers are a step of their own.
/// </summary>
internal sealed class RandomTransactions(int seed)
{
    private readonly Random _random = new(seed);
    private readonly List<Producer> _producers = [];
    private readonly HashSet<(long, short)> _identities = [];
    private readonly bool _isFlexible = seed % 2 == 0;
    private TransactionMetadata _state = new() { TransactionalId = "id", ProducerId = 1000 };
    private long _nextProducerId = 1001;
    private long _now = 1;
    private int _transactions;

    private sealed class Producer
    {
        public long Id = -1;
        public short Epoch = -1;
        public short Version;
        public bool IsOpen;

        /// <summary>What it was told about its newest end; null = nothing yet.</summary>
        public bool? Committed;
    }

    public void Run(int steps)
    {
        for (int step = 0; step < steps; step++)
        {
            _now++;
            switch (_random.Next(12))
            {
                case 0:
                    Begin();
                    break;
                case 1:
                    Crash();
                    break;
                case 2 or 3:
                    Complete();
                    break;
                case 4 when _random.Next(4) == 0 && _state.State == TransactionState.Ongoing:
                    Take(TransactionRules.Fence(_state, _now));
                    break;
                case 5 or 6 when _producers.Count > 0:
                    End(Pick());
                    break;
                default:
                    if (_producers.Count > 0)
                    {
                        Add(Pick());
                    }
                    break;
            }
        }
        Assert.True(_transactions > 0, $"seed {seed} has no transaction");
    }

    /// <summary>Mostly the newest: the others are shut out.</summary>
    private Producer Pick() => _random.Next(3) == 0 ? _producers[_random.Next(_producers.Count)] : _producers[^1];

    /// <summary>Epochs near their end, too, so that new ids are needed.</summary>
    private void Begin()
    {
        if (_state.IsIdle && _random.Next(4) == 0)
        {
            Take(_state with { ProducerEpoch = Math.Max(_state.ProducerEpoch, (short)(short.MaxValue - 4)) });
            _identities.RemoveWhere(each => each.Item1 == _state.ProducerId && each.Item2 > _state.ProducerEpoch);
        }
        long fresh = TransactionRules.InitializationNeedsProducerId(_state, -1) ? _nextProducerId++ : -1;
        TransactionDecision decision = TransactionRules.Initialize(_state, 1000, -1, -1, fresh, _now);
        if (decision.Next is not null)
        {
            Take(decision.Next);
        }
        if (decision.Error != ErrorCode.None)
        {
            return;
        }
        Producer producer = new()
        {
            Id = _state.ProducerId,
            Epoch = _state.ProducerEpoch,
            Version = (short)(_random.Next(2) * 2),
        };
        Hand(producer.Id, producer.Epoch);
        _producers.Add(producer);
    }

    private void Add(Producer producer)
    {
        TopicPartition[] partitions = [new("topic", _random.Next(3))];
        TransactionDecision decision = TransactionRules.Add(
            _state,
            producer.Id,
            producer.Epoch,
            partitions,
            producer.Version,
            _now
        );
        if (decision.Error != ErrorCode.None)
        {
            Assert.True(
                decision.Error
                    is ErrorCode.ProducerFenced
                        or ErrorCode.InvalidProducerIdMapping
                        or ErrorCode.ConcurrentTransactions
            );
            return;
        }
        Assert.True(IsNewest(producer), $"seed {seed}: a producer that was shut out adds to a transaction");
        if (decision.Next is not null)
        {
            Take(decision.Next);
        }
        Assert.True(_state.State == TransactionState.Ongoing && _state.Partitions.IsSupersetOf(partitions));
        producer.IsOpen = true;
        producer.Committed = null;
    }

    private void End(Producer producer)
    {
        bool commit = producer.Committed ?? _random.Next(2) == 0;
        (long id, short epoch) = (producer.Id, producer.Epoch);
        long fresh = TransactionRules.EndNeedsProducerId(_state, producer.Version) ? _nextProducerId++ : -1;
        TransactionMetadata before = _state;
        TransactionDecision decision = TransactionRules.End(_state, id, epoch, commit, producer.Version, fresh, _now);
        if (decision.Error != ErrorCode.None)
        {
            return;
        }
        if (decision.Next is not null)
        {
            Assert.True(IsNewest(producer), $"seed {seed}: a producer that was shut out ends a transaction");
            Assert.True(
                !commit || before.State == TransactionState.Ongoing,
                $"seed {seed}: a commit in the state {before.State}"
            );
            Take(decision.Next);
            _transactions++;
        }
        Assert.Equal(commit, _state.State is TransactionState.PrepareCommit or TransactionState.CompleteCommit);
        producer.Committed = commit;
        producer.IsOpen = false;
        // Half of the answers get lost, and the producer repeats itself later.
        if (producer.Version >= TransactionRules.EpochBumpingVersion && _random.Next(2) == 0)
        {
            (producer.Id, producer.Epoch) = TransactionRules.IdentityAfter(_state);
            producer.Committed = null;
            _identities.Add((producer.Id, producer.Epoch));
        }
    }

    private void Complete()
    {
        if (!_state.IsEnding)
        {
            return;
        }
        bool commits = _state.IsCommitting;
        (long, short) promised = TransactionRules.IdentityAfter(_state);
        Take(TransactionRules.Complete(_state, _now));
        Assert.Equal(commits, _state.State == TransactionState.CompleteCommit);
        Assert.Equal(promised, (_state.ProducerId, _state.ProducerEpoch));
    }

    private void Crash() => Take(_state with { LastProducerEpoch = TransactionMetadata.NoEpoch });

    /// <summary>Everything but the last epoch has to come back from the record; that one is only in memory.</summary>
    private void Take(TransactionMetadata next)
    {
        byte[] key = TransactionRecords.Key(next.TransactionalId);
        byte[] value = TransactionRecords.Value(next, flexible: true);
        Assert.True(TransactionRecords.TryReadKey(key, out string id));
        Assert.True(TransactionRecords.TryReadValue(id, value, out TransactionMetadata read));
        Assert.Equal(next.Partitions.Order(Comparer), read.Partitions.Order(Comparer));
        TransactionMetadata restored = read with
        {
            LastProducerEpoch = next.LastProducerEpoch,
            Partitions = next.Partitions,
        };
        Assert.Equal(next, restored);
        _state = restored;
    }

    private static Comparer<TopicPartition> Comparer { get; } =
        Comparer<TopicPartition>.Create((one, other) => string.CompareOrdinal(one.ToString(), other.ToString()));

    private void Hand(long id, short epoch) =>
        Assert.True(_identities.Add((id, epoch)), $"seed {seed}: {id}/{epoch} was handed out twice");

    private bool IsNewest(Producer producer) =>
        _producers.TrueForAll(other => other == producer || !IsNewer(other, producer));

    private static bool IsNewer(Producer one, Producer other) =>
        one.Id > other.Id || (one.Id == other.Id && one.Epoch > other.Epoch);
}
