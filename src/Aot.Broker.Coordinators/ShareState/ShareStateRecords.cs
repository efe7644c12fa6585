using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Wire;

namespace Aot.Broker.Coordinators.ShareState;

/// <summary>The records of <c>__share_group_state</c> in Apache Kafka's own form.</summary>
internal static class ShareStateRecords
{
    public const short SnapshotType = 0;
    public const short UpdateType = 1;

    private const short Version = 0;

    public static CoordinatorRecord Snapshot(ShareStateKey key, SharePartitionState state) =>
        new(
            SnapshotKey(key),
            RecordBytes.Value(
                new ShareSnapshotValue
                {
                    SnapshotEpoch = state.SnapshotEpoch,
                    StateEpoch = state.StateEpoch,
                    LeaderEpoch = state.LeaderEpoch,
                    StartOffset = state.StartOffset,
                    DeliveryCompleteCount = state.DeliveryCompleteCount,
                    CreateTimestamp = state.CreateTimestampMs,
                    WriteTimestamp = state.WriteTimestampMs,
                    StateBatches =
                    [
                        .. state.Batches.Select(batch => new ShareSnapshotValue.StateBatch
                        {
                            FirstOffset = batch.FirstOffset,
                            LastOffset = batch.LastOffset,
                            DeliveryState = batch.DeliveryState,
                            DeliveryCount = batch.DeliveryCount,
                        }),
                    ],
                },
                Version
            )
        );

    public static CoordinatorRecord Update(ShareStateKey key, SharePartitionUpdate update) =>
        new(
            RecordBytes.Key(
                UpdateType,
                new ShareUpdateKey
                {
                    GroupId = key.GroupId,
                    TopicId = key.TopicId,
                    Partition = key.Partition,
                }
            ),
            RecordBytes.Value(
                new ShareUpdateValue
                {
                    SnapshotEpoch = update.SnapshotEpoch,
                    LeaderEpoch = update.LeaderEpoch,
                    StartOffset = update.StartOffset,
                    DeliveryCompleteCount = update.DeliveryCompleteCount,
                    StateBatches =
                    [
                        .. update.Batches.Select(batch => new ShareUpdateValue.StateBatch
                        {
                            FirstOffset = batch.FirstOffset,
                            LastOffset = batch.LastOffset,
                            DeliveryState = batch.DeliveryState,
                            DeliveryCount = batch.DeliveryCount,
                        }),
                    ],
                },
                Version
            )
        );

    public static CoordinatorRecord Tombstone(ShareStateKey key) => new(SnapshotKey(key), null);

    /// <summary>False: a key of a type that this broker does not know, or no key at all.</summary>
    public static bool TryReadKey(ReadOnlySpan<byte> bytes, out short type, out ShareStateKey key)
    {
        WireReader reader = new(bytes);
        type = reader.ReadInt16();
        key = null!;
        if (type == SnapshotType && ShareSnapshotKey.TryRead(ref reader, Version, out ShareSnapshotKey snapshot))
        {
            key = new ShareStateKey(snapshot.GroupId, snapshot.TopicId, snapshot.Partition);
        }
        else if (type == UpdateType && ShareUpdateKey.TryRead(ref reader, Version, out ShareUpdateKey update))
        {
            key = new ShareStateKey(update.GroupId, update.TopicId, update.Partition);
        }
        return key is not null;
    }

    public static bool TryReadSnapshot(ReadOnlySpan<byte> bytes, out SharePartitionState state)
    {
        WireReader reader = new(bytes);
        state = null!;
        if (reader.ReadInt16() != Version || !ShareSnapshotValue.TryRead(ref reader, Version, out var value))
        {
            return false;
        }
        state = new SharePartitionState
        {
            SnapshotEpoch = value.SnapshotEpoch,
            StateEpoch = value.StateEpoch,
            LeaderEpoch = value.LeaderEpoch,
            StartOffset = value.StartOffset,
            DeliveryCompleteCount = value.DeliveryCompleteCount,
            CreateTimestampMs = value.CreateTimestamp,
            WriteTimestampMs = value.WriteTimestamp,
            Batches =
            [
                .. value.StateBatches.Select(batch => new ShareStateBatch(
                    batch.FirstOffset,
                    batch.LastOffset,
                    batch.DeliveryState,
                    batch.DeliveryCount
                )),
            ],
        };
        return true;
    }

    public static bool TryReadUpdate(ReadOnlySpan<byte> bytes, out SharePartitionUpdate update)
    {
        WireReader reader = new(bytes);
        update = null!;
        if (reader.ReadInt16() != Version || !ShareUpdateValue.TryRead(ref reader, Version, out var value))
        {
            return false;
        }
        update = new SharePartitionUpdate(
            value.SnapshotEpoch,
            value.LeaderEpoch,
            value.StartOffset,
            value.DeliveryCompleteCount,
            [
                .. value.StateBatches.Select(batch => new ShareStateBatch(
                    batch.FirstOffset,
                    batch.LastOffset,
                    batch.DeliveryState,
                    batch.DeliveryCount
                )),
            ]
        );
        return true;
    }

    private static byte[] SnapshotKey(ShareStateKey key) =>
        RecordBytes.Key(
            SnapshotType,
            new ShareSnapshotKey
            {
                GroupId = key.GroupId,
                TopicId = key.TopicId,
                Partition = key.Partition,
            }
        );
}
