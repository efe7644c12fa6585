using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Storage;

namespace Aot.Broker.Coordinators.Groups;

/// <summary>Describing, listing and deleting the groups of one shard. Runs on the shard's core.</summary>
public sealed class GroupAdmin(GroupShard shard)
{
    private const string ClassicType = "classic";

    public DescribeGroupsResponse.DescribedGroup Describe(GroupCaller caller, string groupId)
    {
        ClassicGroup? group = shard.Find(groupId)?.Group;
        if (group is null)
        {
            bool saysSo = caller.ApiVersion >= 6;
            return new DescribeGroupsResponse.DescribedGroup
            {
                GroupId = groupId,
                GroupState = nameof(ClassicGroupState.Dead),
                ErrorCode = (short)(saysSo ? ErrorCode.GroupIdNotFound : ErrorCode.None),
                ErrorMessage = saysSo ? $"Group {groupId} not found." : null,
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
        if (types.Count > 0 && !types.Contains(ClassicType, StringComparer.OrdinalIgnoreCase))
        {
            return listed;
        }
        foreach (GroupEntry entry in shard.Entries)
        {
            ClassicGroup group = entry.Group;
            string state = group.State.ToString();
            if (states.Count == 0 || states.Contains(state, StringComparer.OrdinalIgnoreCase))
            {
                listed.Add(
                    new ListGroupsResponse.ListedGroup
                    {
                        GroupId = group.GroupId,
                        ProtocolType = group.ProtocolType ?? "",
                        GroupState = state,
                        GroupType = ClassicType,
                    }
                );
            }
        }
        return listed;
    }

    public async Task<DeleteGroupsResponse.DeletableGroupResult> DeleteAsync(string groupId)
    {
        ErrorCode error = await DeleteGroupAsync(groupId);
        return new DeleteGroupsResponse.DeletableGroupResult
        {
            GroupId = groupId,
            ErrorCode = (short)error,
            ErrorMessage = error == ErrorCode.GroupIdNotFound ? $"Group {groupId} not found." : null,
        };
    }

    private async Task<ErrorCode> DeleteGroupAsync(string groupId)
    {
        ClassicGroup? group = shard.Find(groupId)?.Group;
        if (group is null || group.State == ClassicGroupState.Dead)
        {
            return ErrorCode.GroupIdNotFound;
        }
        if (group.State != ClassicGroupState.Empty || group.Size > 0)
        {
            return ErrorCode.NonEmptyGroup;
        }
        List<CoordinatorRecord> tombstones = [];
        foreach (TopicPartition partition in shard.Offsets.Of(groupId).Keys)
        {
            tombstones.Add(new CoordinatorRecord(GroupRecords.OffsetKey(groupId, partition), null));
        }
        tombstones.Add(new CoordinatorRecord(GroupRecords.GroupKey(groupId), null));
        ErrorCode error = await shard.AppendAsync(tombstones);
        if (error == ErrorCode.None && shard.Find(groupId) is { Group.Size: 0 })
        {
            shard.Remove(groupId);
        }
        return error;
    }
}
