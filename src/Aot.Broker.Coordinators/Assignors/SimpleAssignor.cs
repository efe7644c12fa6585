using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Assignors;

/// <summary>
/// <c>simple</c>, the assignor of share groups (KIP-932): members may share a partition. With more members than partitions
/// each partition has as many members as any other, or one less; with fewer, each member has as many partitions as any
/// other, or one less. What a member has it keeps where it can. Members with the same subscription share one pool of
/// partitions; else each topic is divided for itself among those who subscribe to it.
/// </summary>
public sealed class SimpleAssignor : IAssignor
{
    public string Name => "simple";

    public PartitionSet[] Assign(AssignorInput input)
    {
        PartitionSet.Builder[] assigned = [.. input.Members.Select(_ => new PartitionSet.Builder())];
        List<SharedPartition> pool = [];
        List<int> members = [];
        bool isOnePool = input.IsHomogeneous;
        for (int topic = 0; topic < input.Topics.Count; topic++)
        {
            AddPartitions(input.Topics[topic], pool);
            if (!isOnePool || topic == input.Topics.Count - 1)
            {
                members.Clear();
                for (int member = 0; member < input.Members.Count; member++)
                {
                    if (input.Members[member].Topics.Contains(topic))
                    {
                        members.Add(member);
                    }
                }
                Divide(input, members, pool, assigned);
                pool.Clear();
            }
        }
        return [.. assigned.Select(builder => builder.Build())];
    }

    private static void AddPartitions(AssignorTopic topic, List<SharedPartition> pool)
    {
        int count = topic.Assignable?.Length ?? topic.PartitionCount;
        for (int i = 0; i < count; i++)
        {
            pool.Add(new SharedPartition(topic, topic.Assignable?[i] ?? i));
        }
    }

    private static void Divide(
        AssignorInput input,
        List<int> members,
        List<SharedPartition> pool,
        PartitionSet.Builder[] assigned
    )
    {
        if (members.Count == 0 || pool.Count == 0)
        {
            return;
        }
        int sharing = (members.Count + pool.Count - 1) / pool.Count;
        long places = (long)sharing * pool.Count;
        int[] room = new int[members.Count];
        for (int i = 0; i < room.Length; i++)
        {
            room[i] = (int)(Part(places, i + 1, room.Length) - Part(places, i, room.Length));
            Keep(input.Members[members[i]], members[i], pool, sharing, ref room[i], assigned[members[i]]);
        }
        Fill(members, room, pool, sharing, assigned);
    }

    /// <summary>How many places the first so many members have together: they are spread evenly.</summary>
    private static long Part(long places, int members, int of) => (places * members + of - 1) / of;

    private static void Keep(
        AssignorMember member,
        int index,
        List<SharedPartition> pool,
        int sharing,
        ref int room,
        PartitionSet.Builder assigned
    )
    {
        foreach (SharedPartition partition in pool)
        {
            if (
                room > 0
                && partition.Members.Count < sharing
                && member.Current.Contains(partition.Topic.Id, partition.Partition)
            )
            {
                partition.Give(index, assigned);
                room--;
            }
        }
    }

    /// <summary>Members with room take what has the fewest members; nobody takes a partition twice.</summary>
    private static void Fill(
        List<int> members,
        int[] room,
        List<SharedPartition> pool,
        int sharing,
        PartitionSet.Builder[] assigned
    )
    {
        LinkedList<SharedPartition> free = [];
        for (int level = 0; level < sharing; level++)
        {
            foreach (SharedPartition partition in pool)
            {
                if (partition.Members.Count <= level)
                {
                    free.AddLast(partition);
                }
            }
        }
        for (int i = 0; i < room.Length; i++)
        {
            LinkedListNode<SharedPartition>? next = free.First;
            while (room[i] > 0 && next is not null)
            {
                LinkedListNode<SharedPartition> place = next;
                next = next.Next;
                if (!place.Value.Members.Contains(members[i]))
                {
                    place.Value.Give(members[i], assigned[members[i]]);
                    free.Remove(place);
                    room[i]--;
                }
            }
        }
    }

    private sealed class SharedPartition(AssignorTopic topic, int partition)
    {
        public AssignorTopic Topic => topic;

        public int Partition => partition;

        public List<int> Members { get; } = [];

        public void Give(int member, PartitionSet.Builder assigned)
        {
            Members.Add(member);
            assigned.Add(topic.Id, new HeldPartition(partition, 0));
        }
    }
}
