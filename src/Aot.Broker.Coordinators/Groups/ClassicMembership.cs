using Aot.Broker.Base;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.StreamsGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>
/// Joining, synchronising, heartbeats and leaving of classic groups, as Apache Kafka's clients expect them (KIP-62,
/// KIP-345, KIP-394, KIP-800). Runs on the shard's core. An answer that has to wait is a parked task; it ends exactly
/// once: by the rebalance, by a timer, by the member's removal or by the shard's resignation.
/// </summary>
public sealed class ClassicMembership(GroupShard shard)
{
    internal const short FirstWithBatchedLeave = 3;
    internal const short FirstWithProtocolInSync = 5;

    private readonly ClassicRebalance _rebalance = new(shard);

    private Core Core => shard.Core;

    internal ClassicRebalance Rebalance => _rebalance;

    public Task<JoinGroupResponse> JoinAsync(GroupCaller caller, JoinGroupRequest request)
    {
        GroupOptions options = shard.Options;
        if (request.GroupId.Length == 0)
        {
            return Task.FromResult(
                ClassicAnswers.JoinError(request.MemberId, ErrorCode.InvalidGroupId, caller.ApiVersion)
            );
        }
        if (
            request.SessionTimeoutMs < options.SessionTimeoutMinMs
            || request.SessionTimeoutMs > options.SessionTimeoutMaxMs
        )
        {
            return Task.FromResult(
                ClassicAnswers.JoinError(request.MemberId, ErrorCode.InvalidSessionTimeout, caller.ApiVersion)
            );
        }
        if (shard.FindAny(request.GroupId) is { } other and not GroupEntry)
        {
            if (other is ConsumerGroup { IsVacant: false } consumers)
            {
                return shard.ClassicMembers.JoinAsync(consumers, caller, request);
            }
            if (other is not ({ IsVacant: true } and (ConsumerGroup or StreamsGroup)))
            {
                return Task.FromResult(
                    ClassicAnswers.JoinError(request.MemberId, ErrorCode.InconsistentGroupProtocol, caller.ApiVersion)
                );
            }
            // Nobody is in it: the id is free for a group of the classic protocol.
            GroupWrite write = new(shard);
            write.Add(other.Tombstones);
            _ = write.CommitAsync();
        }
        GroupEntry? entry = shard.Find(request.GroupId);
        bool isNew = entry is null;
        if (entry is null)
        {
            if (request.MemberId.Length > 0)
            {
                return Task.FromResult(
                    ClassicAnswers.JoinError(request.MemberId, ErrorCode.UnknownMemberId, caller.ApiVersion)
                );
            }
            entry = shard.GetOrCreate(request.GroupId);
        }
        ErrorCode refusal = CheckAdmission(entry.Group, request);
        if (refusal != ErrorCode.None)
        {
            _rebalance.ForgetIfUnused(entry);
            return Task.FromResult(ClassicAnswers.JoinError(request.MemberId, refusal, caller.ApiVersion));
        }
        if (isNew)
        {
            // As in Apache Kafka a group is in the log from its first member's first join on.
            entry.IsRecorded = true;
            byte[] empty = GroupRecords.GroupValue(entry.Group, new Dictionary<string, byte[]>());
            _ = shard.AppendAsync([new CoordinatorRecord(GroupRecords.GroupKey(request.GroupId), empty)]);
        }
        return request.MemberId.Length == 0 ? JoinUnknown(entry, caller, request) : JoinKnown(entry, caller, request);
    }

    private ErrorCode CheckAdmission(ClassicGroup group, JoinGroupRequest request)
    {
        if (group.State == ClassicGroupState.Dead)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
        if (!group.Accepts(request.ProtocolType, ClassicRequests.ProtocolsOf(request)))
        {
            return ErrorCode.InconsistentGroupProtocol;
        }
        bool isNew =
            group.Find(request.MemberId) is null
            && !group.IsPending(request.MemberId)
            && (request.GroupInstanceId is null || group.StaticMemberId(request.GroupInstanceId) is null);
        return isNew && group.Size >= shard.Options.GroupSizeMax ? ErrorCode.GroupMaxSizeReached : ErrorCode.None;
    }

