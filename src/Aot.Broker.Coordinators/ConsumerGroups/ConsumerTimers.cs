using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// What runs out for the members of consumer groups: a session without a sign of life, and the time to give partitions
/// up. Either ends with the member's removal. Runs on the shard's core.
/// </summary>
internal sealed class ConsumerTimers(GroupShard shard)
{
    private Core Core => shard.Core;

    public void RestartSession(ConsumerGroup group, ConsumerMember member)
    {
        MemberTimers timers = group.TimersOf(member.MemberId);
        Cancel(timers.Session);
        string memberId = member.MemberId;
        timers.SessionTarget ??= new TimerAction(() => OnSession(group, memberId));
        int timeout = member.Classic?.SessionTimeoutMs ?? shard.GroupSettings.SessionTimeoutMs(group.GroupId);
        timers.Session = Core.Timers.Schedule(Core.NowMillis + timeout, timers.SessionTarget, 0);
    }

    /// <summary>Starts, keeps or stops the clock of a member's revocation, as its state asks.</summary>
    public void FollowRevocation(ConsumerGroup group, ConsumerMember member)
    {
        MemberTimers timers = group.TimersOf(member.MemberId);
        if (member.State != MemberState.UnrevokedPartitions || member.UsesClassicProtocol)
        {
            StopRevocation(timers);
            return;
        }
        if (timers.Revocation is not null && timers.RevocationEpoch == member.Epoch)
        {
            return;
        }
        Cancel(timers.Revocation);
        string memberId = member.MemberId;
        timers.RevocationEpoch = member.Epoch;
        timers.Revocation = Core.Timers.Schedule(
            Core.NowMillis + member.RebalanceTimeoutMs,
            new TimerAction(() => OnRevocation(group, memberId)),
            0
        );
    }

    /// <summary>Starts once per epoch; the member's next join stops it.</summary>
    public void AwaitRejoin(ConsumerGroup group, ConsumerMember member)
    {
        MemberTimers timers = group.TimersOf(member.MemberId);
        if (timers.Revocation is not null && timers.RevocationEpoch == member.Epoch)
        {
            return;
        }
        Cancel(timers.Revocation);
        string memberId = member.MemberId;
        timers.RevocationEpoch = member.Epoch;
        timers.Revocation = Core.Timers.Schedule(
            Core.NowMillis + member.RebalanceTimeoutMs,
            new TimerAction(() => OnRejoin(group, memberId)),
            0
        );
    }

    private void OnRejoin(ConsumerGroup group, string memberId)
    {
        MemberTimers timers = group.TimersOf(memberId);
        timers.Revocation = null;
        if (group.Find(memberId)?.Epoch == timers.RevocationEpoch)
        {
            Remove(group, memberId, "member did not join again in time");
        }
    }

    public void StopRevocation(MemberTimers timers)
    {
        Cancel(timers.Revocation);
        timers.Revocation = null;
    }

    public void Stop(MemberTimers timers)
    {
        Cancel(timers.Session);
        timers.Session = null;
        StopRevocation(timers);
    }

    private void OnSession(ConsumerGroup group, string memberId)
    {
        group.TimersOf(memberId).Session = null;
        Remove(group, memberId, "member's session ended");
    }

    private void OnRevocation(ConsumerGroup group, string memberId)
    {
        MemberTimers timers = group.TimersOf(memberId);
        timers.Revocation = null;
        if (
            group.Find(memberId) is { State: MemberState.UnrevokedPartitions } member
            && member.Epoch == timers.RevocationEpoch
        )
        {
            Remove(group, memberId, "member did not give up its partitions in time");
        }
    }

    private void Remove(ConsumerGroup group, string memberId, string why)
    {
        if (shard.FindConsumer(group.GroupId) != group || group.Find(memberId) is not { } member)
        {
            return;
        }
        CoordinatorTrace.Log.Info(why, ("group", group.GroupId), ("member", memberId));
        _ = RemoveAsync(group, member);
    }

    private async Task RemoveAsync(ConsumerGroup group, ConsumerMember member)
    {
        ErrorCode error = await shard.Consumers.RemoveAsync(group, member);
        if (error != ErrorCode.None)
        {
            CoordinatorTrace.Log.Warn(
                "could not record the removal of a member",
                ("group", group.GroupId),
                ("member", member.MemberId),
                ("error", error)
            );
        }
    }

    private void Cancel(TimerHandle? timer)
    {
        if (timer is { } handle)
        {
            Core.Timers.Cancel(handle);
        }
    }
}
