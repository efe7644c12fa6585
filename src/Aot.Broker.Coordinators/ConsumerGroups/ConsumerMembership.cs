using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Coordinators.Regexes;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// ConsumerGroupHeartbeat (KIP-848): joining, staying, leaving, and the next step of a member towards its target. One
/// heartbeat is one change: its records are applied and appended within one turn, so that heartbeats of a group cannot
/// come between. A heartbeat that changes nothing writes nothing. Runs on the shard's core.
/// </summary>
public sealed class ConsumerMembership(GroupShard shard)
{
    private const string Kind = "consumer";
    private const string Title = "Consumer group";

    private readonly ConsumerTimers _timers = new(shard);
    private readonly RegexResolution _regexes = new(shard);

    private ConsumerGroupOptions Options => shard.Options.Consumers;

    internal RegexResolution Regexes => _regexes;

    public Task<ConsumerGroupHeartbeatResponse> HeartbeatAsync(
        GroupCaller caller,
        ConsumerGroupHeartbeatRequest request
    )
    {
        if (HeartbeatRules.Check(request, caller.ApiVersion, Options) is { } refusal)
        {
            return Task.FromResult(ConsumerAnswers.Refuse(refusal));
        }
        return request.MemberEpoch < 0 ? LeaveAsync(request) : BeatAsync(caller, request);
    }

    /// <summary>
    /// A heartbeat of somebody who has reached the target, with nothing new on either side. False: see
    /// <see cref="SteadyHeartbeats"/>.
    /// </summary>
    [HotPath]
    internal bool TryBeat(ConsumerGroup group, in SteadyBeat beat, out SteadyAnswer answer)
    {
        answer = default;
        if (
            group.Find(beat.MemberId) is not { UsesClassicProtocol: false } member
            || member.Epoch != beat.Epoch
            || !member.HasReached(group.TargetEpoch)
            || group.Epoch != group.TargetEpoch
            || !ReferenceEquals(group.ComparedImage, shard.Metadata.Image)
            || !beat.InstanceId.SequenceEqual(member.InstanceId)
            || !beat.ClientId.SequenceEqual(member.ClientId)
            || beat.ClientHost != member.ClientHost
        )
        {
            return false;
        }
        _timers.RestartSession(group, member);
        answer = new SteadyAnswer(
            member.MemberId,
            member.Epoch,
            shard.GroupSettings.HeartbeatIntervalMs(group.GroupId)
        );
        return true;
    }

    /// <summary>Members' timers begin anew: after a load.</summary>
    internal void RestartTimers(ConsumerGroup group)
    {
        foreach (ConsumerMember member in group.Members)
        {
            Restart(group, member);
        }
    }

    internal void StopTimers(ConsumerGroup group)
    {
        foreach (MemberTimers timers in group.Timers)
        {
            _timers.Stop(timers);
        }
        shard.Targets.Cancel(group);
    }

    internal void StopTimers(ConsumerGroup group, string memberId) => _timers.Stop(group.TimersOf(memberId));

    /// <summary>After a step of a member: its session, and its time to give partitions up.</summary>
    internal void Restart(ConsumerGroup group, ConsumerMember member)
    {
        _timers.RestartSession(group, member);
        _timers.FollowRevocation(group, member);
    }

    /// <summary>A classic member was told to join again; its rebalance timeout is what it has for that.</summary>
    internal void AwaitRejoin(ConsumerGroup group, ConsumerMember member) => _timers.AwaitRejoin(group, member);

    /// <summary>A sign of life that came with something other than a heartbeat.</summary>
    internal void RestartSession(ConsumerGroup group, ConsumerMember member) => _timers.RestartSession(group, member);

    /// <summary>Takes a member out and makes the others' next decision necessary.</summary>
    internal Task<ErrorCode> RemoveAsync(ConsumerGroup group, ConsumerMember member)
    {
        GroupWrite write = new(shard);
        RemoveOrDowngrade(write, group, member);
        return write.CommitAsync();
    }

    private void RemoveOrDowngrade(GroupWrite write, ConsumerGroup group, ConsumerMember member)
    {
        if (member.UsesClassicProtocol || !shard.Migration.TryDowngrade(write, group, member))
        {
            Remove(write, group, member);
        }
    }

