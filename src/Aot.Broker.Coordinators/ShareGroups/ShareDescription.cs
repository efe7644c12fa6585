using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Described = Aot.Broker.Protocol.Messages.ShareGroupDescribeResponse.DescribedGroup;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>ShareGroupDescribe: a share group with members and what they have.</summary>
internal static class ShareDescription
{
    public static Described Of(GroupShard shard, string groupId)
    {
        if (shard.FindShare(groupId) is not { } group)
        {
            Refusal missing = NoGroup(shard, groupId);
            return new Described
            {
                GroupId = groupId,
                ErrorCode = (short)missing.Error,
                ErrorMessage = missing.Message,
            };
        }
        MetadataImage image = shard.Metadata.Image;
        return new Described
        {
            GroupId = groupId,
            GroupState = group.StateName,
            GroupEpoch = group.Epoch,
            AssignmentEpoch = group.TargetEpoch,
            AssignorName = group.Assignor(shard).Name,
            Members =
            [
                .. group
                    .Members.OrderBy(member => member.MemberId, StringComparer.Ordinal)
                    .Select(member => Describe(member, image)),
            ],
        };
    }

    public static Refusal NoGroup(GroupShard shard, string groupId) =>
        MemberRefusals.NoGroup(shard, groupId, ShareGroup.Type, "Group");

    private static ShareGroupDescribeResponse.Member Describe(ShareMember member, MetadataImage image)
    {
        ShareGroupDescribeResponse.Assignment assignment = new();
        foreach (TopicPartitions held in member.Assigned.Topics)
        {
            // Topics that are gone are left out: they have no name any more.
            if (image.Topic(held.Topic) is { } topic)
            {
                assignment.TopicPartitions.Add(
                    new ShareGroupDescribeResponse.TopicPartitions
                    {
                        TopicId = topic.Id,
                        TopicName = topic.Name,
                        Partitions = held.Numbers(),
                    }
                );
            }
        }
        return new ShareGroupDescribeResponse.Member
        {
            MemberId = member.MemberId,
            RackId = member.RackId,
            MemberEpoch = member.Epoch,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            SubscribedTopicNames = [.. member.SubscribedNames],
            Assignment = assignment,
        };
    }
}
