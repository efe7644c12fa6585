using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Dump;

/// <summary>The coordinators' records by their type numbers. Null: an unknown type or version, or bytes that are none of it.</summary>
internal static class CoordinatorRecords
{
    public static IDescribedMessage? ReadKey(RecordKind kind, short type, ref WireReader reader) =>
        (kind, type) switch
        {
            (RecordKind.Offsets, LegacyOffsetCommitKey.RecordType) => Read<LegacyOffsetCommitKey>(ref reader, 0),
            (RecordKind.Offsets, OffsetCommitKey.RecordType) => Read<OffsetCommitKey>(ref reader, 0),
            (RecordKind.Offsets, GroupMetadataKey.RecordType) => Read<GroupMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ConsumerGroupMetadataKey.RecordType) => Read<ConsumerGroupMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ConsumerGroupPartitionMetadataKey.RecordType) =>
                Read<ConsumerGroupPartitionMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ConsumerGroupMemberMetadataKey.RecordType) => Read<ConsumerGroupMemberMetadataKey>(
                ref reader,
                0
            ),
            (RecordKind.Offsets, ConsumerGroupTargetAssignmentMetadataKey.RecordType) =>
                Read<ConsumerGroupTargetAssignmentMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ConsumerGroupTargetAssignmentMemberKey.RecordType) =>
                Read<ConsumerGroupTargetAssignmentMemberKey>(ref reader, 0),
            (RecordKind.Offsets, ConsumerGroupCurrentMemberAssignmentKey.RecordType) =>
                Read<ConsumerGroupCurrentMemberAssignmentKey>(ref reader, 0),
            (RecordKind.Offsets, ShareGroupMemberMetadataKey.RecordType) => Read<ShareGroupMemberMetadataKey>(
                ref reader,
                0
            ),
            (RecordKind.Offsets, ShareGroupMetadataKey.RecordType) => Read<ShareGroupMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ShareGroupTargetAssignmentMetadataKey.RecordType) =>
                Read<ShareGroupTargetAssignmentMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ShareGroupTargetAssignmentMemberKey.RecordType) =>
                Read<ShareGroupTargetAssignmentMemberKey>(ref reader, 0),
            (RecordKind.Offsets, ShareGroupCurrentMemberAssignmentKey.RecordType) =>
                Read<ShareGroupCurrentMemberAssignmentKey>(ref reader, 0),
            (RecordKind.Offsets, ShareGroupStatePartitionMetadataKey.RecordType) =>
                Read<ShareGroupStatePartitionMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, ConsumerGroupRegularExpressionKey.RecordType) =>
                Read<ConsumerGroupRegularExpressionKey>(ref reader, 0),
            (RecordKind.Offsets, StreamsGroupMetadataKey.RecordType) => Read<StreamsGroupMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, StreamsGroupMemberMetadataKey.RecordType) => Read<StreamsGroupMemberMetadataKey>(
                ref reader,
                0
            ),
            (RecordKind.Offsets, StreamsGroupTargetAssignmentMetadataKey.RecordType) =>
                Read<StreamsGroupTargetAssignmentMetadataKey>(ref reader, 0),
            (RecordKind.Offsets, StreamsGroupTargetAssignmentMemberKey.RecordType) =>
                Read<StreamsGroupTargetAssignmentMemberKey>(ref reader, 0),
            (RecordKind.Offsets, StreamsGroupCurrentMemberAssignmentKey.RecordType) =>
                Read<StreamsGroupCurrentMemberAssignmentKey>(ref reader, 0),
            (RecordKind.Offsets, StreamsGroupTopologyKey.RecordType) => Read<StreamsGroupTopologyKey>(ref reader, 0),
            (RecordKind.Transactions, TransactionLogKey.RecordType) => Read<TransactionLogKey>(ref reader, 0),
            (RecordKind.Share, ShareSnapshotKey.RecordType) => Read<ShareSnapshotKey>(ref reader, 0),
            (RecordKind.Share, ShareUpdateKey.RecordType) => Read<ShareUpdateKey>(ref reader, 0),
            _ => null,
        };

    public static IDescribedMessage? ReadValue(RecordKind kind, short type, short version, ref WireReader reader) =>
        (kind, type) switch
        {
            (RecordKind.Offsets, LegacyOffsetCommitValue.RecordType) => Read<LegacyOffsetCommitValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, OffsetCommitValue.RecordType) => Read<OffsetCommitValue>(ref reader, version),
            (RecordKind.Offsets, GroupMetadataValue.RecordType) => Read<GroupMetadataValue>(ref reader, version),
            (RecordKind.Offsets, ConsumerGroupMetadataValue.RecordType) => Read<ConsumerGroupMetadataValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, ConsumerGroupPartitionMetadataValue.RecordType) =>
                Read<ConsumerGroupPartitionMetadataValue>(ref reader, version),
            (RecordKind.Offsets, ConsumerGroupMemberMetadataValue.RecordType) => Read<ConsumerGroupMemberMetadataValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, ConsumerGroupTargetAssignmentMetadataValue.RecordType) =>
                Read<ConsumerGroupTargetAssignmentMetadataValue>(ref reader, version),
            (RecordKind.Offsets, ConsumerGroupTargetAssignmentMemberValue.RecordType) =>
                Read<ConsumerGroupTargetAssignmentMemberValue>(ref reader, version),
            (RecordKind.Offsets, ConsumerGroupCurrentMemberAssignmentValue.RecordType) =>
                Read<ConsumerGroupCurrentMemberAssignmentValue>(ref reader, version),
            (RecordKind.Offsets, ShareGroupMemberMetadataValue.RecordType) => Read<ShareGroupMemberMetadataValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, ShareGroupMetadataValue.RecordType) => Read<ShareGroupMetadataValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, ShareGroupTargetAssignmentMetadataValue.RecordType) =>
                Read<ShareGroupTargetAssignmentMetadataValue>(ref reader, version),
            (RecordKind.Offsets, ShareGroupTargetAssignmentMemberValue.RecordType) =>
                Read<ShareGroupTargetAssignmentMemberValue>(ref reader, version),
            (RecordKind.Offsets, ShareGroupCurrentMemberAssignmentValue.RecordType) =>
                Read<ShareGroupCurrentMemberAssignmentValue>(ref reader, version),
            (RecordKind.Offsets, ShareGroupStatePartitionMetadataValue.RecordType) =>
                Read<ShareGroupStatePartitionMetadataValue>(ref reader, version),
            (RecordKind.Offsets, ConsumerGroupRegularExpressionValue.RecordType) =>
                Read<ConsumerGroupRegularExpressionValue>(ref reader, version),
            (RecordKind.Offsets, StreamsGroupMetadataValue.RecordType) => Read<StreamsGroupMetadataValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, StreamsGroupMemberMetadataValue.RecordType) => Read<StreamsGroupMemberMetadataValue>(
                ref reader,
                version
            ),
            (RecordKind.Offsets, StreamsGroupTargetAssignmentMetadataValue.RecordType) =>
                Read<StreamsGroupTargetAssignmentMetadataValue>(ref reader, version),
            (RecordKind.Offsets, StreamsGroupTargetAssignmentMemberValue.RecordType) =>
                Read<StreamsGroupTargetAssignmentMemberValue>(ref reader, version),
            (RecordKind.Offsets, StreamsGroupCurrentMemberAssignmentValue.RecordType) =>
                Read<StreamsGroupCurrentMemberAssignmentValue>(ref reader, version),
            (RecordKind.Offsets, StreamsGroupTopologyValue.RecordType) => Read<StreamsGroupTopologyValue>(
                ref reader,
                version
            ),
            (RecordKind.Transactions, TransactionLogValue.RecordType) => Read<TransactionLogValue>(ref reader, version),
            (RecordKind.Share, ShareSnapshotValue.RecordType) => Read<ShareSnapshotValue>(ref reader, version),
            (RecordKind.Share, ShareUpdateValue.RecordType) => Read<ShareUpdateValue>(ref reader, version),
            _ => null,
        };

    public static IDescribedMessage? Read<T>(ref WireReader reader, short version)
        where T : IDescribedMessage<T> => T.TryRead(ref reader, version, out T message) ? message : null;
}
