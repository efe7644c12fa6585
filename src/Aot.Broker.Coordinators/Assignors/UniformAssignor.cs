using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Assignors;

/// <summary>
/// <c>uniform</c>: first balance, then as little movement as possible. With equal subscriptions the members' counts
/// differ by at most one; with different ones no partition could move to a subscriber that has two fewer.
/// </summary>
public sealed class UniformAssignor : IAssignor
{
    public string Name => "uniform";

    public PartitionSet[] Assign(AssignorInput input)
    {
        if (input.Members.Count == 0)
        {
            return [];
        }
        Division division = new(input);
        if (input.IsHomogeneous)
        {
            division.KeepUpToQuota();
            division.FillToQuota();
        }
        else
        {
            division.KeepAll();
            division.GiveRest();
            division.Balance();
        }
        return division.Result();
    }

    /// <summary>The partitions while they are divided: each a number of topic index and partition.</summary>
    private sealed class Division
    {
        private const int TopicShift = 32;

        private readonly AssignorInput _input;
        private readonly List<long>[] _owned;
        private readonly List<long> _free = [];

        public Division(AssignorInput input)
        {
            _input = input;
            _owned = [.. input.Members.Select(_ => new List<long>())];
            for (int topic = 0; topic < input.Topics.Count; topic++)
            {
                for (int partition = 0; partition < input.Topics[topic].PartitionCount; partition++)
                {
                    _free.Add(((long)topic << TopicShift) | (uint)partition);
                }
            }
        }

        /// <summary>Members keep what they had, but not more than their share.</summary>
        public void KeepUpToQuota()
        {
            int least = _free.Count / _owned.Length;
            int onesMore = _free.Count % _owned.Length;
            HashSet<long> taken = [];
            List<long>[] had = [.. _input.Members.Select(Valid)];
            for (int i = 0; i < _owned.Length; i++)
            {
                Keep(i, had[i], least, taken);
            }
            // Those who had more than the smaller share are the ones who may keep one more.
            for (int i = 0; i < _owned.Length && onesMore > 0; i++)
            {
                if (_owned[i].Count == least && Keep(i, had[i], 1, taken) == 1)
                {
                    onesMore--;
                }
            }
            _free.RemoveAll(taken.Contains);
        }

        public void FillToQuota()
        {
            int total = _free.Count + _owned.Sum(owned => owned.Count);
            int least = total / _owned.Length;
            int onesMore = (total % _owned.Length) - _owned.Count(owned => owned.Count > least);
            int next = 0;
            foreach (List<long> owned in _owned)
            {
                while (owned.Count < least)
                {
                    owned.Add(_free[next++]);
                }
            }
            for (int i = 0; onesMore > 0; i++)
            {
                if (_owned[i].Count == least)
                {
                    _owned[i].Add(_free[next++]);
                    onesMore--;
                }
            }
            Invariant.That(next == _free.Count);
        }

        public void KeepAll()
        {
            HashSet<long> taken = [];
            for (int i = 0; i < _owned.Length; i++)
            {
                Keep(i, Valid(_input.Members[i]), int.MaxValue, taken);
            }
            _free.RemoveAll(taken.Contains);
        }

        /// <summary>Partitions with the fewest possible takers first.</summary>
        public void GiveRest()
        {
            int[][] subscribers = Subscribers();
            _free.Sort(
                (a, b) =>
                {
                    int takers = subscribers[TopicOf(a)].Length.CompareTo(subscribers[TopicOf(b)].Length);
                    return takers != 0 ? takers : a.CompareTo(b);
                }
            );
            foreach (long partition in _free)
            {
                _owned[Least(subscribers[TopicOf(partition)])].Add(partition);
            }
        }

        /// <summary>Each move makes the counts more even, so this ends.</summary>
        public void Balance()
        {
            int[][] subscribers = Subscribers();
            bool moved;
            do
            {
                moved = false;
                for (int from = 0; from < _owned.Length; from++)
                {
                    for (int at = _owned[from].Count - 1; at >= 0; at--)
                    {
                        long partition = _owned[from][at];
                        int to = Least(subscribers[TopicOf(partition)]);
                        if (_owned[to].Count + 1 < _owned[from].Count)
                        {
                            _owned[from].RemoveAt(at);
                            _owned[to].Add(partition);
                            moved = true;
                        }
                    }
                }
            } while (moved);
        }

        public PartitionSet[] Result()
        {
            PartitionSet[] results = new PartitionSet[_owned.Length];
            for (int i = 0; i < results.Length; i++)
            {
                PartitionSet.Builder builder = new();
                foreach (long partition in _owned[i])
                {
                    builder.Add(_input.Topics[TopicOf(partition)].Id, new HeldPartition((int)partition, 0));
                }
                results[i] = builder.Build();
            }
            return results;
        }

        private static int TopicOf(long partition) => (int)(partition >> TopicShift);

        /// <summary>How many partitions the member got.</summary>
        private int Keep(int member, List<long> had, int most, HashSet<long> taken)
        {
            int kept = 0;
            foreach (long partition in had)
            {
                if (kept < most && taken.Add(partition))
                {
                    _owned[member].Add(partition);
                    kept++;
                }
            }
            return kept;
        }

        /// <summary>What the member had, as far as it still subscribes to it and it still exists.</summary>
        private List<long> Valid(AssignorMember member)
        {
            List<long> valid = [];
            for (int topic = 0; topic < _input.Topics.Count; topic++)
            {
                AssignorTopic described = _input.Topics[topic];
                if (
                    !member.Topics.Contains(topic)
                    || member.Current.Topics.FirstOrDefault(one => one.Topic == described.Id) is not { } current
                )
                {
                    continue;
                }
                foreach (HeldPartition held in current.Held)
                {
                    if (held.Partition < described.PartitionCount)
                    {
                        valid.Add(((long)topic << TopicShift) | (uint)held.Partition);
                    }
                }
            }
            return valid;
        }

        private int[][] Subscribers()
        {
            int[][] subscribers = new int[_input.Topics.Count][];
            for (int topic = 0; topic < subscribers.Length; topic++)
            {
                int index = topic;
                subscribers[topic] =
                [
                    .. Enumerable.Range(0, _owned.Length).Where(i => _input.Members[i].Topics.Contains(index)),
                ];
            }
            return subscribers;
        }

        private int Least(int[] members)
        {
            int least = members[0];
            foreach (int member in members)
            {
                if (_owned[member].Count < _owned[least].Count)
                {
                    least = member;
                }
            }
            return least;
        }
    }
}
