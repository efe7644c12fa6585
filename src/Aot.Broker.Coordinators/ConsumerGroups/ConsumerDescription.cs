using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Described = Aot.Broker.Protocol.Messages.ConsumerGroupDescribeResponse.DescribedGroup;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>ConsumerGroupDescribe: a consumer group with members, what they have and what they shall have.</summary>
internal static class ConsumerDescription
{
    private const sbyte ClassicMember = 0;
    private const sbyte ConsumerProtocolMember = 1;

    public static Described Of(GroupShard shard, string groupId)
    {
        if (shard.FindConsumer(groupId) is not { } group)
        {
            return new Described
            {
                GroupId = groupId,
                ErrorCode = (short)ErrorCode.GroupIdNotFound,
                ErrorMessage = shard.FindAny(groupId) is null
                    ? $"Group {groupId} not found."
                    : $"Group {groupId} is not a consumer group.",
            };
        }
        MetadataImage image = shard.Metadata.Image;
        List<ConsumerMember> members = [.. group.Members];
        SlotOrder.Sort(members, member => member.MemberId);
        return new Described
        {
            GroupId = groupId,
            GroupState = group.StateName,
            GroupEpoch = group.Epoch,
            AssignmentEpoch = group.TargetEpoch,
            AssignorName = group.Assignor(shard).Name,
            Members = [.. members.Select(member => Describe(group, member, image))],
        };
    }

    private static ConsumerGroupDescribeResponse.Member Describe(
        ConsumerGroup group,
        ConsumerMember member,
        MetadataImage image
    ) =>
        new()
        {
            MemberId = member.MemberId,
            InstanceId = member.InstanceId,
            RackId = member.RackId,
            MemberEpoch = member.Epoch,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            SubscribedTopicNames = [.. member.SubscribedNames],
            SubscribedTopicRegex = member.SubscribedRegex ?? "",
            Assignment = Partitions(member.Assigned.Union(member.PendingRevocation), image),
            TargetAssignment = Partitions(group.Target(member.MemberId), image),
            MemberType = member.UsesClassicProtocol ? ClassicMember : ConsumerProtocolMember,
        };

    /// <summary>Topics that are gone are left out: they have no name any more.</summary>
    private static ConsumerGroupDescribeResponse.Assignment Partitions(PartitionSet set, MetadataImage image)
    {
        List<ConsumerGroupDescribeResponse.TopicPartitions> topics = [];
        foreach (TopicPartitions held in set.Topics)
        {
            if (image.Topic(held.Topic) is { } topic)
            {
                topics.Add(
                    new ConsumerGroupDescribeResponse.TopicPartitions
                    {
                        TopicId = topic.Id,
                        TopicName = topic.Name,
                        Partitions = [.. held.Held.Select(one => one.Partition)],
                    }
                );
            }
        }
        return new ConsumerGroupDescribeResponse.Assignment { TopicPartitions = topics };
    }
}
