using Aot.Broker.Coordinators.StreamsGroups;

namespace Aot.Broker.Coordinators.Assignors;

/// <summary>A subtopology as an assignor sees it.</summary>
/// <param name="IsStateful">Only such ones have standby tasks.</param>
public sealed record AssignorSubtopology(string Id, int TaskCount, bool IsStateful);

/// <summary>A member of a streams group as an assignor sees it.</summary>
/// <param name="Current">What the last decision gave it.</param>
/// <param name="Offsets">What it told of the state on its disk.</param>
public sealed record TaskAssignorMember(string MemberId, string ProcessId, MemberTasks Current, TaskOffsets Offsets);

/// <summary>Members and subtopologies for which tasks are to be divided.</summary>
/// <param name="Members">Each id once.</param>
/// <param name="StandbyReplicas">Copies wanted of the state of each stateful task.</param>
public sealed record TaskAssignorInput(
    IReadOnlyList<TaskAssignorMember> Members,
    IReadOnlyList<AssignorSubtopology> Subtopologies,
    int StandbyReplicas
);
