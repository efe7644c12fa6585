using Aot.Broker.Coordinators.ConsumerGroups;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// Who holds a task now, the tasks that a member was told to give up among them. A member holds its own as well.
/// </summary>
internal interface ITaskHolders
{
    /// <summary>The process that runs the task as active; null when none does.</summary>
    string? ActiveProcess(StreamsTask task);

    /// <summary>Whether another member of this one's process has the task as a standby task.</summary>
    bool IsStandbyBeside(StreamsMember member, StreamsTask task);

    /// <summary>Whether another member of this one's process has the task as a warm-up task.</summary>
    bool IsWarmupBeside(StreamsMember member, StreamsTask task);
}

/// <summary>
/// The next step of a member from the tasks that it has to its target (KIP-1071, "Rebalance Process"): first it gives up
/// what it shall not keep, then it reaches the target's epoch, then it gets each task as soon as nobody is in its way. An
/// active task is in the way of every other active one; a process has only one copy of a task's state, so within it a task
/// of any role is in the way. A task that only changes its role in the same member keeps its state: towards a copy at once,
/// from a copy to the active task when that is free. Pure: what it reads is given, what it finds is a new member.
/// </summary>
/// <param name="Target">What the member shall have.</param>
/// <param name="TargetEpoch">The epoch of that decision.</param>
/// <param name="Owned">What the member says it holds; null when it did not say.</param>
internal readonly record struct StreamsReconciliation(
    MemberTasks Target,
    int TargetEpoch,
    ITaskHolders Holders,
    MemberTasks? Owned
)
{
    /// <summary>The member itself when there is no step to take.</summary>
    public StreamsMember Next(StreamsMember member) =>
        member.State switch
        {
            MemberState.Stable when member.Epoch == TargetEpoch => member,
            MemberState.UnrevokedPartitions when StillOwns(member.PendingRevocation) => member,
            // All that was to be revoked is: on to the epoch after, and from there to the newest target.
            MemberState.UnrevokedPartitions => Step(member, member.Epoch + 1),
            // Written by a newer version: only somebody who holds nothing may go on from here.
            MemberState.Unknown => Step(member, TargetEpoch),
            _ => Step(member, member.Epoch),
        };

    private StreamsMember Step(StreamsMember member, int epoch)
    {
        ITaskHolders holders = Holders;
        MemberTasks has = member.Assigned;
        Change active = Compare(has.Active, Target.Active, task => IsActiveTaken(holders, member, task), TargetEpoch);
        Change standby = Compare(has.Standby, Target.Standby, task => IsStandbyTaken(holders, member, task), 0);
        Change warmup = Compare(has.Warmup, Target.Warmup, task => IsWarmupTaken(holders, member, task), 0);

        // The state stays where it is.
        standby = standby.TakeNow(has.Active);
        (standby, warmup) = (
            standby with
            {
                Revoked = Without(standby.Revoked, warmup.Added),
            },
            warmup.TakeNow(has.Standby)
        );
        (warmup, standby) = (
            warmup with
            {
                Revoked = Without(warmup.Revoked, standby.Added),
            },
            standby.TakeNow(has.Warmup)
        );

        // A copy that becomes the active task is not given up.
        standby = standby with
        {
            Revoked = Without(standby.Revoked, Target.Active),
        };
        warmup = warmup with { Revoked = Without(warmup.Revoked, Target.Active) };
        MemberTasks revoked = new(active.Revoked, standby.Revoked, warmup.Revoked);
        bool mustRevoke = !revoked.IsEmpty && StillOwns(revoked);
        TaskSet promoted = mustRevoke ? Target.Active : Without(Target.Active, active.Added);
        MemberTasks kept = new(
            active.Kept,
            standby.Kept.Union(has.Standby.Where(promoted.Contains)),
            warmup.Kept.Union(has.Warmup.Where(promoted.Contains))
        );
        if (mustRevoke)
        {
            return member with
            {
                State = MemberState.UnrevokedPartitions,
                Epoch = epoch,
                PreviousEpoch = member.Epoch,
                Assigned = kept,
                PendingRevocation = revoked,
            };
        }
        StreamsMember next = member with
        {
            State =
                active.MustWait || standby.MustWait || warmup.MustWait
                    ? MemberState.UnreleasedPartitions
                    : MemberState.Stable,
            Epoch = TargetEpoch,
            PreviousEpoch = member.Epoch,
            Assigned = kept.Union(new MemberTasks(active.Added, standby.Added, warmup.Added)),
            PendingRevocation = MemberTasks.Empty,
        };
        bool isSame =
            next.State == member.State
            && next.Epoch == member.Epoch
            && member.PendingRevocation.IsEmpty
            && next.Assigned.HasSameTasks(has);
        return isSame ? member : next;
    }

    /// <summary>What becomes of the tasks of one role.</summary>
    /// <param name="Kept">Those that the member has and keeps.</param>
    /// <param name="Revoked">Those that it is to give up.</param>
    /// <param name="Added">Those that it gets with this step.</param>
    /// <param name="MustWait">Somebody is in the way of others.</param>
    private readonly record struct Change(TaskSet Kept, TaskSet Revoked, TaskSet Added, bool MustWait)
    {
        /// <summary>What the member has in another role already it keeps in this one, before anything is given up.</summary>
        public Change TakeNow(TaskSet fromRole)
        {
            TaskSet changed = Added.Where(fromRole.Contains);
            return changed.IsEmpty ? this : this with { Kept = Kept.Union(changed), Added = Without(Added, changed) };
        }
    }

    private static Change Compare(TaskSet has, TaskSet target, Func<StreamsTask, bool> isTaken, int epochOfNew)
    {
        TaskSet wanted = Without(target, has);
        TaskSet added = wanted.Where(task => !isTaken(task));
        return new Change(
            has.Where(target.Contains),
            Without(has, target),
            added.WithEpoch(epochOfNew),
            added.Count < wanted.Count
        );
    }

    private static TaskSet Without(TaskSet tasks, TaskSet others) => tasks.Where(task => !others.Contains(task));

    private static bool IsActiveTaken(ITaskHolders holders, StreamsMember member, StreamsTask task) =>
        holders.ActiveProcess(task) is not null
        || holders.IsStandbyBeside(member, task)
        || holders.IsWarmupBeside(member, task);

    private static bool IsStandbyTaken(ITaskHolders holders, StreamsMember member, StreamsTask task) =>
        (holders.ActiveProcess(task) == member.ProcessId && !member.Assigned.Active.Contains(task))
        || member.PendingRevocation.Standby.Contains(task)
        || holders.IsStandbyBeside(member, task)
        || holders.IsWarmupBeside(member, task);

    private static bool IsWarmupTaken(ITaskHolders holders, StreamsMember member, StreamsTask task) =>
        holders.ActiveProcess(task) == member.ProcessId
        || member.PendingRevocation.Warmup.Contains(task)
        || holders.IsStandbyBeside(member, task)
        || holders.IsWarmupBeside(member, task);

    private bool StillOwns(MemberTasks tasks) => Owned is null || Owned.Overlaps(tasks);
}