    /// <summary>Somebody without an id: a newcomer, or a static member that was restarted.</summary>
    private Task<JoinGroupResponse> JoinUnknown(GroupEntry entry, GroupCaller caller, JoinGroupRequest request)
    {
        ClassicGroup group = entry.Group;
        string prefix = request.GroupInstanceId ?? caller.ClientId;
        string memberId = ClassicRequests.NewMemberId(prefix, Core);
        if (request.GroupInstanceId is not null)
        {
            string? oldId = group.StaticMemberId(request.GroupInstanceId);
            return oldId is null
                ? AddAndRebalance(entry, memberId, caller, request)
                : ReplaceStaticAsync(entry, group.Find(oldId)!, memberId, caller, request);
        }
        if (caller.ApiVersion < 4)
        {
            return AddAndRebalance(entry, memberId, caller, request);
        }
        // KIP-394: a newcomer first learns its id, so that a client that gives up and retries does not leave a ghost.
        group.AddPending(memberId);
        entry.PendingTimers[memberId] = Core.Timers.Schedule(
            Core.NowMillis + request.SessionTimeoutMs,
            new TimerAction(() => _rebalance.ExpirePending(entry, memberId)),
            0
        );
        return Task.FromResult(ClassicAnswers.JoinError(memberId, ErrorCode.MemberIdRequired, caller.ApiVersion));
    }

    private Task<JoinGroupResponse> JoinKnown(GroupEntry entry, GroupCaller caller, JoinGroupRequest request)
    {
        ClassicGroup group = entry.Group;
        if (group.IsPending(request.MemberId))
        {
            return request.GroupInstanceId is null
                ? AddAndRebalance(entry, request.MemberId, caller, request)
                : Task.FromResult(
                    ClassicAnswers.JoinError(request.MemberId, ErrorCode.UnknownMemberId, caller.ApiVersion)
                );
        }
        ErrorCode identity = CheckIdentity(group, request.MemberId, request.GroupInstanceId);
        if (identity != ErrorCode.None)
        {
            return Task.FromResult(ClassicAnswers.JoinError(request.MemberId, identity, caller.ApiVersion));
        }
        ClassicMember member = group.Find(request.MemberId)!;
        bool unchanged = member.HasSameProtocols(ClassicRequests.ProtocolsOf(request));
        switch (group.State)
        {
            case ClassicGroupState.PreparingRebalance:
                return UpdateAndRebalance(entry, member, caller, request);
            case ClassicGroupState.CompletingRebalance when unchanged:
                // The answer to the first join was lost: the generation stands, give it again.
                return Task.FromResult(ClassicAnswers.CurrentGeneration(group, member, caller.ApiVersion));
            case ClassicGroupState.Stable when unchanged && !group.IsLeader(member.MemberId):
                return Task.FromResult(ClassicAnswers.CurrentGeneration(group, member, caller.ApiVersion));
            case ClassicGroupState.CompletingRebalance:
            case ClassicGroupState.Stable:
                return UpdateAndRebalance(entry, member, caller, request);
            default:
                return Task.FromResult(
                    ClassicAnswers.JoinError(request.MemberId, ErrorCode.UnknownMemberId, caller.ApiVersion)
                );
        }
    }

    private Task<JoinGroupResponse> AddAndRebalance(
        GroupEntry entry,
        string memberId,
        GroupCaller caller,
        JoinGroupRequest request
    )
    {
        ClassicGroup group = entry.Group;
        ClassicMember member = ClassicRequests.NewMember(memberId, caller, request);
        member.IsNew = true;
        _rebalance.CancelPending(entry, memberId);
        group.Add(member, request.ProtocolType);
        if (group.State == ClassicGroupState.PreparingRebalance)
        {
            group.NewMemberAdded = true;
        }
        Task<JoinGroupResponse> answer = ClassicRebalance.Park(member, caller);
        _rebalance.StartSession(entry, member, shard.Options.NewMemberJoinTimeoutMs);
        _rebalance.RebalanceOrComplete(entry);
        return answer;
    }

