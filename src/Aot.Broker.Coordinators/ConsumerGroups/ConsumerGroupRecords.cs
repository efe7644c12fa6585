using Aot.Broker.Base;
using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Protocol.Messages;
using Assigned = Aot.Broker.Protocol.Messages.ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions;
using Targeted = Aot.Broker.Protocol.Messages.ConsumerGroupTargetAssignmentMemberValue.TopicPartition;

namespace Aot.Broker.Coordinators.ConsumerGroups;

/// <summary>The records of <c>__consumer_offsets</c> that consumer groups are made of, in Apache Kafka's own form.</summary>
internal static class ConsumerGroupRecords
{
    private const short ValueVersion = 0;

    public static CoordinatorRecord Epoch(string groupId, int epoch, long metadataHash) =>
        new(
            RecordBytes.Key(ConsumerGroupMetadataKey.RecordType, new ConsumerGroupMetadataKey { GroupId = groupId }),
            RecordBytes.Value(
                new ConsumerGroupMetadataValue { Epoch = epoch, MetadataHash = metadataHash },
                ValueVersion
            )
        );

    public static CoordinatorRecord Member(string groupId, ConsumerMember member)
    {
        ConsumerGroupMemberMetadataValue value = new()
        {
            InstanceId = member.InstanceId,
            RackId = member.RackId,
            ClientId = member.ClientId,
            ClientHost = member.ClientHost,
            SubscribedTopicNames = [.. member.SubscribedNames],
            SubscribedTopicRegex = member.SubscribedRegex,
            RebalanceTimeoutMs = member.RebalanceTimeoutMs,
            ServerAssignor = member.ServerAssignor,
            // Null has to be said: what is absent counts as a classic member without protocols.
            ClassicMemberMetadata = member.Classic is { } classic
                ? new()
                {
                    SessionTimeoutMs = classic.SessionTimeoutMs,
                    SupportedProtocols =
                    [
                        .. classic.Protocols.Select(protocol => new ConsumerGroupMemberMetadataValue.ClassicProtocol
                        {
                            Name = protocol.Name,
                            Metadata = protocol.Metadata,
                        }),
                    ],
                }
                : null,
        };
        return new(MemberKey(groupId, member.MemberId), RecordBytes.Value(value, ValueVersion));
    }

