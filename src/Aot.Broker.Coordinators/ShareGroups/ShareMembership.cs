using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>
/// ShareGroupHeartbeat (KIP-932): joining, staying and leaving. One heartbeat is one change, as in a consumer group, but a
/// member has its target at once: nobody has to give a partition up before. The first heartbeat that names a topic also has
/// the share coordinator begin the state of its partitions, which are given to members when that is done. Runs on the shard's
/// core.
/// </summary>
public sealed class ShareMembership
{
    private const string Kind = ShareGroup.Type;
    private const int Leaving = -1;
    private const int MemberIdLengthMax = 36;

    private readonly GroupShard _shard;

    internal ShareMembership(GroupShard shard)
    {
        _shard = shard;
        Settings = new ShareGroupSettings(shard.Metadata, shard.Options.Shares);
        States = new ShareStates(shard);
    }

    internal ShareGroupSettings Settings { get; }

    /// <summary>What the share coordinator keeps for the groups.</summary>
    internal ShareStates States { get; }

    private ShareGroupOptions Options => _shard.Options.Shares;

    public Task<ShareGroupHeartbeatResponse> HeartbeatAsync(GroupCaller caller, ShareGroupHeartbeatRequest request) =>
        Check(request) is { } fault ? Task.FromResult(Refuse(new Refusal(ErrorCode.InvalidRequest, fault)))
        : request.MemberEpoch == Leaving ? LeaveAsync(request)
        : BeatAsync(caller, request);

    /// <summary>Members' sessions begin anew: after a load.</summary>
    internal void RestartTimers(ShareGroup group)
    {
        foreach (ShareMember member in group.Members)
        {
            RestartSession(group, member.MemberId);
        }
    }

    internal void StopTimers(ShareGroup group)
    {
        foreach (MemberTimers timers in group.Timers)
        {
            timers.Stop(_shard.Core);
        }
        _shard.Targets.Cancel(group);
    }

    internal void StopTimers(ShareGroup group, string memberId) => group.TimersOf(memberId).Stop(_shard.Core);

    private static string? Check(ShareGroupHeartbeatRequest request) =>
        request switch
        {
            { MemberId.Length: 0 or > MemberIdLengthMax } => "Invalid member id in the request.",
            { MemberId: var id } when string.IsNullOrWhiteSpace(id) => "MemberId can't be empty.",
            { GroupId: var id } when string.IsNullOrWhiteSpace(id) => "GroupId can't be empty.",
            { RackId: { } rack } when string.IsNullOrWhiteSpace(rack) => "RackId can't be empty.",
            { MemberEpoch: 0, SubscribedTopicNames: null or { Count: 0 } } =>
                "SubscribedTopicNames must be set in first request.",
            { MemberEpoch: < Leaving } => "MemberEpoch is invalid.",
            _ => null,
        };

    private async Task<ShareGroupHeartbeatResponse> BeatAsync(GroupCaller caller, ShareGroupHeartbeatRequest request)
    {
        bool joins = request.MemberEpoch == 0;
        ShareGroup? existing = _shard.FindShare(request.GroupId);
        ShareMember? known = existing?.Find(request.MemberId);
        if (Admit(request, existing, known) is { } refusal)
        {
            return Refuse(refusal);
        }
        GroupWrite write = new(_shard);
        int epochBefore = existing?.Epoch ?? 0;
        ShareGroup group = Describe(write, caller, request, known);
        bool hasChanged = group.Epoch > epochBefore;
        PartitionSet unknown = States.Begin(write, group, out PartitionSet fromTheStart);
        if (joins || unknown.IsEmpty)
        {
            _shard.Targets.Follow(write, group);
        }
        // Else the division follows when the partitions can be given to members.
        ShareMember member = Reconcile(write, group, request.MemberId, hasChanged);
        RestartSession(group, member.MemberId);
        ErrorCode error = await write.CommitAsync();
        if (error == ErrorCode.None && !unknown.IsEmpty)
        {
            // The member waits for this broker meanwhile, and not the other way round.
            StopTimers(group, member.MemberId);
            error = await States.InitializeAsync(
                group,
                unknown,
                (topic, partition) => fromTheStart.Contains(topic, partition) ? 0 : ShareStates.LeaderChooses
            );
            if (_shard.FindShare(group.GroupId) == group && group.Find(member.MemberId) is not null)
            {
                RestartSession(group, member.MemberId);
            }
        }
        if (error != ErrorCode.None)
        {
            return new ShareGroupHeartbeatResponse { ErrorCode = (short)error };
        }
        bool tells =
            joins
            || request.SubscribedTopicNames is not null
            || known is null
            || !member.Assigned.HasSamePartitions(known.Assigned);
        ShareGroupHeartbeatResponse response = new()
        {
            MemberId = member.MemberId,
            MemberEpoch = member.Epoch,
            HeartbeatIntervalMs = Settings.HeartbeatIntervalMs(group.GroupId),
        };
        if (tells)
        {
            Tell(response, member.Assigned);
        }
        return response;
    }

    /// <summary>Null: whoever sends this is a member, or may become one.</summary>
    private Refusal? Admit(ShareGroupHeartbeatRequest request, ShareGroup? group, ShareMember? known)
    {
        bool joins = request.MemberEpoch == 0;
        if (group is null)
        {
            bool mayMake = joins && _shard.FindAny(request.GroupId) is null;
            return mayMake ? null : MemberRefusals.NoGroup(_shard, request.GroupId, Kind, "Share group");
        }
        if (known is null)
        {
            return group.Members.Count >= Options.SizeMax ? MemberRefusals.Full(Kind, Options.SizeMax)
                : joins ? null
                : MemberRefusals.NoMember(group.GroupId, request.MemberId);
        }
        return joins ? null : CheckEpoch(known, request.MemberEpoch);
    }