    private Task<JoinGroupResponse> UpdateAndRebalance(
        GroupEntry entry,
        ClassicMember member,
        GroupCaller caller,
        JoinGroupRequest request
    )
    {
        entry.Group.Update(member, ClassicRequests.ProtocolsOf(request));
        member.SessionTimeoutMs = request.SessionTimeoutMs;
        member.RebalanceTimeoutMs = ClassicRequests.RebalanceTimeoutOf(request, caller);
        member.ClientId = caller.ClientId;
        member.ClientHost = caller.ClientHost;
        Task<JoinGroupResponse> answer = ClassicRebalance.Park(member, caller);
        _rebalance.RebalanceOrComplete(entry);
        return answer;
    }

    private async Task<JoinGroupResponse> ReplaceStaticAsync(
        GroupEntry entry,
        ClassicMember old,
        string memberId,
        GroupCaller caller,
        JoinGroupRequest request
    )
    {
        ClassicGroup group = entry.Group;
        string oldLeader = group.LeaderId ?? "";
        ClassicMember successor = ClassicRequests.NewMember(memberId, caller, request);
        successor.Assignment = old.Assignment;
        _rebalance.StopSession(old);
        ClassicRebalance.EndParked(old, ErrorCode.FencedInstanceId);
        entry.AwaitedSyncs.Remove(old.MemberId);
        string? protocolBefore = group.ProtocolName;
        group.ReplaceStatic(old, successor);
        _rebalance.StartSession(entry, successor, successor.SessionTimeoutMs);
        bool keepsProtocol = group.State == ClassicGroupState.Stable && successor.MetadataOf(protocolBefore).Length > 0;
        if (!keepsProtocol)
        {
            Task<JoinGroupResponse> answer = ClassicRebalance.Park(successor, caller);
            _rebalance.RebalanceOrComplete(entry);
            return await answer;
        }
        // A restart within the session: nobody else notices, but the new id has to outlive this process.
        Dictionary<string, byte[]> assignments = group.Members.ToDictionary(m => m.MemberId, m => m.Assignment);
        ErrorCode error = await shard.AppendAsync([
            new CoordinatorRecord(GroupRecords.GroupKey(group.GroupId), GroupRecords.GroupValue(group, assignments)),
        ]);
        if (error != ErrorCode.None)
        {
            return ClassicAnswers.JoinError(memberId, error, caller.ApiVersion);
        }
        bool leads = group.IsLeader(memberId);
        bool mayLead = leads && caller.ApiVersion >= 9;
        return new JoinGroupResponse
        {
            ErrorCode = (short)ErrorCode.None,
            MemberId = memberId,
            GenerationId = group.Generation,
            ProtocolType = group.ProtocolType,
            ProtocolName = group.ProtocolName,
            // Before v9 a leader could not be told to skip the assignment, so it is given the old leader's id.
            Leader = caller.ApiVersion >= 9 ? group.LeaderId ?? "" : oldLeader,
            SkipAssignment = mayLead,
            Members = mayLead ? ClassicAnswers.MembersOf(group) : [],
        };
    }

    public Task<SyncGroupResponse> SyncAsync(GroupCaller caller, SyncGroupRequest request)
    {
        if (
            caller.ApiVersion >= FirstWithProtocolInSync
            && request is not { ProtocolType: not null, ProtocolName: not null }
        )
        {
            return Task.FromResult(ClassicAnswers.SyncError(ErrorCode.InconsistentGroupProtocol));
        }
        if (shard.FindConsumer(request.GroupId) is { } consumers)
        {
            return Task.FromResult(shard.ClassicMembers.Sync(consumers, caller, request));
        }
        GroupEntry? entry = shard.Find(request.GroupId);
        if (entry is null)
        {
            return Task.FromResult(ClassicAnswers.SyncError(ErrorCode.UnknownMemberId));
        }
        ClassicGroup group = entry.Group;
        ErrorCode refusal = CheckMember(group, request.MemberId, request.GroupInstanceId, request.GenerationId);
        if (refusal == ErrorCode.None && caller.ApiVersion >= FirstWithProtocolInSync)
        {
            bool sameType = request.ProtocolType is null || request.ProtocolType == group.ProtocolType;
            bool sameName = request.ProtocolName is null || request.ProtocolName == group.ProtocolName;
            refusal = sameType && sameName ? ErrorCode.None : ErrorCode.InconsistentGroupProtocol;
        }
        if (refusal != ErrorCode.None)
        {
            return Task.FromResult(ClassicAnswers.SyncError(refusal));
        }
        ClassicMember member = group.Find(request.MemberId)!;
        switch (group.State)
        {
            case ClassicGroupState.PreparingRebalance:
                return Task.FromResult(ClassicAnswers.SyncError(ErrorCode.RebalanceInProgress));
            case ClassicGroupState.CompletingRebalance:
                return ParkSync(entry, member, request);
            case ClassicGroupState.Stable:
                _rebalance.NoteSync(entry, member.MemberId);
                _rebalance.RestartSession(entry, member);
                return Task.FromResult(ClassicAnswers.Assigned(group, member));
            default:
                return Task.FromResult(ClassicAnswers.SyncError(ErrorCode.UnknownMemberId));
        }
    }