    internal void Remove(GroupWrite write, ConsumerGroup group, ConsumerMember member)
    {
        write.Add(ConsumerGroupRecords.ForgetMember(group.GroupId, member.MemberId));
        if (member.SubscribedRegex is { Length: > 0 } regex && !group.UsesRegex(regex))
        {
            write.Add(ConsumerGroupRecords.Regex(group.GroupId, regex, null));
        }
        write.Add(
            ConsumerGroupRecords.Epoch(
                group.GroupId,
                group.Epoch + 1,
                TargetDecision.HashOf(group, shard.Metadata.Image)
            )
        );
        if (group.IsVacant)
        {
            // There is nothing to divide: the target is that of the epoch.
            write.Add(ConsumerGroupRecords.TargetEpoch(group.GroupId, group.Epoch, 0));
        }
    }

    private async Task<ConsumerGroupHeartbeatResponse> LeaveAsync(ConsumerGroupHeartbeatRequest request)
    {
        if (shard.FindConsumer(request.GroupId) is not { } group)
        {
            return ConsumerAnswers.Refuse(MemberRefusals.NoGroup(shard, request.GroupId, Kind, Title));
        }
        ConsumerMember? member = request.InstanceId is { } instance
            ? group.FindStatic(instance)
            : group.Find(request.MemberId);
        if (member is null || member.MemberId != request.MemberId)
        {
            return ConsumerAnswers.Refuse(
                MemberRefusals.NotLeaving(group.GroupId, request.MemberId, request.InstanceId, member?.MemberId)
            );
        }
        GroupWrite write = new(shard);
        if (request.MemberEpoch == ConsumerMember.EpochOfStaticAway)
        {
            // Its session goes on: if it is not back in time, it is removed.
            write.Add(
                ConsumerGroupRecords.Current(
                    group.GroupId,
                    member with
                    {
                        Epoch = ConsumerMember.EpochOfStaticAway,
                        State = MemberState.Stable,
                        PendingRevocation = PartitionSet.Empty,
                    }
                )
            );
            _timers.StopRevocation(group.TimersOf(member.MemberId));
        }
        else
        {
            RemoveOrDowngrade(write, group, member);
        }
        ErrorCode error = await write.CommitAsync();
        return error == ErrorCode.None
            ? ConsumerAnswers.Left(request.MemberId, request.MemberEpoch)
            : ConsumerAnswers.Refuse(error);
    }

    private async Task<ConsumerGroupHeartbeatResponse> BeatAsync(
        GroupCaller caller,
        ConsumerGroupHeartbeatRequest request
    )
    {
        bool joins = request.MemberEpoch == 0;
        string memberId = request.MemberId.Length == 0 ? ClassicRequests.NewUuid(shard.Core) : request.MemberId;
        GroupWrite write = new(shard);
        ConsumerGroup? group = shard.FindConsumer(request.GroupId);
        if (group is null)
        {
            Refusal missing = MemberRefusals.NoGroup(shard, request.GroupId, Kind, Title);
            group =
                !joins ? null
                : shard.Find(request.GroupId) is { IsVacant: false } classic
                    ? shard.Migration.TryUpgrade(write, classic, out missing)
                : MakeGroup(write, request.GroupId);
            if (group is null)
            {
                return ConsumerAnswers.Refuse(missing);
            }
        }
        if (joins && group.Find(memberId) is null && IsFull(group, request.InstanceId))
        {
            return ConsumerAnswers.Refuse(MemberRefusals.Full(Kind, Options.SizeMax));
        }
        LinearRegex? newRegex = null;
        if (
            request.SubscribedTopicRegex is { Length: > 0 } expression
            && !group.Regexes.ContainsKey(expression)
            && (newRegex = LinearRegex.Parse(expression, out string? fault)) is null
        )
        {
            return ConsumerAnswers.Refuse(
                new Refusal(
                    ErrorCode.InvalidRegularExpression,
                    $"SubscribedTopicRegex `{expression}` is not a valid regular expression: {fault}."
                )
            );
        }
        Refusal? refusal = Identify(group, request, memberId, out ConsumerMember? known, out ConsumerMember? replaced);
        if (refusal is { } refused)
        {
            return ConsumerAnswers.Refuse(refused);
        }
        ConsumerMember before = Admit(write, group, caller, request, memberId, known, replaced);
        if (newRegex is not null)
        {
            _regexes.Begin(group, request.SubscribedTopicRegex!, newRegex);
        }
        shard.Targets.Follow(write, group);
        ConsumerMember member = Reconcile(write, group, memberId, Owned(request));
        Restart(group, member);
        bool isFull =
            joins
            || (
                request.RebalanceTimeoutMs != -1
                && request.TopicPartitions is not null
                && (request.SubscribedTopicNames is not null || request.SubscribedTopicRegex is not null)
            );
        bool tells = isFull || !member.Assigned.HasSamePartitions(before.Assigned);
        if (!write.IsEmpty)
        {
            ErrorCode error = await write.CommitAsync();
            if (error != ErrorCode.None)
            {
                return ConsumerAnswers.Refuse(error);
            }
        }
        return ConsumerAnswers.Beat(member, shard.GroupSettings.HeartbeatIntervalMs(group.GroupId), tells);
    }

