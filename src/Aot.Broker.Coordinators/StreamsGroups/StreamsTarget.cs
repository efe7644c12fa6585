using Aot.Broker.Coordinators.Assignors;
using Aot.Broker.Coordinators.Groups;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>
/// When a streams group gets a new target, and what it is. The first member of an empty group waits a little for company,
/// so that an application that starts everywhere at once is divided once; after that there is at least the assignment
/// interval between two decisions. What has to wait is decided by a later heartbeat.
/// </summary>
internal sealed class StreamsTarget(GroupShard shard)
{
    private const string ByDelay = "Assignment delayed due to the configured initial rebalance delay.";
    private const string ByInterval = "Assignment delayed due to the configured assignment interval.";

    /// <summary>A member comes into an empty group: nobody gets tasks until its delay is over.</summary>
    public void BeginInitialDelay(StreamsGroup group)
    {
        int delay = shard.StreamsSettings.InitialRebalanceDelayMs(group.GroupId);
        if (delay > 0 && group.InitialDelay is null)
        {
            group.InitialDelay = shard.Core.Timers.Schedule(
                shard.Core.NowMillis + delay,
                new TimerAction(() => OnInitialDelay(group)),
                0
            );
        }
    }

    public void Cancel(StreamsGroup group)
    {
        if (group.InitialDelay is { } timer)
        {
            shard.Core.Timers.Cancel(timer);
            group.InitialDelay = null;
        }
    }

    /// <summary>Decides the target when it is behind the group's epoch, or says why it has to wait.</summary>
    public TopicProblem? Follow(GroupWrite write, StreamsGroup group)
    {
        if (group.InitialDelay is not null)
        {
            return new TopicProblem(StreamsStatus.AssignmentDelayed, ByDelay);
        }
        if (group.Epoch <= group.TargetEpoch)
        {
            return null;
        }
        int interval = shard.StreamsSettings.AssignmentIntervalMs(group.GroupId);
        bool isDue =
            group.TargetTimestampMs == 0
            || interval == 0
            || shard.Core.WallMillis >= group.TargetTimestampMs + interval;
        if (!isDue)
        {
            return new TopicProblem(StreamsStatus.AssignmentDelayed, ByInterval);
        }
        Decide(write, group);
        return null;
    }

    private void Decide(GroupWrite write, StreamsGroup group)
    {
        StreamsMember[] members = [.. group.Members.OrderBy(member => member.MemberId, StringComparer.Ordinal)];
        bool isReady = group.Configured is { IsReady: true };
        MemberTasks[] targets = isReady ? StickyTaskAssignor.Assign(Describe(group, members)) : [];
        for (int i = 0; i < members.Length; i++)
        {
            string memberId = members[i].MemberId;
            MemberTasks target = isReady ? targets[i] : MemberTasks.Empty;
            if (!target.HasSameTasks(group.Target(memberId)) || !group.TargetMembers.Contains(memberId))
            {
                write.Add(StreamsGroupRecords.Target(group.GroupId, memberId, target));
            }
        }
        write.Add(StreamsGroupRecords.TargetEpoch(group.GroupId, group.Epoch, shard.Core.WallMillis));
    }

    private static TaskAssignorInput Describe(StreamsGroup group, StreamsMember[] members) =>
        new(
            [
                .. members.Select(member => new TaskAssignorMember(
                    member.MemberId,
                    member.ProcessId,
                    group.Target(member.MemberId),
                    group.OffsetsOf(member.MemberId)
                )),
            ],
            [
                .. group.Configured!.Subtopologies!.Select(one => new AssignorSubtopology(
                    one.Id,
                    one.TaskCount,
                    one.IsStateful
                )),
            ],
            StandbyReplicas(group)
        );

    /// <summary>The number that the group's epoch was raised for, which may be another one by now.</summary>
    private static int StandbyReplicas(StreamsGroup group) =>
        group.State.Settings.FirstOrDefault(setting => setting.Key == StreamsSettings.StandbyReplicasKey) is { } known
        && int.TryParse(known.Value, out int replicas)
            ? replicas
            : 0;

    private void OnInitialDelay(StreamsGroup group)
    {
        group.InitialDelay = null;
        if (shard.FindStreams(group.GroupId) == group && !group.IsVacant && group.Configured is not null)
        {
            GroupWrite write = new(shard);
            Follow(write, group);
            _ = GroupShard.WarnAsync(write.CommitAsync(), "could not record a target", group.GroupId);
        }
    }
}