    private Task<SyncGroupResponse> ParkSync(GroupEntry entry, ClassicMember member, SyncGroupRequest request)
    {
        member.AwaitingSync?.SetResult(ClassicAnswers.SyncError(ErrorCode.RebalanceInProgress));
        member.AwaitingSync = new TaskCompletionSource<SyncGroupResponse>(
            TaskCreationOptions.RunContinuationsAsynchronously
        );
        Task<SyncGroupResponse> answer = member.AwaitingSync.Task;
        _rebalance.NoteSync(entry, member.MemberId);
        if (entry.Group.IsLeader(member.MemberId))
        {
            Dictionary<string, byte[]> assignments = [];
            foreach (SyncGroupRequest.SyncGroupRequestAssignment given in request.Assignments)
            {
                assignments[given.MemberId] = given.Assignment;
            }
            _ = CompleteSyncAsync(entry, assignments);
        }
        return answer;
    }

    /// <summary>Writes the leader's decision down, and only then tells the members.</summary>
    private async Task CompleteSyncAsync(GroupEntry entry, Dictionary<string, byte[]> assignments)
    {
        ClassicGroup group = entry.Group;
        int generation = group.Generation;
        ErrorCode error = await shard.AppendAsync([
            new CoordinatorRecord(GroupRecords.GroupKey(group.GroupId), GroupRecords.GroupValue(group, assignments)),
        ]);
        if (group.State != ClassicGroupState.CompletingRebalance || group.Generation != generation)
        {
            return;
        }
        if (error != ErrorCode.None)
        {
            foreach (ClassicMember member in group.Members)
            {
                ClassicRebalance.EndSync(member, ClassicAnswers.SyncError(error));
            }
            _rebalance.PrepareRebalance(entry);
            return;
        }
        group.TransitionTo(ClassicGroupState.Stable, Core.WallMillis);
        foreach (ClassicMember member in group.Members)
        {
            member.Assignment = assignments.GetValueOrDefault(member.MemberId, []);
            if (member.AwaitingSync is not null)
            {
                ClassicRebalance.EndSync(member, ClassicAnswers.Assigned(group, member));
                _rebalance.RestartSession(entry, member);
            }
        }
    }

    /// <summary>The heartbeat of a member of a generation that stands. False: see <see cref="SteadyHeartbeats"/>.</summary>
    [HotPath]
    internal bool TryBeat(GroupEntry entry, in SteadyBeat beat)
    {
        ClassicGroup group = entry.Group;
        if (
            group.Generation != beat.Epoch
            || group.State is not (ClassicGroupState.Stable or ClassicGroupState.CompletingRebalance)
            || group.Find(beat.MemberId) is not { } member
            || (beat.InstanceId.Length > 0 && !beat.InstanceId.SequenceEqual(member.InstanceId))
        )
        {
            return false;
        }
        _rebalance.RestartSession(entry, member);
        return true;
    }

