using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.StreamsGroups;

/// <summary>An answer, and the internal topics that the application still lacks.</summary>
public sealed record StreamsHeartbeatResult(
    StreamsGroupHeartbeatResponse Response,
    IReadOnlyList<CreateTopicsRequest.CreatableTopic> MissingTopics
);

/// <summary>
/// StreamsGroupHeartbeat (KIP-1071): joining, staying, leaving, and the next step of a member towards its target. One
/// heartbeat is one change: everything that can refuse it is looked at first, then its records are applied and appended
/// within one turn, so that heartbeats of a group cannot come between. A heartbeat that changes nothing writes nothing.
/// Runs on the shard's core.
/// </summary>
public sealed class StreamsMembership(GroupShard shard)
{
    private readonly StreamsTarget _target = new(shard);

    public Task<StreamsHeartbeatResult> HeartbeatAsync(GroupCaller caller, StreamsGroupHeartbeatRequest request)
    {
        if (StreamsHeartbeatRules.Check(request) is { } refusal)
        {
            return Task.FromResult(StreamsAnswers.Refuse(refusal));
        }
        return request.MemberEpoch < 0 ? LeaveAsync(request) : BeatAsync(caller, request);
    }

    /// <summary>Members' timers begin anew: after a load.</summary>
    internal void RestartTimers(StreamsGroup group)
    {
        foreach (StreamsMember member in group.Members)
        {
            Restart(group, member);
        }
    }

    internal void StopTimers(StreamsGroup group)
    {
        foreach (MemberTimers timers in group.Timers)
        {
            timers.Stop(shard.Core);
        }
        _target.Cancel(group);
    }

    /// <summary>After a step of a member: its session, and its time to give tasks up.</summary>
    private void Restart(StreamsGroup group, StreamsMember member)
    {
        string memberId = member.MemberId;
        MemberTimers timers = group.TimersOf(memberId);
        timers.RestartSession(
            shard.Core,
            shard.StreamsSettings.SessionTimeoutMs(group.GroupId),
            () => Expire(group, group.Find(memberId), "member's session ended")
        );
        if (member.State != MemberState.UnrevokedPartitions)
        {
            timers.StopRevocation(shard.Core);
            return;
        }
        timers.StartRevocation(
            shard.Core,
            member.Epoch,
            member.RebalanceTimeoutMs,
            () =>
            {
                StreamsMember? late = group.Find(memberId);
                Expire(
                    group,
                    late?.Epoch == timers.RevocationEpoch ? late : null,
                    "member did not give up its tasks in time"
                );
            }
        );
    }

    private void Expire(StreamsGroup group, StreamsMember? member, string why)
    {
        if (member is null || shard.FindStreams(group.GroupId) != group)
        {
            return;
        }
        CoordinatorTrace.Log.Info(why, ("group", group.GroupId), ("member", member.MemberId));
        GroupWrite write = new(shard);
        Remove(write, group, member);
        _ = GroupShard.WarnAsync(write.CommitAsync(), "could not record the removal of a member", group.GroupId);
    }

    private static void Remove(GroupWrite write, StreamsGroup group, StreamsMember member)
    {
        write.Add(StreamsGroupRecords.ForgetMember(group.GroupId, member.MemberId));
        write.Add(StreamsGroupRecords.Group(group.GroupId, group.State with { Epoch = group.Epoch + 1 }));
        if (group.IsVacant)
        {
            // Whoever comes next is not made to wait for the interval.
            write.Add(StreamsGroupRecords.TargetEpoch(group.GroupId, group.Epoch, 0));
        }
    }

    private async Task<StreamsHeartbeatResult> LeaveAsync(StreamsGroupHeartbeatRequest request)
    {
        if (shard.FindStreams(request.GroupId) is not { } group)
        {
            return StreamsAnswers.Refuse(
                MemberRefusals.NoGroup(shard, request.GroupId, StreamsAdmission.Kind, StreamsAdmission.LeavingTitle)
            );
        }
        if (request.ShutdownApplication)
        {
            group.ShutdownRequestedBy ??= request.MemberId;
        }
        StreamsMember? member = request.InstanceId is { } instance
            ? group.FindStatic(instance)
            : group.Find(request.MemberId);
        if (member is null || member.MemberId != request.MemberId)
        {
            return StreamsAnswers.Refuse(
                MemberRefusals.NotLeaving(group.GroupId, request.MemberId, request.InstanceId, member?.MemberId)
            );
        }
        GroupWrite write = new(shard);
        if (request.MemberEpoch == ConsumerMember.EpochOfStaticAway && request.InstanceId is not null)
        {
            // Its session goes on: if it is not back in time, it is removed.
            MemberTasks kept = member.Assigned with
            {
                Active = member.Assigned.Active.WithEpoch(0),
            };
            write.Add(
                StreamsGroupRecords.Assignment(
                    group.GroupId,
                    member with
                    {
                        Epoch = ConsumerMember.EpochOfStaticAway,
                        Assigned = kept,
                        PendingRevocation = MemberTasks.Empty,
                    }
                )
            );
            group.TimersOf(member.MemberId).StopRevocation(shard.Core);
        }
        else
        {
            Remove(write, group, member);
        }
        ErrorCode error = await write.CommitAsync();
        return error == ErrorCode.None
            ? StreamsAnswers.Left(request.MemberId, request.MemberEpoch)
            : StreamsAnswers.Refuse(error);
    }