    private ConsumerGroup? MakeGroup(GroupWrite write, string groupId)
    {
        if (!shard.HasRoomFor(groupId))
        {
            return null;
        }
        shard.MakeRoom(write, groupId);
        write.Add(ConsumerGroupRecords.Epoch(groupId, 1, 0));
        return shard.FindConsumer(groupId);
    }

    private bool IsFull(ConsumerGroup group, string? instanceId) =>
        group.Members.Count >= Options.SizeMax && (instanceId is null || group.FindStatic(instanceId) is null);

    /// <summary>Who sends this: somebody known, a newcomer, or the successor of a static member that is away.</summary>
    private static Refusal? Identify(
        ConsumerGroup group,
        ConsumerGroupHeartbeatRequest request,
        string memberId,
        out ConsumerMember? known,
        out ConsumerMember? replaced
    )
    {
        replaced = null;
        known = request.InstanceId is null ? group.Find(memberId) : group.FindStatic(request.InstanceId);
        bool joins = request.MemberEpoch == 0;
        if (known is null)
        {
            return joins ? null
                : request.InstanceId is null ? MemberRefusals.NoMember(group.GroupId, memberId)
                : MemberRefusals.NoInstance(request.InstanceId);
        }
        if (known.MemberId != memberId)
        {
            if (!joins)
            {
                return MemberRefusals.FencedInstance(memberId, request.InstanceId!, known.MemberId);
            }
            if (!known.IsAway)
            {
                return MemberRefusals.UnreleasedInstance(memberId, request.InstanceId!, known.MemberId);
            }
            replaced = known;
            known = null;
            return null;
        }
        return joins ? null : CheckEpoch(known, request);
    }

    /// <summary>The epoch before is accepted from somebody whose answer was lost: it owns nothing that it should not.</summary>
    private static Refusal? CheckEpoch(ConsumerMember member, ConsumerGroupHeartbeatRequest request)
    {
        if (request.MemberEpoch > member.Epoch)
        {
            return MemberRefusals.WrongEpoch(Kind, request.MemberEpoch, member.Epoch);
        }
        bool isLate =
            request.MemberEpoch < member.Epoch
            && (
                request.MemberEpoch != member.PreviousEpoch
                || Owned(request) is not { } owned
                || owned.Any((topic, p) => !member.Assigned.Contains(topic, p))
            );
        return isLate ? MemberRefusals.WrongEpoch(Kind, request.MemberEpoch, member.Epoch) : null;
    }

    /// <summary>Writes down who the member is and what it subscribes to. Returns it as it was before, empty for a newcomer.</summary>
    private ConsumerMember Admit(
        GroupWrite write,
        ConsumerGroup group,
        GroupCaller caller,
        ConsumerGroupHeartbeatRequest request,
        string memberId,
        ConsumerMember? known,
        ConsumerMember? replaced
    )
    {
        ConsumerMember before = known ?? new ConsumerMember(memberId);
        ConsumerMember described = (replaced ?? before) with
        {
            MemberId = memberId,
            InstanceId = request.InstanceId ?? before.InstanceId,
            RackId = request.RackId ?? (replaced ?? before).RackId,
            ClientId = caller.ClientId,
            ClientHost = caller.ClientHost,
            RebalanceTimeoutMs =
                request.RebalanceTimeoutMs == -1 ? (replaced ?? before).RebalanceTimeoutMs : request.RebalanceTimeoutMs,
            ServerAssignor = request.ServerAssignor ?? (replaced ?? before).ServerAssignor,
            SubscribedNames = request.SubscribedTopicNames is { } names
                ? [.. names.Distinct().Order(StringComparer.Ordinal)]
                : (replaced ?? before).SubscribedNames,
            SubscribedRegex = request.SubscribedTopicRegex ?? (replaced ?? before).SubscribedRegex,
            Classic = null,
        };
        Describe(write, group, described, known, replaced);
        return before;
    }

