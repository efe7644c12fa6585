using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// What runs out for the members of consumer groups: a session without a sign of life, and the time to give partitions
/// up. Either ends with the member's removal. Runs on the shard's core.
/// </summary>
internal sealed class ConsumerTimers(GroupShard shard)
{
    [HotPath]
    public void RestartSession(ConsumerGroup group, ConsumerMember member)
    {
        MemberTimers timers = group.TimersOf(member.MemberId);
        int timeoutMs = member.Classic?.SessionTimeoutMs ?? shard.GroupSettings.SessionTimeoutMs(group.GroupId);
        if (!timers.TryRestartSession(shard.Core, timeoutMs))
        {
            StartSessionSlow(group, member.MemberId, timers, timeoutMs);
        }
    }

    /// <summary>Once per member. A method of its own: the closure would be made at every call of its caller.</summary>
    private void StartSessionSlow(ConsumerGroup group, string memberId, MemberTimers timers, int timeoutMs) =>
        timers.RestartSession(shard.Core, timeoutMs, () => Remove(group, memberId, "member's session ended"));

    /// <summary>Starts, keeps or stops the clock of a member's revocation, as its state asks.</summary>
    public void FollowRevocation(ConsumerGroup group, ConsumerMember member)
    {
        MemberTimers timers = group.TimersOf(member.MemberId);
        if (member.State != MemberState.UnrevokedPartitions || member.UsesClassicProtocol)
        {
            StopRevocation(timers);
            return;
        }
        string memberId = member.MemberId;
        timers.StartRevocation(
            shard.Core,
            member.Epoch,
            member.RebalanceTimeoutMs,
            () => OnRevocation(group, memberId, timers.RevocationEpoch)
        );
    }

    /// <summary>Starts once per epoch; the member's next join stops it.</summary>
    public void AwaitRejoin(ConsumerGroup group, ConsumerMember member)
    {
        string memberId = member.MemberId;
        MemberTimers timers = group.TimersOf(memberId);
        timers.StartRevocation(
            shard.Core,
            member.Epoch,
            member.RebalanceTimeoutMs,
            () => OnRejoin(group, memberId, timers.RevocationEpoch)
        );
    }

    public void StopRevocation(MemberTimers timers) => timers.StopRevocation(shard.Core);

    public void Stop(MemberTimers timers) => timers.Stop(shard.Core);

    private void OnRejoin(ConsumerGroup group, string memberId, int epoch)
    {
        if (group.Find(memberId)?.Epoch == epoch)
        {
            Remove(group, memberId, "member did not join again in time");
        }
    }

    private void OnRevocation(ConsumerGroup group, string memberId, int epoch)
    {
        if (group.Find(memberId) is { State: MemberState.UnrevokedPartitions } member && member.Epoch == epoch)
        {
            Remove(group, memberId, "member did not give up its partitions in time");
        }
    }

    private void Remove(ConsumerGroup group, string memberId, string why)
    {
        if (shard.FindConsumer(group.GroupId) == group && group.Find(memberId) is { } member)
        {
            CoordinatorTrace.Log.Info(why, ("group", group.GroupId), ("member", memberId));
            _ = GroupShard.WarnAsync(
                shard.Consumers.RemoveAsync(group, member),
                "could not record the removal of a member",
                group.GroupId
            );
        }
    }
}
