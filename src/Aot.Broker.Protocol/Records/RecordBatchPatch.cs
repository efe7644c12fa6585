using System.Buffers.Binary;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// What a broker writes into a batch that stays as it is otherwise. The span is the batch from its first byte to its
/// last. Fields under the checksum change the checksum by their difference alone (<see cref="Crc32C.Patch"/>), which
/// costs the same for a batch of a megabyte as for a small one and never makes a damaged batch look sound.
/// </summary>
public static class RecordBatchPatch
{
    [HotPath]
    public static void SetBaseOffset(Span<byte> batch, long baseOffset) =>
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.BaseOffsetAt..], baseOffset);

    [HotPath]
    public static void SetPartitionLeaderEpoch(Span<byte> batch, int leaderEpoch) =>
        BinaryPrimitives.WriteInt32BigEndian(batch[RecordBatchHeader.PartitionLeaderEpochAt..], leaderEpoch);

    /// <summary>With <see cref="TimestampType.LogAppendTime"/> the time of the append; else the newest of the records.</summary>
    [HotPath]
    public static void SetMaxTimestamp(Span<byte> batch, TimestampType type, long maxTimestamp)
    {
        RecordBatchView view = new(batch);
        if (view.TimestampType == type && view.MaxTimestamp == maxTimestamp)
        {
            return;
        }
        short attributes = (short)(
            (view.Attributes & ~RecordBatchHeader.LogAppendTimeFlag)
            | (type == TimestampType.LogAppendTime ? RecordBatchHeader.LogAppendTimeFlag : 0)
        );
        Span<byte> difference =
            stackalloc byte[RecordBatchHeader.MaxTimestampAt + sizeof(long) - RecordBatchHeader.AttributesAt];
        ReadOnlySpan<byte> changed = batch.Slice(RecordBatchHeader.AttributesAt, difference.Length);
        changed.CopyTo(difference);
        BinaryPrimitives.WriteInt16BigEndian(batch[RecordBatchHeader.AttributesAt..], attributes);
        BinaryPrimitives.WriteInt64BigEndian(batch[RecordBatchHeader.MaxTimestampAt..], maxTimestamp);
        for (int i = 0; i < difference.Length; i++)
        {
            difference[i] ^= changed[i];
        }
        long after = view.TotalSize - RecordBatchHeader.AttributesAt - difference.Length;
        uint crc = Crc32C.Patch(view.Crc, difference, after);
        BinaryPrimitives.WriteUInt32BigEndian(batch[RecordBatchHeader.CrcAt..], crc);
    }

    /// <summary>Writes the checksum over what the batch holds now: the last step of building one.</summary>
    [HotPath]
    public static void Seal(Span<byte> batch) =>
        BinaryPrimitives.WriteUInt32BigEndian(
            batch[RecordBatchHeader.CrcAt..],
            Crc32C.Compute(batch[RecordBatchHeader.AttributesAt..])
        );
}