    public static CoordinatorRecord TargetEpoch(string groupId, int epoch, long timestampMs) =>
        new(
            TargetEpochKey(groupId),
            RecordBytes.Value(
                new ConsumerGroupTargetAssignmentMetadataValue
                {
                    AssignmentEpoch = epoch,
                    AssignmentTimestamp = timestampMs,
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Target(string groupId, string memberId, PartitionSet target) =>
        new(
            TargetKey(groupId, memberId),
            RecordBytes.Value(
                new ConsumerGroupTargetAssignmentMemberValue
                {
                    TopicPartitions =
                    [
                        .. target.Topics.Select(topic => new Targeted
                        {
                            TopicId = topic.Topic,
                            Partitions = topic.Numbers(),
                        }),
                    ],
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Current(string groupId, ConsumerMember member) =>
        new(
            CurrentKey(groupId, member.MemberId),
            RecordBytes.Value(
                new ConsumerGroupCurrentMemberAssignmentValue
                {
                    MemberEpoch = member.Epoch,
                    PreviousMemberEpoch = member.PreviousEpoch,
                    State = (sbyte)member.State,
                    AssignedPartitions = Partitions(member.Assigned),
                    PartitionsPendingRevocation = Partitions(member.PendingRevocation),
                },
                ValueVersion
            )
        );

    public static CoordinatorRecord Regex(string groupId, string regex, ResolvedRegex? resolved) =>
        new(
            RecordBytes.Key(
                ConsumerGroupRegularExpressionKey.RecordType,
                new ConsumerGroupRegularExpressionKey { GroupId = groupId, RegularExpression = regex }
            ),
            resolved is null
                ? null
                : RecordBytes.Value(
                    new ConsumerGroupRegularExpressionValue
                    {
                        Topics = [.. resolved.Topics],
                        Version = resolved.MetadataVersion,
                        Timestamp = resolved.TimestampMs,
                    },
                    ValueVersion
                )
        );

    /// <summary>Forgets a member, in the order in which Apache Kafka does: what refers to it first.</summary>
    public static IEnumerable<CoordinatorRecord> ForgetMember(string groupId, string memberId)
    {
        yield return new(CurrentKey(groupId, memberId), null);
        yield return new(TargetKey(groupId, memberId), null);
        yield return new(MemberKey(groupId, memberId), null);
    }

    /// <summary>Forgets a group, with members or without.</summary>
    public static IEnumerable<CoordinatorRecord> ForgetGroup(ConsumerGroup group)
    {
        string groupId = group.GroupId;
        foreach (ConsumerMember member in group.Members)
        {
            yield return new(CurrentKey(groupId, member.MemberId), null);
        }
        foreach (string memberId in group.TargetMembers)
        {
            yield return new(TargetKey(groupId, memberId), null);
        }
        yield return new(TargetEpochKey(groupId), null);
        foreach (ConsumerMember member in group.Members)
        {
            yield return new(MemberKey(groupId, member.MemberId), null);
        }
        foreach (string regex in group.Regexes.Keys)
        {
            yield return Regex(groupId, regex, null);
        }
        yield return new(
            RecordBytes.Key(ConsumerGroupMetadataKey.RecordType, new ConsumerGroupMetadataKey { GroupId = groupId }),
            null
        );
    }

    public static PartitionSet Read(IEnumerable<Assigned> topics)
    {
        PartitionSet.Builder set = new();
        foreach (Assigned topic in topics)
        {
            for (int i = 0; i < topic.Partitions.Count; i++)
            {
                set.Add(topic.TopicId, new HeldPartition(topic.Partitions[i], EpochAt(topic.AssignmentEpochs, i)));
            }
        }
        return set.Build();
    }

    public static PartitionSet Read(IEnumerable<Targeted> topics)
    {
        PartitionSet.Builder set = new();
        foreach (Targeted topic in topics)
        {
            set.Add(topic.TopicId, topic.Partitions);
        }
        return set.Build();
    }

    private static int EpochAt(List<int>? epochs, int index) => epochs is { } all && index < all.Count ? all[index] : 0;

    private static List<Assigned> Partitions(PartitionSet set) =>
        [
            .. set.Topics.Select(topic => new Assigned
            {
                TopicId = topic.Topic,
                Partitions = topic.Numbers(),
                AssignmentEpochs = [.. topic.Held.Select(held => held.Epoch)],
            }),
        ];

    private static byte[] MemberKey(string groupId, string memberId) =>
        RecordBytes.Key(
            ConsumerGroupMemberMetadataKey.RecordType,
            new ConsumerGroupMemberMetadataKey { GroupId = groupId, MemberId = memberId }
        );

    private static byte[] TargetEpochKey(string groupId) =>
        RecordBytes.Key(
            ConsumerGroupTargetAssignmentMetadataKey.RecordType,
            new ConsumerGroupTargetAssignmentMetadataKey { GroupId = groupId }
        );

    private static byte[] TargetKey(string groupId, string memberId) =>
        RecordBytes.Key(
            ConsumerGroupTargetAssignmentMemberKey.RecordType,
            new ConsumerGroupTargetAssignmentMemberKey { GroupId = groupId, MemberId = memberId }
        );

    private static byte[] CurrentKey(string groupId, string memberId) =>
        RecordBytes.Key(
            ConsumerGroupCurrentMemberAssignmentKey.RecordType,
            new ConsumerGroupCurrentMemberAssignmentKey { GroupId = groupId, MemberId = memberId }
        );
}