    /// <summary>The epoch before is accepted from somebody whose answer was lost.</summary>
    private static Refusal? CheckEpoch(ShareMember member, int epoch)
    {
        if (epoch == member.Epoch || epoch == member.PreviousEpoch)
        {
            return null;
        }
        return epoch > member.Epoch
            ? MemberRefusals.WrongEpoch(Kind, epoch, member.Epoch)
            : new Refusal(
                ErrorCode.FencedMemberEpoch,
                $"The share group member has a smaller member epoch ({epoch}) than the one known by the group coordinator "
                    + $"({member.Epoch}), and it does not match the previous member epoch ({member.PreviousEpoch}). "
                    + "The member must abandon all its partitions and rejoin."
            );
    }

    /// <summary>Writes down who the member is and what it subscribes to; the group comes to be with its first member.</summary>
    private ShareGroup Describe(
        GroupWrite write,
        GroupCaller caller,
        ShareGroupHeartbeatRequest request,
        ShareMember? known
    )
    {
        ShareMember before = known ?? new ShareMember(request.MemberId);
        ShareMember described = before with
        {
            RackId = request.RackId ?? before.RackId,
            ClientId = caller.ClientId,
            ClientHost = caller.ClientHost,
            SubscribedNames = request.SubscribedTopicNames is { } names
                ? [.. names.Distinct().Order(StringComparer.Ordinal)]
                : before.SubscribedNames,
        };
        if (known is null || !described.HasSameMetadata(known))
        {
            write.Add(ShareGroupRecords.Member(request.GroupId, described));
        }
        ShareGroup group = _shard.FindShare(request.GroupId)!;
        bool hasNewNames = !described.SubscribedNames.SequenceEqual(before.SubscribedNames);
        _shard.Targets.FollowMetadata(write, group, hasNewNames);
        return group;
    }

    /// <summary>
    /// The member gets what of its target it subscribes to and still exists, when there is a new target or with this heartbeat
    /// subscriptions or topics have changed: what is gone is taken away before the next division.
    /// </summary>
    private ShareMember Reconcile(GroupWrite write, ShareGroup group, string memberId, bool hasChanged)
    {
        ShareMember member = group.Find(memberId)!;
        bool hasReached = member.Epoch == group.TargetEpoch;
        if (hasReached && !hasChanged)
        {
            return member;
        }
        PartitionSet assigned = group
            .Target(memberId)
            .Where(
                (topic, _) =>
                    _shard.Metadata.Image.Topic(topic) is { } image && member.SubscribedNames.Contains(image.Name)
            );
        if (hasReached && assigned.HasSamePartitions(member.Assigned))
        {
            return member;
        }
        ShareMember next = hasReached
            ? member with
            {
                Assigned = assigned,
            }
            : member with
            {
                Assigned = assigned,
                Epoch = group.TargetEpoch,
                PreviousEpoch = member.Epoch,
            };
        write.Add(ShareGroupRecords.Current(group.GroupId, next));
        return next;
    }

    private async Task<ShareGroupHeartbeatResponse> LeaveAsync(ShareGroupHeartbeatRequest request)
    {
        if (_shard.FindShare(request.GroupId) is not { } group)
        {
            return Refuse(ShareDescription.NoGroup(_shard, request.GroupId));
        }
        if (group.Find(request.MemberId) is null)
        {
            return Refuse(MemberRefusals.NoMember(group.GroupId, request.MemberId));
        }
        ErrorCode error = await RemoveAsync(group, request.MemberId);
        return error == ErrorCode.None
            ? new ShareGroupHeartbeatResponse { MemberId = request.MemberId, MemberEpoch = request.MemberEpoch }
            : new ShareGroupHeartbeatResponse { ErrorCode = (short)error };
    }

    /// <summary>Takes a member out; the others' next heartbeats bring a new division.</summary>
    private Task<ErrorCode> RemoveAsync(ShareGroup group, string memberId)
    {
        GroupWrite write = new(_shard);
        write.Add(ShareGroupRecords.ForgetMember(group.GroupId, memberId));
        write.Add(group.EpochRecord(group.Epoch + 1, TargetDecision.HashOf(group, _shard.Metadata.Image)));
        if (group.IsVacant)
        {
            // Whoever comes next is not made to wait for the interval.
            write.Add(group.TargetEpochRecord(group.Epoch, 0));
        }
        return write.CommitAsync();
    }

    private void RestartSession(ShareGroup group, string memberId) =>
        group
            .TimersOf(memberId)
            .RestartSession(_shard.Core, Settings.SessionTimeoutMs(group.GroupId), () => EndSession(group, memberId));

    private void EndSession(ShareGroup group, string memberId)
    {
        if (_shard.FindShare(group.GroupId) == group && group.Find(memberId) is not null)
        {
            CoordinatorTrace.Log.Info("member's session ended", ("group", group.GroupId), ("member", memberId));
            _ = GroupShard.WarnAsync(
                RemoveAsync(group, memberId),
                "could not record the removal of a member",
                group.GroupId
            );
        }
    }

    private static void Tell(ShareGroupHeartbeatResponse response, PartitionSet partitions)
    {
        response.Assignment = new();
        foreach (TopicPartitions topic in partitions.Topics)
        {
            response.Assignment.TopicPartitions.Add(
                new ShareGroupHeartbeatResponse.TopicPartitions { TopicId = topic.Topic, Partitions = topic.Numbers() }
            );
        }
    }

    private static ShareGroupHeartbeatResponse Refuse(in Refusal refusal) =>
        new() { ErrorCode = (short)refusal.Error, ErrorMessage = refusal.Message };
}
