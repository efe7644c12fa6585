using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.Assignors;

/// <summary>A topic as an assignor sees it.</summary>
/// <param name="Assignable">In a share group: the partitions that may be given to members, in ascending order.</param>
public sealed record AssignorTopic(KafkaUuid Id, int PartitionCount, int[]? Assignable = null);

/// <summary>A member as an assignor sees it.</summary>
/// <param name="Topics">What it subscribes to, as indexes into the input's topics.</param>
/// <param name="Current">What the last decision gave it.</param>
public sealed record AssignorMember(string MemberId, string? InstanceId, HashSet<int> Topics, PartitionSet Current);

/// <summary>Members and topics for which partitions are to be divided.</summary>
/// <param name="Members">Each id once.</param>
/// <param name="Topics">Every topic that a member subscribes to, sorted by id.</param>
public sealed record AssignorInput(IReadOnlyList<AssignorMember> Members, IReadOnlyList<AssignorTopic> Topics)
{
    /// <summary>Whether all members subscribe to the same topics.</summary>
    public bool IsHomogeneous => Members.All(member => member.Topics.SetEquals(Members[0].Topics));
}

/// <summary>
/// Divides partitions among the members of a group on the broker's side (KIP-848). Every partition of a subscribed
/// topic goes to a member that subscribes to it: in a consumer group to exactly one. The same input gives the same result.
/// </summary>
public interface IAssignor
{
    /// <summary>As clients and <c>group.consumer.assignors</c> name it.</summary>
    string Name { get; }

    /// <summary>For each member, in the input's order, what it shall have.</summary>
    PartitionSet[] Assign(AssignorInput input);
}
