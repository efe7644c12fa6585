using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>
/// Members of the classic protocol in a consumer group: what is left of JoinGroup, SyncGroup and Heartbeat when the
/// broker divides the partitions (KIP-848, online migration). A join is a step of the member towards its target, the
/// sync tells what that step gave it, and a heartbeat says when the next step has to be taken. Runs on the shard's core.
/// </summary>
internal sealed class ClassicMembers(GroupShard shard)
{
    private const short FirstWithKnownIds = 4;
    private const short FirstWithProtocolInSync = 5;

    public Task<JoinGroupResponse> JoinAsync(ConsumerGroup group, GroupCaller caller, JoinGroupRequest request)
    {
        List<MemberProtocol> protocols = ClassicRequests.ProtocolsOf(request);
        ErrorCode refusal = CheckJoin(group, request, protocols);
        ConsumerMember? known = request.GroupInstanceId is null
            ? group.Find(request.MemberId)
            : group.FindStatic(request.GroupInstanceId);
        bool isUnknown = request.MemberId.Length == 0;
        if (refusal == ErrorCode.None && !isUnknown && request.GroupInstanceId is not null)
        {
            refusal =
                known is null ? ErrorCode.UnknownMemberId
                : known.MemberId != request.MemberId ? ErrorCode.FencedInstanceId
                : ErrorCode.None;
        }
        if (refusal != ErrorCode.None)
        {
            return Refuse(refusal);
        }
        string memberId = isUnknown ? ClassicRequests.NewUuid(shard.Core) : request.MemberId;
        if (isUnknown && request.GroupInstanceId is null && caller.ApiVersion >= FirstWithKnownIds)
        {
            return Task.FromResult(ClassicAnswers.JoinError(memberId, ErrorCode.MemberIdRequired, caller.ApiVersion));
        }
        if (ConsumerProtocol.ReadSubscription(protocols[0].Metadata, shard.Metadata.Image) is not { } subscription)
        {
            return Refuse(ErrorCode.InconsistentGroupProtocol);
        }
        return AdmitAsync(group, caller, request, memberId, known, protocols, subscription);

        Task<JoinGroupResponse> Refuse(ErrorCode error) =>
            Task.FromResult(ClassicAnswers.JoinError("", error, caller.ApiVersion));
    }

    private ErrorCode CheckJoin(ConsumerGroup group, JoinGroupRequest request, List<MemberProtocol> protocols)
    {
        bool mayMix = shard.Options.Consumers is { AllowsUpgrade: true } or { AllowsDowngrade: true };
        if (!mayMix || request.ProtocolType != ConsumerSubscription.ProtocolType || protocols.Count == 0)
        {
            return ErrorCode.InconsistentGroupProtocol;
        }
        foreach (ConsumerMember other in group.Members)
        {
            bool isCommon =
                other.Classic is null
                || other.MemberId == request.MemberId
                || other.Classic.Protocols.Any(theirs => protocols.Any(ours => ours.Name == theirs.Name));
            if (!isCommon)
            {
                return ErrorCode.InconsistentGroupProtocol;
            }
        }
        bool isNew =
            group.Find(request.MemberId) is null
            && (request.GroupInstanceId is null || group.FindStatic(request.GroupInstanceId) is null);
        return isNew && group.Members.Count >= shard.Options.Consumers.SizeMax
            ? ErrorCode.GroupMaxSizeReached
            : ErrorCode.None;
    }

    private async Task<JoinGroupResponse> AdmitAsync(
        ConsumerGroup group,
        GroupCaller caller,
        JoinGroupRequest request,
        string memberId,
        ConsumerMember? known,
        List<MemberProtocol> protocols,
        ClassicSubscription subscription
    )
    {
        GroupWrite write = new(shard);
        ConsumerMember? replaced = known is not null && known.MemberId != memberId ? known : null;
        ConsumerMember described = (known ?? new ConsumerMember(memberId)) with
        {
            MemberId = memberId,
            InstanceId = request.GroupInstanceId ?? known?.InstanceId,
            RackId = subscription.RackId ?? known?.RackId,
            ClientId = caller.ClientId,
            ClientHost = caller.ClientHost,
            RebalanceTimeoutMs = ClassicRequests.RebalanceTimeoutOf(request, caller),
            ServerAssignor = null,
            SubscribedNames = subscription.Names,
            SubscribedRegex = null,
            Classic = new ClassicMembershipInfo(request.SessionTimeoutMs, protocols),
        };
        shard.Consumers.Describe(write, group, described, replaced is null ? known : null, replaced);
        bool endsConsumerProtocol =
            replaced is { UsesClassicProtocol: false } && shard.Migration.CanDowngrade(group.Members);
        // The last member of the consumer protocol came back as a classic one: the group is a classic one with it, and
        // goes on as it is unless there was something to divide.
        bool isStale = group.TargetEpoch < group.Epoch;
        if (!endsConsumerProtocol)
        {
            shard.Targets.Follow(write, group);
        }
        ConsumerMember member =
            endsConsumerProtocol && isStale
                ? group.Find(memberId)!
                : shard.Consumers.Reconcile(write, group, memberId, subscription.Owned);
        if (endsConsumerProtocol)
        {
            shard.Migration.TryDowngrade(write, group, null, isStale);
        }
        else
        {
            shard.Consumers.Restart(group, member);
        }
        ErrorCode error = await write.CommitAsync();
        return error != ErrorCode.None
            ? ClassicAnswers.JoinError(request.MemberId, error, caller.ApiVersion)
            : new JoinGroupResponse
            {
                MemberId = memberId,
                GenerationId = member.Epoch,
                ProtocolType = ConsumerSubscription.ProtocolType,
                ProtocolName = protocols[0].Name,
                Leader = "",
            };
    }