    public HeartbeatResponse Heartbeat(HeartbeatRequest request)
    {
        if (shard.FindConsumer(request.GroupId) is { } consumers)
        {
            return new HeartbeatResponse { ErrorCode = (short)shard.ClassicMembers.Heartbeat(consumers, request) };
        }
        GroupEntry? entry = shard.Find(request.GroupId);
        ErrorCode error = entry is null
            ? ErrorCode.UnknownMemberId
            : CheckMember(entry.Group, request.MemberId, request.GroupInstanceId, request.GenerationId);
        if (error == ErrorCode.None)
        {
            _rebalance.RestartSession(entry!, entry!.Group.Find(request.MemberId)!);
            error =
                entry.Group.State == ClassicGroupState.PreparingRebalance
                    ? ErrorCode.RebalanceInProgress
                    : ErrorCode.None;
        }
        return new HeartbeatResponse { ErrorCode = (short)error };
    }

    public Task<LeaveGroupResponse> LeaveAsync(GroupCaller caller, LeaveGroupRequest request) =>
        shard.FindConsumer(request.GroupId) is { } consumers
            ? shard.ClassicMembers.LeaveAsync(consumers, caller, request)
            : Task.FromResult(Leave(caller, request));

    private LeaveGroupResponse Leave(GroupCaller caller, LeaveGroupRequest request)
    {
        GroupEntry? entry = shard.Find(request.GroupId);
        if (caller.ApiVersion < FirstWithBatchedLeave)
        {
            ErrorCode error = entry is null ? ErrorCode.UnknownMemberId : LeaveOne(entry, request.MemberId, null);
            return new LeaveGroupResponse { ErrorCode = (short)error };
        }
        List<LeaveGroupResponse.MemberResponse> results = [];
        foreach (LeaveGroupRequest.MemberIdentity member in request.Members)
        {
            ErrorCode error = entry is null
                ? ErrorCode.UnknownMemberId
                : LeaveOne(entry, member.MemberId, member.GroupInstanceId);
            results.Add(
                new LeaveGroupResponse.MemberResponse
                {
                    MemberId = member.MemberId,
                    GroupInstanceId = member.GroupInstanceId,
                    ErrorCode = (short)error,
                }
            );
        }
        return new LeaveGroupResponse { Members = [.. results] };
    }

    private ErrorCode LeaveOne(GroupEntry entry, string memberId, string? instanceId)
    {
        ClassicGroup group = entry.Group;
        if (group.State == ClassicGroupState.Dead)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
        // An administrator removes a static member by its name alone.
        if (memberId.Length == 0 && instanceId is not null)
        {
            string? current = group.StaticMemberId(instanceId);
            if (current is null)
            {
                return ErrorCode.UnknownMemberId;
            }
            memberId = current;
        }
        if (group.IsPending(memberId))
        {
            group.RemovePending(memberId);
            _rebalance.CancelPending(entry, memberId);
            _rebalance.CompleteJoinIfReady(entry);
            _rebalance.ForgetIfUnused(entry);
            return ErrorCode.None;
        }
        ErrorCode identity = CheckIdentity(group, memberId, instanceId);
        if (identity == ErrorCode.None)
        {
            _rebalance.RemoveMember(entry, group.Find(memberId)!);
        }
        return identity;
    }

    internal static ErrorCode CheckIdentity(ClassicGroup group, string memberId, string? instanceId)
    {
        if (instanceId is not null)
        {
            string? current = group.StaticMemberId(instanceId);
            if (current is null)
            {
                return ErrorCode.UnknownMemberId;
            }
            if (current != memberId)
            {
                return ErrorCode.FencedInstanceId;
            }
        }
        return group.Find(memberId) is null ? ErrorCode.UnknownMemberId : ErrorCode.None;
    }

    private static ErrorCode CheckMember(ClassicGroup group, string memberId, string? instanceId, int generation)
    {
        if (group.State == ClassicGroupState.Dead)
        {
            return ErrorCode.CoordinatorNotAvailable;
        }
        ErrorCode identity = CheckIdentity(group, memberId, instanceId);
        if (identity != ErrorCode.None)
        {
            return identity;
        }
        return group.Generation == generation ? ErrorCode.None : ErrorCode.IllegalGeneration;
    }
}
