using Aot.Broker.Coordinators.ShareGroups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>Describing, listing and deleting the groups of one shard. Runs on the shard's core.</summary>
public sealed class GroupAdmin(GroupShard shard)
{
    public DescribeGroupsResponse.DescribedGroup Describe(GroupCaller caller, string groupId)
    {
        ClassicGroup? group = shard.Find(groupId)?.Group;
        if (group is null)
        {
            bool saysSo = caller.ApiVersion >= 6;
            string why = shard.FindAny(groupId) is null
                ? $"Group {groupId} not found."
                : $"Group {groupId} is not a classic group.";
            return new DescribeGroupsResponse.DescribedGroup
            {
                GroupId = groupId,
                GroupState = nameof(ClassicGroupState.Dead),
                ErrorCode = (short)(saysSo ? ErrorCode.GroupIdNotFound : ErrorCode.None),
                ErrorMessage = saysSo ? why : null,
            };
        }
        // Before the group is stable nobody has an assignment, and the chosen protocol may still change.
        bool settled = group.State == ClassicGroupState.Stable;
        List<DescribeGroupsResponse.DescribedGroupMember> members = [];
        foreach (ClassicMember member in group.Members)
        {
            members.Add(
                new DescribeGroupsResponse.DescribedGroupMember
                {
                    MemberId = member.MemberId,
                    GroupInstanceId = member.InstanceId,
                    ClientId = member.ClientId,
                    ClientHost = member.ClientHost,
                    MemberMetadata = settled ? member.MetadataOf(group.ProtocolName) : [],
                    MemberAssignment = settled ? member.Assignment : [],
                }
            );
        }
        return new DescribeGroupsResponse.DescribedGroup
        {
            GroupId = groupId,
            GroupState = group.State.ToString(),
            ProtocolType = group.ProtocolType ?? "",
            ProtocolData = settled ? group.ProtocolName ?? "" : "",
            Members = [.. members],
        };
    }

    /// <summary>The groups whose state and type pass the filters; an empty filter lets everything pass.</summary>
    public List<ListGroupsResponse.ListedGroup> List(
        IReadOnlyCollection<string> states,
        IReadOnlyCollection<string> types
    )
    {
        List<ListGroupsResponse.ListedGroup> listed = [];
        List<ShardGroup> groups = [.. shard.Groups];
        SlotOrder.Sort(groups, group => group.GroupId);
        foreach (ShardGroup group in groups)
        {
            string state = group.StateName;
            if (Passes(types, group.TypeName) && Passes(states, state))
            {
                listed.Add(
                    new ListGroupsResponse.ListedGroup
                    {
                        GroupId = group.GroupId,
                        ProtocolType = group.ProtocolTypeName,
                        GroupState = state,
                        GroupType = group.TypeName,
                    }
                );
            }
        }
        return listed;
    }

    private static bool Passes(IReadOnlyCollection<string> filter, string value) =>
        filter.Count == 0 || filter.Contains(value, StringComparer.OrdinalIgnoreCase);

    public async Task<DeleteGroupsResponse.DeletableGroupResult> DeleteAsync(string groupId)
    {
        ErrorCode error = await DeleteGroupAsync(groupId);
        return new DeleteGroupsResponse.DeletableGroupResult { GroupId = groupId, ErrorCode = (short)error };
    }

    private async Task<ErrorCode> DeleteGroupAsync(string groupId)
    {
        ShardGroup? group = shard.FindAny(groupId);
        if (group is null || group.IsDead)
        {
            return ErrorCode.GroupIdNotFound;
        }
        if (!group.IsVacant)
        {
            return ErrorCode.NonEmptyGroup;
        }
        if (
            group is ShareGroup shares
            && await shard.Shares.States.DeleteAllAsync(shares) is var kept and not ErrorCode.None
        )
        {
            return kept;
        }
        if (shard.FindAny(groupId) is not { IsVacant: true })
        {
            return ErrorCode.NonEmptyGroup;
        }
        List<CoordinatorRecord> tombstones = [];
        foreach (TopicPartition partition in shard.Offsets.Of(groupId).Keys)
        {
            tombstones.Add(new CoordinatorRecord(GroupRecords.OffsetKey(groupId, partition), null));
        }
        tombstones.AddRange(group.Tombstones);
        ErrorCode error = tombstones.Count == 0 ? ErrorCode.None : await shard.AppendAsync(tombstones);
        if (error == ErrorCode.None && shard.FindAny(groupId) is { IsVacant: true })
        {
            shard.Remove(groupId);
        }
        return error;
    }
}
