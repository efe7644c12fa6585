using Aot.Broker.Protocol;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>A request that cannot be carried out: what the client is told.</summary>
public readonly record struct Refusal(ErrorCode Error, string Message);

/// <summary>
/// Why a heartbeat of a member cannot be taken, in words that fit every kind of group. <c>kind</c> is the word before
/// "group": consumer, streams, share.
/// </summary>
internal static class MemberRefusals
{
    public static Refusal NoMember(string groupId, string memberId) =>
        new(ErrorCode.UnknownMemberId, $"Member {memberId} is not a member of group {groupId}.");

    public static Refusal NoInstance(string instanceId) =>
        new(ErrorCode.UnknownMemberId, $"Instance id {instanceId} is unknown.");

    /// <summary>Somebody else is the static member by now.</summary>
    public static Refusal FencedInstance(string memberId, string instanceId, string ownerId) =>
        new(
            ErrorCode.FencedInstanceId,
            $"Static member {memberId} with instance id {instanceId} was fenced by member {ownerId}."
        );

    /// <summary>The static member has not said that it goes away.</summary>
    public static Refusal UnreleasedInstance(string memberId, string instanceId, string ownerId) =>
        new(
            ErrorCode.UnreleasedInstanceId,
            $"Static member {memberId} with instance id {instanceId} cannot join the group because the instance id is "
                + $"owned by {ownerId} member."
        );

    /// <summary>
    /// Of somebody who wants to go away, and is not who the group has under the instance, or, without one, under the member
    /// id. <paramref name="ownerId"/>: whom it has there; null: nobody.
    /// </summary>
    public static Refusal NotLeaving(string groupId, string memberId, string? instanceId, string? ownerId) =>
        instanceId is null ? NoMember(groupId, memberId)
        : ownerId is null ? NoInstance(instanceId)
        : FencedInstance(memberId, instanceId, ownerId);

    public static Refusal WrongEpoch(string kind, int sent, int known) =>
        new(
            ErrorCode.FencedMemberEpoch,
            $"The {kind} group member has a {(sent > known ? "greater" : "smaller")} member epoch ({sent}) than the one "
                + $"known by the group coordinator ({known}). The member must abandon all its partitions and rejoin."
        );

    public static Refusal Full(string kind, int sizeMax) =>
        new(ErrorCode.GroupMaxSizeReached, $"The {kind} group has reached its maximum capacity of {sizeMax} members.");

    /// <summary><paramref name="title"/>: what a group that does not exist is called, "Consumer group".</summary>
    public static Refusal NoGroup(GroupShard shard, string groupId, string kind, string title) =>
        new(
            ErrorCode.GroupIdNotFound,
            shard.FindAny(groupId) is null ? $"{title} {groupId} not found." : $"Group {groupId} is not a {kind} group."
        );
}
