using Aot.Broker.Base;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>A partition that a member has, with the member epoch at which it got it (0 in a target, which has none).</summary>
public readonly record struct HeldPartition(int Partition, int Epoch);

/// <summary>The partitions of one topic, in ascending order.</summary>
public sealed record TopicPartitions(KafkaUuid Topic, HeldPartition[] Held)
{
    public List<int> Numbers()
    {
        List<int> numbers = new(Held.Length);
        foreach (HeldPartition held in Held)
        {
            numbers.Add(held.Partition);
        }
        return numbers;
    }
}

/// <summary>A question about one partition.</summary>
public delegate bool PartitionTest(KafkaUuid topic, int partition);

/// <summary>
/// Partitions by topic id. Immutable. Two sets are the same when they hold the same partitions, whatever the epochs.
/// Topics are objects rather than values, so that the generic code beneath is shared and the binary stays small.
/// </summary>
public sealed class PartitionSet
{
    private PartitionSet(TopicPartitions[] topics)
    {
        Topics = topics;
        foreach (TopicPartitions topic in topics)
        {
            Count += topic.Held.Length;
        }
    }

    public static PartitionSet Empty { get; } = new([]);

    /// <summary>Partitions in all.</summary>
    public int Count { get; }

    public bool IsEmpty => Count == 0;

    /// <summary>Sorted by topic id, none without partitions.</summary>
    public IReadOnlyList<TopicPartitions> Topics { get; }

    public bool Contains(KafkaUuid topic, int partition) => Find(topic, partition) is not null;

    /// <summary>Null when the set does not have the partition.</summary>
    public HeldPartition? Find(KafkaUuid topic, int partition)
    {
        foreach (TopicPartitions one in Topics)
        {
            if (one.Topic != topic)
            {
                continue;
            }
            int low = 0;
            int high = one.Held.Length - 1;
            while (low <= high)
            {
                int middle = (low + high) / 2;
                if (one.Held[middle].Partition == partition)
                {
                    return one.Held[middle];
                }
                if (one.Held[middle].Partition < partition)
                {
                    low = middle + 1;
                }
                else
                {
                    high = middle - 1;
                }
            }
            return null;
        }
        return null;
    }

    /// <summary>What the set has of a topic, in ascending order.</summary>
    public HeldPartition[] Of(KafkaUuid topic)
    {
        foreach (TopicPartitions one in Topics)
        {
            if (one.Topic == topic)
            {
                return one.Held;
            }
        }
        return [];
    }

    public PartitionSet Where(PartitionTest keep)
    {
        Builder kept = new();
        foreach (TopicPartitions topic in Topics)
        {
            foreach (HeldPartition held in topic.Held)
            {
                if (keep(topic.Topic, held.Partition))
                {
                    kept.Add(topic.Topic, held);
                }
            }
        }
        return kept.Count == Count ? this : kept.Build();
    }

    public bool Any(PartitionTest test)
    {
        foreach (TopicPartitions topic in Topics)
        {
            foreach (HeldPartition held in topic.Held)
            {
                if (test(topic.Topic, held.Partition))
                {
                    return true;
                }
            }
        }
        return false;
    }

    public PartitionSet Union(PartitionSet other)
    {
        if (other.IsEmpty)
        {
            return this;
        }
        Builder all = new();
        all.Add(this);
        all.Add(other);
        return all.Build();
    }

    public bool HasSamePartitions(PartitionSet other) =>
        ReferenceEquals(this, other) || (Count == other.Count && !Any((topic, p) => !other.Contains(topic, p)));

    public override string ToString() =>
        string.Join(' ', Topics.Select(t => $"{t.Topic}:{string.Join(',', t.Held.Select(held => held.Partition))}"));

    /// <summary>Collects partitions in any order; one that comes twice counts once, with its first epoch.</summary>
    public sealed class Builder
    {
        private const int PartitionShift = 32;

        // A partition and its epoch in one number, so that sorting by it sorts by partition.
        private readonly Dictionary<KafkaUuid, List<long>> _topics = [];

        public int Count { get; private set; }

        public void Add(KafkaUuid topic, HeldPartition held)
        {
            if (!_topics.TryGetValue(topic, out List<long>? partitions))
            {
                _topics[topic] = partitions = [];
            }
            partitions.Add(((long)held.Partition << PartitionShift) | (uint)held.Epoch);
            Count++;
        }

        /// <summary>Partitions without an epoch.</summary>
        public void Add(KafkaUuid topic, List<int> partitions)
        {
            foreach (int partition in partitions)
            {
                Add(topic, new HeldPartition(partition, 0));
            }
        }

        public void Add(PartitionSet set)
        {
            foreach (TopicPartitions topic in set.Topics)
            {
                foreach (HeldPartition held in topic.Held)
                {
                    Add(topic.Topic, held);
                }
            }
        }

        public PartitionSet Build()
        {
            if (Count == 0)
            {
                return Empty;
            }
            List<TopicPartitions> topics = [];
            foreach ((KafkaUuid topic, List<long> packed) in _topics)
            {
                packed.Sort();
                List<HeldPartition> held = [];
                foreach (long one in packed)
                {
                    int partition = (int)(one >> PartitionShift);
                    if (held.Count == 0 || held[^1].Partition != partition)
                    {
                        held.Add(new HeldPartition(partition, (int)one));
                    }
                }
                topics.Add(new TopicPartitions(topic, [.. held]));
            }
            topics.Sort((a, b) => a.Topic.CompareTo(b.Topic));
            return new PartitionSet([.. topics]);
        }
    }
}
