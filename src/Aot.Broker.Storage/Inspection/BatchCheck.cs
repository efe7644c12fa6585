using Aot.Broker.Base;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Inspection;

/// <summary>Something that is wrong in a file, at a byte of it (-1: the file as a whole).</summary>
public sealed record Finding(string File, long Position, string What);

/// <summary>
/// Everything that can be asked of the batches of one log, one after the other and across its segments: checksums,
/// offsets and epochs that only ascend, and the records themselves: they decompress, are as many as the header counts,
/// lie within its range of offsets, and none is newer than its largest timestamp.
/// </summary>
public sealed class BatchCheck(string file, List<Finding> findings)
{
    private int _lastEpoch = -1;

    /// <summary>The file that the next batches are in; offsets go on from the one before.</summary>
    public string File { get; set; } = file;

    /// <summary>Batches looked at.</summary>
    public long Batches { get; private set; }

    public long Records { get; private set; }

    /// <summary>The largest so far; -1 before the first batch.</summary>
    public long LastOffset { get; private set; } = -1;

    /// <summary>A batch of any magic, whole. <paramref name="segmentBase"/> is -1 in a file that is no segment.</summary>
    public void Check(ReadOnlySpan<byte> bytes, long position, long segmentBase, BatchContent content)
    {
        Batches++;
        if (RecordBatchView.TryRead(bytes, out RecordBatchView batch))
        {
            CheckBatch(batch, position, segmentBase, content);
        }
        else if (LegacyMessageView.TryRead(bytes, out LegacyMessageView message))
        {
            CheckLegacy(message, position, segmentBase, content);
        }
        else
        {
            Add(position, "the batch's own lengths do not fit together");
        }
    }

    private void CheckBatch(in RecordBatchView batch, long position, long segmentBase, BatchContent content)
    {
        CheckOffsets(batch.BaseOffset, batch.LastOffset, position, segmentBase);
        if (batch.PartitionLeaderEpoch < _lastEpoch)
        {
            Add(position, $"leader epoch {batch.PartitionLeaderEpoch} after {_lastEpoch}");
        }
        _lastEpoch = Math.Max(_lastEpoch, batch.PartitionLeaderEpoch);
        uint crc = batch.ComputeCrc();
        if (crc != batch.Crc)
        {
            Add(position, $"checksum {batch.Crc:x8}, but the bytes have {crc:x8}");
            return;
        }
        if (!content.TryOpen(batch, out ReadOnlySpan<byte> plain, out string cause))
        {
            Add(position, cause);
            return;
        }
        CheckRecords(batch, plain, position);
    }

    private void CheckRecords(in RecordBatchView batch, ReadOnlySpan<byte> plain, long position)
    {
        RecordEnumerator records = new(plain, batch.RecordsCount);
        int lastDelta = -1;
        long newest = RecordBatchHeader.NoTimestamp;
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            Records++;
            if (record.OffsetDelta <= lastDelta || record.OffsetDelta > batch.LastOffsetDelta)
            {
                Add(
                    position,
                    $"record {records.Index} has offset {batch.BaseOffset + record.OffsetDelta}, "
                        + $"not after {batch.BaseOffset + lastDelta} and at most {batch.LastOffset}"
                );
            }
            lastDelta = Math.Max(lastDelta, record.OffsetDelta);
            newest = Math.Max(newest, batch.TimestampOf(record));
            if (batch.IsControl && !ControlRecord.TryReadType(record.Key, out _))
            {
                Add(position, $"record {records.Index} of a control batch has no type");
            }
        }
        if (records.Fault != RecordBatchFault.None)
        {
            Add(position, $"after {records.Index + 1} of {batch.RecordsCount} records: {records.Fault.Describe()}");
        }
        else if (batch.RecordsCount > 0 && newest != batch.MaxTimestamp)
        {
            Add(position, $"the largest timestamp is said to be {batch.MaxTimestamp}, the records have {newest}");
        }
    }

    private void CheckLegacy(in LegacyMessageView message, long position, long segmentBase, BatchContent content)
    {
        CheckOffsets(message.Offset, message.Offset, position, segmentBase);
        if (!message.HasValidCrc)
        {
            Add(position, $"checksum {message.Crc:x8} is not that of the bytes");
            return;
        }
        if (message.Codec == CompressionCodec.None)
        {
            Records++;
            return;
        }
        if (!content.TryOpen(message, out ReadOnlySpan<byte> plain, out string cause))
        {
            Add(position, cause);
            return;
        }
        LegacyMessageEnumerator inner = new(plain, message);
        while (inner.MoveNext())
        {
            Records++;
            if (!inner.Current.HasValidCrc)
            {
                Add(position, $"the message at offset {inner.Offset} inside has a wrong checksum");
            }
        }
        if (inner.IsMalformed)
        {
            Add(position, "the messages inside are damaged");
        }
    }

    private void CheckOffsets(long first, long last, long position, long segmentBase)
    {
        if (first <= LastOffset)
        {
            Add(position, $"offset {first} after offset {LastOffset}");
        }
        if (last < first)
        {
            Add(position, $"the last offset {last} is before the first, {first}");
        }
        if (first < segmentBase)
        {
            Add(position, $"offset {first} in a segment that begins at {segmentBase}");
        }
        if (segmentBase >= 0 && last - segmentBase > int.MaxValue)
        {
            Add(position, $"offset {last} is more than 2^31 after the segment's first");
        }
        LastOffset = Math.Max(LastOffset, last);
    }

    private void Add(long position, string what) => findings.Add(new Finding(File, position, what));
}
