using Aot.Broker.Base;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// How a classic group gets from one generation to the next, and what runs out on the way: sessions, the joining
/// phase, members that never fetch their assignment. Runs on the shard's core.
/// </summary>
internal sealed class ClassicRebalance(GroupShard shard)
{
    private Core Core => shard.Core;

    /// <summary>Counts any sign of life of a member.</summary>
    internal void RestartSession(GroupEntry entry, ClassicMember member) =>
        StartSession(entry, member, member.SessionTimeoutMs);

    /// <summary>After a load every member's session begins anew.</summary>
    internal void RestartSessions(GroupEntry entry)
    {
        foreach (ClassicMember member in entry.Group.Members)
        {
            RestartSession(entry, member);
        }
    }

    /// <summary>Ends everything that a group waits for; its shard no longer answers for it.</summary>
    internal void Abandon(GroupEntry entry) => End(entry, ErrorCode.NotCoordinator);

    /// <summary>Ends it because the group goes on under another protocol: whoever waits comes again.</summary>
    internal void Dissolve(GroupEntry entry) => End(entry, ErrorCode.RebalanceInProgress);

    private void End(GroupEntry entry, ErrorCode error)
    {
        Cancel(entry.JoinTimer);
        Cancel(entry.SyncTimer);
        foreach (TimerHandle timer in entry.PendingTimers.Values)
        {
            Core.Timers.Cancel(timer);
        }
        foreach (ClassicMember member in entry.Group.Members)
        {
            StopSession(member);
            EndParked(member, error);
        }
        entry.Group.TransitionTo(ClassicGroupState.Dead, Core.WallMillis);
    }

    internal void RebalanceOrComplete(GroupEntry entry)
    {
        if (entry.Group.State == ClassicGroupState.PreparingRebalance)
        {
            CompleteJoinIfReady(entry);
        }
        else
        {
            PrepareRebalance(entry);
        }
    }

    internal void PrepareRebalance(GroupEntry entry)
    {
        ClassicGroup group = entry.Group;
        foreach (ClassicMember member in group.Members)
        {
            EndSync(member, ClassicAnswers.SyncError(ErrorCode.RebalanceInProgress));
        }
        Cancel(entry.SyncTimer);
        entry.SyncTimer = null;
        entry.AwaitedSyncs.Clear();
        bool wasEmpty = group.State == ClassicGroupState.Empty;
        group.TransitionTo(ClassicGroupState.PreparingRebalance, Core.WallMillis);
        int initialDelay = shard.Options.InitialRebalanceDelayMs;
        entry.IsInitialDelay = wasEmpty && initialDelay > 0;
        group.NewMemberAdded = false;
        if (entry.IsInitialDelay)
        {
            entry.InitialDelayLeftMs = Math.Max(group.RebalanceTimeoutMs - initialDelay, 0);
            ScheduleJoinEnd(entry, initialDelay);
        }
        else
        {
            ScheduleJoinEnd(entry, group.RebalanceTimeoutMs);
            CompleteJoinIfReady(entry);
        }
    }

    internal void ScheduleJoinEnd(GroupEntry entry, int delayMs)
    {
        Cancel(entry.JoinTimer);
        entry.JoinTimer = Core.Timers.Schedule(Core.NowMillis + delayMs, new TimerAction(() => OnJoinTimer(entry)), 0);
    }

    internal void OnJoinTimer(GroupEntry entry)
    {
        entry.JoinTimer = null;
        if (entry.IsInitialDelay && entry.Group.NewMemberAdded && entry.InitialDelayLeftMs > 0)
        {
            int delay = Math.Min(shard.Options.InitialRebalanceDelayMs, entry.InitialDelayLeftMs);
            entry.InitialDelayLeftMs -= delay;
            entry.Group.NewMemberAdded = false;
            ScheduleJoinEnd(entry, delay);
            return;
        }
        CompleteJoin(entry);
    }

    internal void CompleteJoinIfReady(GroupEntry entry)
    {
        if (
            entry.Group.State == ClassicGroupState.PreparingRebalance
            && !entry.IsInitialDelay
            && entry.Group.HasAllJoined
        )
        {
            CompleteJoin(entry);
        }
    }

    internal void CompleteJoin(GroupEntry entry)
    {
        ClassicGroup group = entry.Group;
        Cancel(entry.JoinTimer);
        entry.JoinTimer = null;
        entry.IsInitialDelay = false;
        foreach (
            ClassicMember absent in group.Members.Where(m => m.AwaitingJoin is null && m.InstanceId is null).ToList()
        )
        {
            StopSession(absent);
            group.Remove(absent);
        }
        if (group.Members.Count > 0 && !group.ElectJoinedLeader())
        {
            // Only static members that are away: they keep their places until their sessions end.
            ScheduleJoinEnd(entry, group.RebalanceTimeoutMs);
            return;
        }
        group.StartNextGeneration(Core.WallMillis);
        if (group.State == ClassicGroupState.Empty)
        {
            _ = RecordEmptyAsync(entry);
            return;
        }
        foreach (ClassicMember member in group.Members)
        {
            EndJoin(member, ClassicAnswers.CurrentGeneration(group, member, member.JoinVersion));
            member.IsNew = false;
            RestartSession(entry, member);
            entry.AwaitedSyncs.Add(member.MemberId);
        }
        int generation = group.Generation;
        entry.SyncTimer = Core.Timers.Schedule(
            Core.NowMillis + group.RebalanceTimeoutMs,
            new TimerAction(() => OnSyncTimer(entry, generation)),
            0
        );
    }