    /// <summary>Writes down a member's own words, and raises the group's epoch where they change the subscription.</summary>
    internal void Describe(
        GroupWrite write,
        ConsumerGroup group,
        ConsumerMember described,
        ConsumerMember? known,
        ConsumerMember? replaced
    )
    {
        if (replaced is not null)
        {
            Replace(write, group, replaced, described);
        }
        else if (known is null || !described.HasSameMetadata(known))
        {
            write.Add(ConsumerGroupRecords.Member(group.GroupId, described));
        }
        // An expression that is new says nothing yet: the group's epoch grows when its topics are found.
        ConsumerMember? subscribed = replaced ?? known;
        bool hasNewNames = subscribed is null
            ? described.SubscribedNames.Count > 0
            : !described.SubscribedNames.SequenceEqual(subscribed.SubscribedNames);
        string regexNow = described.SubscribedRegex ?? "";
        bool hasNewRegex =
            regexNow != (subscribed?.SubscribedRegex ?? "")
            && (regexNow.Length == 0 || group.Regexes.ContainsKey(regexNow));
        string? oldRegex = (replaced ?? known)?.SubscribedRegex;
        if (oldRegex is { Length: > 0 } && !group.UsesRegex(oldRegex) && group.Regexes.ContainsKey(oldRegex))
        {
            write.Add(ConsumerGroupRecords.Regex(group.GroupId, oldRegex, null));
        }
        shard.Targets.FollowMetadata(write, group, hasNewNames || hasNewRegex);
    }

    /// <summary>The successor takes over what the static member had and shall have; nobody else notices.</summary>
    private void Replace(GroupWrite write, ConsumerGroup group, ConsumerMember old, ConsumerMember successor)
    {
        PartitionSet target = group.Target(old.MemberId);
        write.Add(ConsumerGroupRecords.ForgetMember(group.GroupId, old.MemberId));
        write.Add(ConsumerGroupRecords.Member(group.GroupId, successor));
        write.Add(ConsumerGroupRecords.Target(group.GroupId, successor.MemberId, target));
        write.Add(
            ConsumerGroupRecords.Current(
                group.GroupId,
                successor with
                {
                    Epoch = 0,
                    PreviousEpoch = 0,
                    State = MemberState.Stable,
                    Assigned = old.Assigned,
                    PendingRevocation = PartitionSet.Empty,
                }
            )
        );
    }

    internal ConsumerMember Reconcile(GroupWrite write, ConsumerGroup group, string memberId, PartitionSet? owned)
    {
        ConsumerMember member = group.Find(memberId)!;
        Reconciliation reconciliation = new(
            group.Target(memberId),
            group.TargetEpoch,
            (topic, partition) => group.IsFree(topic, partition, memberId),
            owned
        );
        ConsumerMember next = reconciliation.Next(member);
        if (!ReferenceEquals(next, member))
        {
            write.Add(ConsumerGroupRecords.Current(group.GroupId, next));
            CoordinatorTrace.Log.Debug(
                "a member took a step",
                ("group", group.GroupId),
                ("member", memberId),
                ("epoch", next.Epoch),
                ("state", next.State)
            );
        }
        return next;
    }

    private static PartitionSet? Owned(ConsumerGroupHeartbeatRequest request)
    {
        if (request.TopicPartitions is null)
        {
            return null;
        }
        PartitionSet.Builder owned = new();
        foreach (var topic in request.TopicPartitions)
        {
            foreach (int partition in topic.Partitions)
            {
                owned.Add(topic.TopicId, new HeldPartition(partition, 0));
            }
        }
        return owned.Build();
    }
}