    private async Task<StreamsHeartbeatResult> BeatAsync(GroupCaller caller, StreamsGroupHeartbeatRequest request)
    {
        StreamsAdmission admission = new(shard, request);
        if (admission.Check() is { } refusal)
        {
            return StreamsAnswers.Refuse(refusal);
        }
        GroupWrite write = new(shard);
        bool wasVacant = admission.Group?.IsVacant ?? true;
        StreamsGroup group = Describe(write, caller, request, admission);
        if (wasVacant)
        {
            _target.BeginInitialDelay(group);
        }
        TopicProblem? delay = _target.Follow(write, group);
        StreamsMember member = Reconcile(write, group, request);
        Restart(group, member);
        if (request.ShutdownApplication)
        {
            group.ShutdownRequestedBy ??= request.MemberId;
        }
        StreamsGroupHeartbeatResponse response = StreamsAnswers.Beat(
            shard,
            caller,
            request,
            new StreamsStep(group, admission.Before, member),
            delay
        );
        ErrorCode error = await write.CommitAsync();
        return error == ErrorCode.None
            ? new StreamsHeartbeatResult(response, admission.Configured.MissingTopics)
            : StreamsAnswers.Refuse(error);
    }

    /// <summary>Writes down who the member is and what it runs, and raises the group's epoch where that asks for a new target.</summary>
    private StreamsGroup Describe(
        GroupWrite write,
        GroupCaller caller,
        StreamsGroupHeartbeatRequest request,
        StreamsAdmission admission
    )
    {
        string groupId = request.GroupId;
        if (admission.Group is null)
        {
            shard.MakeRoom(write, groupId);
        }
        StreamsMember before = admission.Before;
        StreamsMember described = Described(before, caller, request);
        bool isNew = admission.Group?.Find(request.MemberId) is null;
        if (admission.Replaced is { } old)
        {
            Replace(write, groupId, old, described, admission.Group!.Target(old.MemberId));
        }
        else if (isNew || !described.HasSameMetadata(before))
        {
            write.Add(StreamsGroupRecords.Member(groupId, described));
        }
        StreamsGroup group = shard.FindStreams(groupId)!;
        if (group.Topology is null)
        {
            write.Add(StreamsGroupRecords.Topology(groupId, admission.Topology));
        }
        group.Configured = admission.Configured;
        group.ConfiguredImage = admission.Image;
        group.Report(request.MemberId, request.TaskOffsets, request.TaskEndOffsets);
        // A static member that comes back as it was changes nothing for the others.
        bool divides = request.InstanceId is null
            ? isNew || !described.HasSameMetadata(before)
            : described.HasNewDivision(before);
        StreamsGroupState next = group.State with
        {
            MetadataHash = admission.MetadataHash,
            ValidatedTopologyEpoch = admission.Configured.IsReady ? admission.Topology.Epoch : -1,
            Settings = shard.StreamsSettings.OfAssignment(groupId),
        };
        if (divides || !next.HasSameDivision(group.State))
        {
            write.Add(StreamsGroupRecords.Group(groupId, next with { Epoch = group.Epoch + 1 }));
        }
        return group;
    }

    private static StreamsMember Described(
        StreamsMember before,
        GroupCaller caller,
        StreamsGroupHeartbeatRequest request
    )
    {
        StreamsEndpoint? endpoint = request.UserEndpoint is { } told ? new StreamsEndpoint(told.Host, told.Port) : null;
        return before with
        {
            InstanceId = request.InstanceId ?? before.InstanceId,
            RackId = request.RackId ?? before.RackId,
            ClientId = caller.ClientId,
            ClientHost = caller.ClientHost,
            RebalanceTimeoutMs =
                request.RebalanceTimeoutMs == -1 ? before.RebalanceTimeoutMs : request.RebalanceTimeoutMs,
            TopologyEpoch = request.Topology?.Epoch ?? before.TopologyEpoch,
            ProcessId = request.ProcessId ?? before.ProcessId,
            // Who joins without one has none.
            Endpoint = request.MemberEpoch == 0 ? endpoint : endpoint ?? before.Endpoint,
            Tags = request.ClientTags is { } tags
                ?
                [
                    .. tags.Select(tag => new ClientTag(tag.Key, tag.Value))
                        .OrderBy(tag => tag.Key, StringComparer.Ordinal),
                ]
                : before.Tags,
        };
    }

    /// <summary>The successor takes over what the static member had and shall have; nobody else notices.</summary>
    private static void Replace(
        GroupWrite write,
        string groupId,
        StreamsMember old,
        StreamsMember successor,
        MemberTasks target
    )
    {
        write.Add(StreamsGroupRecords.ForgetMember(groupId, old.MemberId));
        write.Add(StreamsGroupRecords.Member(groupId, successor));
        write.Add(StreamsGroupRecords.Target(groupId, successor.MemberId, target));
        write.Add(StreamsGroupRecords.Assignment(groupId, successor));
    }

    private static StreamsMember Reconcile(GroupWrite write, StreamsGroup group, StreamsGroupHeartbeatRequest request)
    {
        StreamsMember member = group.Find(request.MemberId)!;
        // While the group waits for company there is no target to be followed.
        MemberTasks target = group.InitialDelay is null ? group.Target(member.MemberId) : MemberTasks.Empty;
        StreamsReconciliation reconciliation = new(
            target,
            group.TargetEpoch,
            new TaskHolders(group.Members),
            StreamsAdmission.Owned(request)
        );
        StreamsMember next = reconciliation.Next(member);
        if (!ReferenceEquals(next, member))
        {
            write.Add(StreamsGroupRecords.Assignment(group.GroupId, next));
            CoordinatorTrace.Log.Debug(
                "a member took a step",
                ("group", group.GroupId),
                ("member", next.MemberId),
                ("epoch", next.Epoch),
                ("state", next.State)
            );
        }
        return next;
    }
}
