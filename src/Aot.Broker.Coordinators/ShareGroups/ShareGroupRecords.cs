using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Coordinators.ConsumerGroups;
using Aot.Broker.Protocol.Messages;
using Info = Aot.Broker.Protocol.Messages.ShareGroupStatePartitionMetadataValue.TopicPartitionsInfo;

namespace Aot.Broker.Coordinators.ShareGroups;

/// <summary>The records of <c>__consumer_offsets</c> that share groups are made of, in Apache Kafka's own form.</summary>
internal static class ShareGroupRecords
{
    /// <summary>Stands in a record for the name of a topic that is no more.</summary>
    private const string UnknownName = "<UNKNOWN>";

    private const short ValueVersion = 0;

    public static CoordinatorRecord Epoch(string groupId, int epoch, long metadataHash) =>
        new(
            EpochKey(groupId),
            RecordBytes.Value(new ShareGroupMetadataValue { Epoch = epoch, MetadataHash = metadataHash }, ValueVersion)
        );

    public static CoordinatorRecord Member(string groupId, ShareMember member) =>
        new(
            MemberKey(groupId, member.MemberId),
            RecordBytes.Value(
                new ShareGroupMemberMetadataValue
                {
                    RackId = member.RackId,
                    ClientId = member.ClientId,
                    ClientHost = member.ClientHost,
                    SubscribedTopicNames = [.. member.SubscribedNames],
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord TargetEpoch(string groupId, int epoch, long timestampMs) =>
        new(
            TargetEpochKey(groupId),
            RecordBytes.Value(
                new ShareGroupTargetAssignmentMetadataValue
                {
                    AssignmentEpoch = epoch,
                    AssignmentTimestamp = timestampMs,
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Target(string groupId, string memberId, PartitionSet target)
    {
        ShareGroupTargetAssignmentMemberValue value = new();
        foreach (TopicPartitions topic in target.Topics)
        {
            value.TopicPartitions.Add(
                new ShareGroupTargetAssignmentMemberValue.TopicPartition
                {
                    TopicId = topic.Topic,
                    Partitions = topic.Numbers(),
                }
            );
        }
        return new(TargetKey(groupId, memberId), RecordBytes.Value(value, ValueVersion));
    }

    public static CoordinatorRecord Current(string groupId, ShareMember member)
    {
        ShareGroupCurrentMemberAssignmentValue value = new()
        {
            MemberEpoch = member.Epoch,
            PreviousMemberEpoch = member.PreviousEpoch,
        };
        foreach (TopicPartitions topic in member.Assigned.Topics)
        {
            value.AssignedPartitions.Add(
                new ShareGroupCurrentMemberAssignmentValue.TopicPartitions
                {
                    TopicId = topic.Topic,
                    Partitions = topic.Numbers(),
                }
            );
        }
        return new(CurrentKey(groupId, member.MemberId), RecordBytes.Value(value, ValueVersion));
    }

    /// <summary>The record carries the topics' names, as the image knows them, for people who read it.</summary>
    public static CoordinatorRecord Partitions(string groupId, SharePartitions partitions, MetadataImage image)
    {
        ShareGroupStatePartitionMetadataValue value = new()
        {
            InitializingTopics = Infos(partitions.Initializing, image),
            InitializedTopics = Infos(partitions.Initialized, image),
        };
        foreach (KafkaUuid topic in partitions.Deleting)
        {
            value.DeletingTopics.Add(
                new ShareGroupStatePartitionMetadataValue.TopicInfo
                {
                    TopicId = topic,
                    TopicName = NameOf(topic, image),
                }
            );
        }
        return new(PartitionsKey(groupId), RecordBytes.Value(value, ValueVersion));
    }

    /// <summary>Forgets a member, in the order in which Apache Kafka does: what refers to it first.</summary>
    public static IEnumerable<CoordinatorRecord> ForgetMember(string groupId, string memberId)
    {
        yield return new(CurrentKey(groupId, memberId), null);
        yield return new(TargetKey(groupId, memberId), null);
        yield return new(MemberKey(groupId, memberId), null);
    }

    /// <summary>Forgets a group, with members or without.</summary>
    public static IEnumerable<CoordinatorRecord> ForgetGroup(ShareGroup group)
    {
        string groupId = group.GroupId;
        foreach (string memberId in group.TargetMembers)
        {
            yield return new(TargetKey(groupId, memberId), null);
        }
        foreach (ShareMember member in group.Members)
        {
            yield return new(CurrentKey(groupId, member.MemberId), null);
            yield return new(MemberKey(groupId, member.MemberId), null);
        }
        yield return new(TargetEpochKey(groupId), null);
        yield return new(PartitionsKey(groupId), null);
        yield return new(EpochKey(groupId), null);
    }

    public static PartitionSet Read(IEnumerable<Info> topics)
    {
        PartitionSet.Builder set = new();
        foreach (Info topic in topics)
        {
            set.Add(topic.TopicId, topic.Partitions);
        }
        return set.Build();
    }

    private static List<Info> Infos(PartitionSet partitions, MetadataImage image)
    {
        List<Info> infos = [];
        foreach (TopicPartitions topic in partitions.Topics)
        {
            infos.Add(
                new Info
                {
                    TopicId = topic.Topic,
                    TopicName = NameOf(topic.Topic, image),
                    Partitions = topic.Numbers(),
                }
            );
        }
        return infos;
    }

    private static string NameOf(KafkaUuid topic, MetadataImage image) => image.Topic(topic)?.Name ?? UnknownName;

    private static byte[] EpochKey(string groupId) =>
        RecordBytes.Key(ShareGroupMetadataKey.RecordType, new ShareGroupMetadataKey { GroupId = groupId });

    private static byte[] PartitionsKey(string groupId) =>
        RecordBytes.Key(
            ShareGroupStatePartitionMetadataKey.RecordType,
            new ShareGroupStatePartitionMetadataKey { GroupId = groupId }
        );

    private static byte[] MemberKey(string groupId, string memberId) =>
        RecordBytes.Key(
            ShareGroupMemberMetadataKey.RecordType,
            new ShareGroupMemberMetadataKey { GroupId = groupId, MemberId = memberId }
        );

    private static byte[] TargetEpochKey(string groupId) =>
        RecordBytes.Key(
            ShareGroupTargetAssignmentMetadataKey.RecordType,
            new ShareGroupTargetAssignmentMetadataKey { GroupId = groupId }
        );

    private static byte[] TargetKey(string groupId, string memberId) =>
        RecordBytes.Key(
            ShareGroupTargetAssignmentMemberKey.RecordType,
            new ShareGroupTargetAssignmentMemberKey { GroupId = groupId, MemberId = memberId }
        );

    private static byte[] CurrentKey(string groupId, string memberId) =>
        RecordBytes.Key(
            ShareGroupCurrentMemberAssignmentKey.RecordType,
            new ShareGroupCurrentMemberAssignmentKey { GroupId = groupId, MemberId = memberId }
        );
}
