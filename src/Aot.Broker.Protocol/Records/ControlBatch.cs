using System.Buffers.Binary;
using Aot.Broker.Base;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// The control batches that the broker writes. A transaction's end marker has a fixed size and is written straight
/// into the caller's bytes; the others are for the metadata log and its snapshots.
/// </summary>
public static class ControlBatch
{
    /// <summary>Header, then one record: length 1, body 16.</summary>
    public const int EndTransactionMarkerBytes = RecordBatchHeader.SizeInBytes + 17;

    /// <summary>COMMIT or ABORT; consumes one offset of the partition. <paramref name="target"/> takes exactly the batch.</summary>
    public static void WriteEndTransactionMarker(
        Span<byte> target,
        bool commit,
        long producerId,
        short producerEpoch,
        int coordinatorEpoch,
        long timestampMs
    )
    {
        Invariant.That(target.Length == EndTransactionMarkerBytes);
        target.Clear();
        BinaryPrimitives.WriteInt32BigEndian(
            target[RecordBatchHeader.BatchLengthAt..],
            EndTransactionMarkerBytes - RecordBatchHeader.LogOverhead
        );
        RecordBatchPatch.SetPartitionLeaderEpoch(target, RecordBatchHeader.NoPartitionLeaderEpoch);
        target[RecordBatchHeader.MagicAt] = RecordBatchHeader.CurrentMagic;
        BinaryPrimitives.WriteInt16BigEndian(
            target[RecordBatchHeader.AttributesAt..],
            RecordBatchHeader.TransactionalFlag | RecordBatchHeader.ControlFlag
        );
        BinaryPrimitives.WriteInt64BigEndian(target[RecordBatchHeader.BaseTimestampAt..], timestampMs);
        BinaryPrimitives.WriteInt64BigEndian(target[RecordBatchHeader.MaxTimestampAt..], timestampMs);
        BinaryPrimitives.WriteInt64BigEndian(target[RecordBatchHeader.ProducerIdAt..], producerId);
        BinaryPrimitives.WriteInt16BigEndian(target[RecordBatchHeader.ProducerEpochAt..], producerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(target[RecordBatchHeader.BaseSequenceAt..], RecordBatchHeader.NoSequence);
        BinaryPrimitives.WriteInt32BigEndian(target[RecordBatchHeader.RecordsCountAt..], 1);

        Span<byte> record = target[RecordBatchHeader.SizeInBytes..];
        int at = RecordVarint.Write(record, record.Length - 1);
        at += 3; // Attributes, timestamp delta and offset delta are 0.
        at += RecordVarint.Write(record[at..], ControlRecord.KeyBytes);
        ControlRecord.WriteKey(record[at..], commit ? ControlRecordType.Commit : ControlRecordType.Abort);
        at += ControlRecord.KeyBytes;
        at += RecordVarint.Write(record[at..], ControlRecord.EndTransactionValueBytes);
        ControlRecord.WriteEndTransaction(record[at..], coordinatorEpoch);
        at += ControlRecord.EndTransactionValueBytes + 1; // No headers.
        Invariant.That(at == record.Length);
        RecordBatchPatch.Seal(target);
    }

    /// <summary>
    /// The first batch of a snapshot; <paramref name="kraftVersion"/> only where the cluster has <c>kraft.version</c> 1
    /// or later, and then the voters' record (a VotersRecord message) after it.
    /// </summary>
    public static byte[] SnapshotHeader(
        RecordBatchOptions position,
        long timestampMs,
        long lastContainedLogTimestamp,
        short? kraftVersion = null,
        byte[]? votersValue = null
    )
    {
        RecordBatchBuilder builder = new(position with { IsControl = true });
        Span<byte> value = stackalloc byte[ControlRecord.SnapshotHeaderValueBytes];
        ControlRecord.WriteSnapshotHeader(value, lastContainedLogTimestamp);
        builder.AppendControl(timestampMs, ControlRecordType.SnapshotHeader, value);
        AppendVersionAndVoters(builder, timestampMs, kraftVersion, votersValue);
        return builder.ToArray();
    }

    /// <summary>The last batch of a snapshot.</summary>
    public static byte[] SnapshotFooter(RecordBatchOptions position, long timestampMs)
    {
        RecordBatchBuilder builder = new(position with { IsControl = true });
        Span<byte> value = stackalloc byte[ControlRecord.SnapshotFooterValueBytes];
        ControlRecord.WriteSnapshotFooter(value);
        builder.AppendControl(timestampMs, ControlRecordType.SnapshotFooter, value);
        return builder.ToArray();
    }

    /// <summary>The first batch of an epoch of the metadata log; the value is a LeaderChangeMessage with its version.</summary>
    public static byte[] LeaderChange(
        RecordBatchOptions position,
        long timestampMs,
        ReadOnlySpan<byte> leaderChangeValue,
        short? kraftVersion = null,
        byte[]? votersValue = null
    )
    {
        RecordBatchBuilder builder = new(position with { IsControl = true });
        builder.AppendControl(timestampMs, ControlRecordType.LeaderChange, leaderChangeValue);
        AppendVersionAndVoters(builder, timestampMs, kraftVersion, votersValue);
        return builder.ToArray();
    }

    /// <summary>The version and the voters on their own, where a leader changes them within its epoch.</summary>
    public static byte[] VersionAndVoters(
        RecordBatchOptions position,
        long timestampMs,
        short kraftVersion,
        byte[] votersValue
    )
    {
        RecordBatchBuilder builder = new(position with { IsControl = true });
        AppendVersionAndVoters(builder, timestampMs, kraftVersion, votersValue);
        return builder.ToArray();
    }

    private static void AppendVersionAndVoters(
        RecordBatchBuilder builder,
        long timestampMs,
        short? kraftVersion,
        byte[]? votersValue
    )
    {
        if (kraftVersion is short version)
        {
            Span<byte> value = stackalloc byte[ControlRecord.KRaftVersionValueBytes];
            ControlRecord.WriteKRaftVersion(value, version);
            builder.AppendControl(timestampMs, ControlRecordType.KRaftVersion, value);
        }
        if (votersValue is not null)
        {
            builder.AppendControl(timestampMs, ControlRecordType.KRaftVoters, votersValue);
        }
    }
}
