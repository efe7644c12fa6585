using System.Buffers.Binary;
using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Indexes;

namespace Aot.Broker.Storage.Compaction;

/// <summary>What is left of a batch.</summary>
internal enum CleanedBatch
{
    /// <summary>The batch goes.</summary>
    Gone,

    /// <summary>Every byte stays.</summary>
    AsItWas,

    /// <summary>It has fewer records, or its delete horizon was set.</summary>
    Rewritten,
}

/// <summary>
/// Decides what is left of a batch of magic 2 and writes it anew where that is not the batch as it was. A batch keeps
/// its first and last offset, leader epoch, producer and sequence whatever it loses (KIP-534 and Kafka's rules).
/// </summary>
/// <remarks>Owner: one pass. Output is valid until the next call.</remarks>
internal sealed class BatchCleaner(RecordRetention retention, CleanedTransactions transactions) : IDisposable
{
    private readonly ScratchBuffer _plain = new();
    private readonly RecordBatchBuilder _builder = new();
    private readonly byte[] _header = new byte[RecordBatchHeader.SizeInBytes];

    /// <summary>Records that were left out.</summary>
    public long RemovedRecords { get; private set; }

    /// <summary>The aborted transaction that the last batch, a marker that stays, ended; to be indexed.</summary>
    public AbortedEntry? Aborted { get; private set; }

    /// <param name="batch">A batch whose checksum is right.</param>
    /// <param name="upperBound">The end of what the pass cleans: the batch before it stays, so that the log keeps its end.</param>
    /// <param name="output">What is left.</param>
    /// <param name="fault">Not none: the records do not parse, and nothing was decided.</param>
    public CleanedBatch Clean(
        in RecordBatchView batch,
        long upperBound,
        out ReadOnlySpan<byte> output,
        out RecordBatchFault fault
    )
    {
        fault = RecordBatchFault.None;
        output = default;
        Aborted = null;
        bool keepsEmpty =
            (
                batch.HasProducerId
                && retention.Producers.IsLastOf(
                    batch.ProducerId,
                    batch.ProducerEpoch,
                    batch.LastOffset,
                    batch.IsControl
                )
            )
            || batch.NextOffset == upperBound;
        return batch.IsControl
            ? CleanControl(batch, keepsEmpty, out output)
            : CleanData(batch, keepsEmpty, out output, out fault);
    }

    public void Dispose() => _plain.Dispose();

    private CleanedBatch CleanControl(in RecordBatchView batch, bool keepsEmpty, out ReadOnlySpan<byte> output)
    {
        bool hasNoData = transactions.OnControl(batch, out AbortedEntry? aborted);
        Aborted = aborted;
        if (hasNoData && IsHorizonOver(batch))
        {
            return Empty(batch, keepsEmpty, out output);
        }
        if (batch.RecordsCount == 0)
        {
            return Empty(batch, keepsEmpty, out output);
        }
        if (!hasNoData || batch.HasDeleteHorizon)
        {
            output = batch.Bytes;
            return CleanedBatch.AsItWas;
        }
        Begin(batch, setsHorizon: true);
        foreach (RecordView record in batch.Records())
        {
            _builder.AppendCopy(record.OffsetDelta, batch.TimestampOf(record), record);
        }
        return End(batch, out output);
    }