    public SyncGroupResponse Sync(ConsumerGroup group, GroupCaller caller, SyncGroupRequest request)
    {
        ErrorCode refusal = CheckMember(
            group,
            request.MemberId,
            request.GroupInstanceId,
            request.GenerationId,
            out ConsumerMember? member
        );
        if (refusal != ErrorCode.None)
        {
            return ClassicAnswers.SyncError(refusal);
        }
        MemberProtocol protocol = member!.Classic!.Protocols[0];
        bool agrees =
            caller.ApiVersion < FirstWithProtocolInSync
            || (
                (request.ProtocolType ?? ConsumerSubscription.ProtocolType) == ConsumerSubscription.ProtocolType
                && (request.ProtocolName ?? protocol.Name) == protocol.Name
            );
        if (!agrees)
        {
            return ClassicAnswers.SyncError(ErrorCode.InconsistentGroupProtocol);
        }
        if (group.TargetEpoch > member.Epoch && member.State != MemberState.UnrevokedPartitions)
        {
            shard.Consumers.AwaitRejoin(group, member);
            return ClassicAnswers.SyncError(ErrorCode.RebalanceInProgress);
        }
        shard.Consumers.RestartSession(group, member);
        return new SyncGroupResponse
        {
            ProtocolType = ConsumerSubscription.ProtocolType,
            ProtocolName = protocol.Name,
            Assignment = ConsumerProtocol.WriteAssignment(member.Assigned, shard.Metadata.Image, protocol.Metadata),
        };
    }

    public ErrorCode Heartbeat(ConsumerGroup group, HeartbeatRequest request)
    {
        ErrorCode refusal = CheckMember(
            group,
            request.MemberId,
            request.GroupInstanceId,
            request.GenerationId,
            out ConsumerMember? member
        );
        if (refusal != ErrorCode.None)
        {
            return refusal;
        }
        shard.Consumers.RestartSession(group, member!);
        bool mustRejoin =
            member!.Epoch < group.TargetEpoch
            || member.State == MemberState.UnrevokedPartitions
            || (member.State == MemberState.UnreleasedPartitions && HasSomethingToGet(group, member));
        if (mustRejoin)
        {
            shard.Consumers.AwaitRejoin(group, member);
        }
        return mustRejoin ? ErrorCode.RebalanceInProgress : ErrorCode.None;
    }

    /// <summary>Whether a partition that the member waits for is free by now.</summary>
    private static bool HasSomethingToGet(ConsumerGroup group, ConsumerMember member) =>
        group
            .Target(member.MemberId)
            .Any((topic, p) => !member.Assigned.Contains(topic, p) && group.IsFree(topic, p, member.MemberId));

    public async Task<LeaveGroupResponse> LeaveAsync(ConsumerGroup group, GroupCaller caller, LeaveGroupRequest request)
    {
        bool isBatch = caller.ApiVersion >= ClassicMembership.FirstWithBatchedLeave;
        List<LeaveGroupRequest.MemberIdentity> leaving = isBatch
            ? request.Members
            : [new LeaveGroupRequest.MemberIdentity { MemberId = request.MemberId }];
        GroupWrite write = new(shard);
        LeaveGroupResponse response = new();
        foreach (LeaveGroupRequest.MemberIdentity identity in leaving)
        {
            ErrorCode error = FindLeaving(group, identity, out ConsumerMember? member);
            if (member is not null)
            {
                shard.Consumers.Remove(write, group, member);
            }
            response.Members.Add(
                new LeaveGroupResponse.MemberResponse
                {
                    MemberId = identity.MemberId,
                    GroupInstanceId = identity.GroupInstanceId,
                    ErrorCode = (short)error,
                }
            );
        }
        shard.Migration.TryDowngrade(write, group, null);
        ErrorCode written = await write.CommitAsync();
        if (written != ErrorCode.None)
        {
            return new LeaveGroupResponse { ErrorCode = (short)written };
        }
        return isBatch ? response : new LeaveGroupResponse { ErrorCode = response.Members[0].ErrorCode };
    }

    private static ErrorCode FindLeaving(
        ConsumerGroup group,
        LeaveGroupRequest.MemberIdentity identity,
        out ConsumerMember? member
    )
    {
        member = identity.GroupInstanceId is null
            ? group.Find(identity.MemberId)
            : group.FindStatic(identity.GroupInstanceId);
        if (member is null)
        {
            return ErrorCode.UnknownMemberId;
        }
        // An administrator names a static member by its instance alone.
        if (identity.MemberId.Length > 0 && member.MemberId != identity.MemberId)
        {
            member = null;
            return ErrorCode.FencedInstanceId;
        }
        return ErrorCode.None;
    }

    private static ErrorCode CheckMember(
        ConsumerGroup group,
        string memberId,
        string? instanceId,
        int generation,
        out ConsumerMember? member
    )
    {
        member = instanceId is null ? group.Find(memberId) : group.FindStatic(instanceId);
        if (member is null)
        {
            return ErrorCode.UnknownMemberId;
        }
        if (member.MemberId != memberId)
        {
            return ErrorCode.FencedInstanceId;
        }
        return !member.UsesClassicProtocol ? ErrorCode.UnknownMemberId
            : member.Epoch != generation ? ErrorCode.IllegalGeneration
            : ErrorCode.None;
    }
}
