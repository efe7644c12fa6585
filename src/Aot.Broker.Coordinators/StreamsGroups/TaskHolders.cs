namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// Who holds which task, asked of the members themselves: a question costs a search per member, and is only asked for
/// tasks that a member is about to get.
/// </summary>
internal sealed class TaskHolders(IReadOnlyCollection<StreamsMember> members) : ITaskHolders
{
    public string? ActiveProcess(StreamsTask task)
    {
        foreach (StreamsMember member in members)
        {
            if (member.Assigned.Active.Contains(task) || member.PendingRevocation.Active.Contains(task))
            {
                return member.ProcessId;
            }
        }
        return null;
    }

    public bool IsStandbyBeside(StreamsMember member, StreamsTask task)
    {
        foreach (StreamsMember other in members)
        {
            if (
                IsBeside(other, member)
                && (other.Assigned.Standby.Contains(task) || other.PendingRevocation.Standby.Contains(task))
            )
            {
                return true;
            }
        }
        return false;
    }

    public bool IsWarmupBeside(StreamsMember member, StreamsTask task)
    {
        foreach (StreamsMember other in members)
        {
            if (
                IsBeside(other, member)
                && (other.Assigned.Warmup.Contains(task) || other.PendingRevocation.Warmup.Contains(task))
            )
            {
                return true;
            }
        }
        return false;
    }

    private static bool IsBeside(StreamsMember other, StreamsMember member) =>
        other.MemberId != member.MemberId && other.ProcessId == member.ProcessId;
}