    internal async Task RecordEmptyAsync(GroupEntry entry)
    {
        ClassicGroup group = entry.Group;
        ErrorCode error = await shard.AppendAsync([
            new CoordinatorRecord(
                GroupRecords.GroupKey(group.GroupId),
                GroupRecords.GroupValue(group, new Dictionary<string, byte[]>())
            ),
        ]);
        if (error != ErrorCode.None)
        {
            // The group is empty in memory all the same; a restart would only bring back members that time out.
            CoordinatorTrace.Log.Warn("could not record an empty group", ("group", group.GroupId), ("error", error));
        }
    }

    internal void OnSyncTimer(GroupEntry entry, int generation)
    {
        entry.SyncTimer = null;
        if (entry.Group.Generation != generation)
        {
            return;
        }
        foreach (string memberId in entry.AwaitedSyncs.ToList())
        {
            if (entry.Group.Find(memberId) is { } member)
            {
                RemoveMember(entry, member);
            }
        }
        entry.AwaitedSyncs.Clear();
    }

    internal void NoteSync(GroupEntry entry, string memberId)
    {
        entry.AwaitedSyncs.Remove(memberId);
        if (entry.AwaitedSyncs.Count == 0)
        {
            Cancel(entry.SyncTimer);
            entry.SyncTimer = null;
        }
    }

    internal void RemoveMember(GroupEntry entry, ClassicMember member)
    {
        ClassicGroup group = entry.Group;
        StopSession(member);
        EndParked(member, ErrorCode.UnknownMemberId);
        group.Remove(member);
        entry.AwaitedSyncs.Remove(member.MemberId);
        switch (group.State)
        {
            case ClassicGroupState.Stable:
            case ClassicGroupState.CompletingRebalance:
                PrepareRebalance(entry);
                break;
            case ClassicGroupState.PreparingRebalance:
                CompleteJoinIfReady(entry);
                break;
        }
    }

    internal void ExpirePending(GroupEntry entry, string memberId)
    {
        entry.PendingTimers.Remove(memberId);
        if (entry.Group.RemovePending(memberId))
        {
            CompleteJoinIfReady(entry);
            ForgetIfUnused(entry);
        }
    }

    internal void CancelPending(GroupEntry entry, string memberId)
    {
        if (entry.PendingTimers.Remove(memberId, out TimerHandle timer))
        {
            Core.Timers.Cancel(timer);
        }
    }

    /// <summary>A group that never got a member, an offset or a record leaves nothing behind.</summary>
    internal void ForgetIfUnused(GroupEntry entry)
    {
        ClassicGroup group = entry.Group;
        if (
            group is not { Size: 0, Generation: 0, State: ClassicGroupState.Empty }
            || shard.Offsets.HasAny(group.GroupId)
        )
        {
            return;
        }
        if (entry.IsRecorded)
        {
            _ = shard.AppendAsync([.. entry.Tombstones]);
        }
        else
        {
            shard.Remove(group.GroupId);
        }
    }

    [HotPath]
    internal void StartSession(GroupEntry entry, ClassicMember member, int timeoutMs)
    {
        StopSession(member);
        ITimerTarget target = member.SessionTarget ?? MakeSessionTargetSlow(entry, member);
        member.SessionTimer = Core.Timers.Schedule(Core.NowMillis + timeoutMs, target, 0);
    }

    /// <summary>Once per member. A method of its own: the closure would be made at every call of its caller.</summary>
    private TimerAction MakeSessionTargetSlow(GroupEntry entry, ClassicMember member)
    {
        TimerAction target = new(() => OnSessionTimer(entry, member));
        member.SessionTarget = target;
        return target;
    }

    internal void OnSessionTimer(GroupEntry entry, ClassicMember member)
    {
        member.SessionTimer = null;
        // A parked member is kept waiting by us; its session begins again with the answer. Only somebody who has
        // never been in a generation is not waited for without end.
        if ((!member.IsParked || member.IsNew) && entry.Group.Find(member.MemberId) == member)
        {
            CoordinatorTrace.Log.Info(
                "member's session ended",
                ("group", entry.Group.GroupId),
                ("member", member.MemberId)
            );
            RemoveMember(entry, member);
        }
    }

    internal void StopSession(ClassicMember member)
    {
        Cancel(member.SessionTimer);
        member.SessionTimer = null;
    }

    internal void Cancel(TimerHandle? timer)
    {
        if (timer is { } handle)
        {
            Core.Timers.Cancel(handle);
        }
    }

    internal static Task<JoinGroupResponse> Park(ClassicMember member, GroupCaller caller)
    {
        EndJoin(member, ClassicAnswers.JoinError(member.MemberId, ErrorCode.RebalanceInProgress, caller.ApiVersion));
        member.AwaitingJoin = new TaskCompletionSource<JoinGroupResponse>(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        member.JoinVersion = caller.ApiVersion;
        return member.AwaitingJoin.Task;
    }

    internal static void EndParked(ClassicMember member, ErrorCode error)
    {
        EndJoin(member, ClassicAnswers.JoinError(member.MemberId, error, member.JoinVersion));
        EndSync(member, ClassicAnswers.SyncError(error));
    }

    internal static void EndJoin(ClassicMember member, JoinGroupResponse answer)
    {
        TaskCompletionSource<JoinGroupResponse>? parked = member.AwaitingJoin;
        member.AwaitingJoin = null;
        parked?.SetResult(answer);
    }

    internal static void EndSync(ClassicMember member, SyncGroupResponse answer)
    {
        TaskCompletionSource<SyncGroupResponse>? parked = member.AwaitingSync;
        member.AwaitingSync = null;
        parked?.SetResult(answer);
    }
}