    private CleanedBatch CleanData(
        in RecordBatchView batch,
        bool keepsEmpty,
        out ReadOnlySpan<byte> output,
        out RecordBatchFault fault
    )
    {
        fault = RecordBatchFault.None;
        if (transactions.OnData(batch))
        {
            RemovedRecords += batch.RecordsCount;
            return Empty(batch, keepsEmpty, out output);
        }
        output = default;
        if (!TryOpen(batch, out RecordEnumerator records))
        {
            fault = RecordBatchFault.BadCompression;
            return CleanedBatch.Gone;
        }
        (int kept, bool hasTombstones) = Count(batch, records, out fault);
        if (fault != RecordBatchFault.None)
        {
            return CleanedBatch.Gone;
        }
        RemovedRecords += batch.RecordsCount - kept;
        if (kept == 0)
        {
            return Empty(batch, keepsEmpty, out output);
        }
        bool setsHorizon = hasTombstones && !batch.HasDeleteHorizon;
        if (kept == batch.RecordsCount && !setsHorizon)
        {
            output = batch.Bytes;
            return CleanedBatch.AsItWas;
        }
        Begin(batch, setsHorizon);
        bool isOver = IsHorizonOver(batch);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            if (Keeps(batch, record, isOver))
            {
                _builder.AppendCopy(record.OffsetDelta, batch.TimestampOf(record), record);
            }
        }
        return End(batch, out output);
    }

    /// <summary>How many records stay, and whether a tombstone is among them. The enumerator is the caller's copy's.</summary>
    private (int Kept, bool HasTombstones) Count(
        in RecordBatchView batch,
        RecordEnumerator records,
        out RecordBatchFault fault
    )
    {
        int kept = 0;
        bool hasTombstones = false;
        bool isOver = IsHorizonOver(batch);
        int lastDelta = -1;
        fault = RecordBatchFault.None;
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            if (record.OffsetDelta <= lastDelta || record.OffsetDelta > batch.LastOffsetDelta)
            {
                fault = RecordBatchFault.BadOffsetRange;
                return default;
            }
            lastDelta = record.OffsetDelta;
            if (Keeps(batch, record, isOver))
            {
                kept++;
                hasTombstones |= record.Value.IsNull;
            }
        }
        fault = records.Fault;
        return (kept, hasTombstones);
    }

    private bool Keeps(in RecordBatchView batch, in RecordView record, bool horizonIsOver)
    {
        long offset = batch.BaseOffset + record.OffsetDelta;
        return record.Key.IsNull
            ? offset >= retention.MapEndOffset
            : retention.Keeps(record.Key.Span, offset, record.Value.IsNull, horizonIsOver);
    }

    private bool IsHorizonOver(in RecordBatchView batch) =>
        batch.HasDeleteHorizon && batch.BaseTimestamp <= retention.NowMillis;

    private bool TryOpen(in RecordBatchView batch, out RecordEnumerator records)
    {
        if (!batch.IsCompressed || batch.RecordsCount == 0)
        {
            records = new RecordEnumerator(batch.RecordsBytes, batch.RecordsCount);
            return true;
        }
        _plain.Trim();
        CodecResult result = Compression.Decompress(
            batch.Codec,
            batch.RecordsBytes,
            _plain,
            Limits.DecompressedBytesMax,
            out int length
        );
        records = new RecordEnumerator(_plain.Span[..length], batch.RecordsCount);
        return result == CodecResult.Ok;
    }

    private void Begin(in RecordBatchView batch, bool setsHorizon) =>
        _builder.Reset(
            new RecordBatchOptions
            {
                BaseOffset = batch.BaseOffset,
                PartitionLeaderEpoch = batch.PartitionLeaderEpoch,
                ProducerId = batch.ProducerId,
                ProducerEpoch = batch.ProducerEpoch,
                BaseSequence = batch.BaseSequence,
                IsTransactional = batch.IsTransactional,
                IsControl = batch.IsControl,
                LogAppendTimeMs = batch.TimestampType == TimestampType.LogAppendTime ? batch.MaxTimestamp : null,
                DeleteHorizonMs =
                    setsHorizon ? retention.DeleteHorizonMillis
                    : batch.HasDeleteHorizon ? batch.BaseTimestamp
                    : null,
                Codec = batch.Codec,
            }
        );

    private CleanedBatch End(in RecordBatchView batch, out ReadOnlySpan<byte> output)
    {
        _builder.KeepLastOffsetDelta(batch.LastOffsetDelta);
        output = _builder.Build();
        return CleanedBatch.Rewritten;
    }

    /// <summary>Nothing, or the header alone: offsets, producer, sequence and epoch are still told by it.</summary>
    private CleanedBatch Empty(in RecordBatchView batch, bool keepsEmpty, out ReadOnlySpan<byte> output)
    {
        output = default;
        if (!keepsEmpty)
        {
            return CleanedBatch.Gone;
        }
        if (batch.RecordsCount == 0 && batch.TotalSize == RecordBatchHeader.SizeInBytes)
        {
            output = batch.Bytes;
            return CleanedBatch.AsItWas;
        }
        batch.Bytes[..RecordBatchHeader.SizeInBytes].CopyTo(_header);
        BinaryPrimitives.WriteInt32BigEndian(
            _header.AsSpan(RecordBatchHeader.BatchLengthAt),
            RecordBatchHeader.BatchLengthMin
        );
        BinaryPrimitives.WriteInt16BigEndian(
            _header.AsSpan(RecordBatchHeader.AttributesAt),
            (short)(batch.Attributes & ~(RecordBatchHeader.CodecMask | RecordBatchHeader.DeleteHorizonFlag))
        );
        BinaryPrimitives.WriteInt64BigEndian(
            _header.AsSpan(RecordBatchHeader.BaseTimestampAt),
            RecordBatchHeader.NoTimestamp
        );
        BinaryPrimitives.WriteInt32BigEndian(_header.AsSpan(RecordBatchHeader.RecordsCountAt), 0);
        RecordBatchPatch.Seal(_header);
        output = _header;
        return CleanedBatch.Rewritten;
    }
}
