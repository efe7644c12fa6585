using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Assignors;

/// <summary>
/// <c>range</c>: of each topic, every subscriber gets one contiguous range, the first ones one partition more. Members
/// are taken in the order of their instance ids, then of their member ids, so that equal partition numbers of topics of
/// equal size meet at one member.
/// </summary>
public sealed class RangeAssignor : IAssignor
{
    public string Name => "range";

    public PartitionSet[] Assign(AssignorInput input)
    {
        PartitionSet.Builder[] assigned = [.. input.Members.Select(_ => new PartitionSet.Builder())];
        int[] order = [.. Enumerable.Range(0, input.Members.Count)];
        Array.Sort(order, (a, b) => Compare(input.Members[a], input.Members[b]));
        for (int topic = 0; topic < input.Topics.Count; topic++)
        {
            int index = topic;
            int count = input.Topics[topic].PartitionCount;
            int[] subscribers = Array.FindAll(order, i => input.Members[i].Topics.Contains(index));
            int next = 0;
            for (int i = 0; i < subscribers.Length; i++)
            {
                int quota = (count / subscribers.Length) + (i < count % subscribers.Length ? 1 : 0);
                for (int end = next + quota; next < end; next++)
                {
                    assigned[subscribers[i]].Add(input.Topics[topic].Id, new HeldPartition(next, 0));
                }
            }
        }
        return [.. assigned.Select(builder => builder.Build())];
    }

    private static int Compare(AssignorMember a, AssignorMember b)
    {
        if (a.InstanceId is null != b.InstanceId is null)
        {
            return a.InstanceId is null ? 1 : -1;
        }
        int instance = string.CompareOrdinal(a.InstanceId, b.InstanceId);
        return instance != 0 ? instance : string.CompareOrdinal(a.MemberId, b.MemberId);
    }
}
