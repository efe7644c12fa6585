using System.Runtime.InteropServices;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Perf.Client;

namespace Aot.Perf.Records;

/// <summary>Hears of each record that was read and found right.</summary>
internal interface IRecordTarget
{
    void OnRecord(int partition, long offset, long due);
}

/// <summary>
/// What a consumer of one partition holds against what it reads: the checksum of each batch and of each record, offsets without
/// a gap, and the numbers of each producer in order without a gap. A fast broker that is wrong fails here.
/// </summary>
internal sealed class ReadCheck(int partition, RecordShape shape, CheckDepth depth) : IDisposable
{
    private readonly Dictionary<int, long> _nextNumber = [];
    private readonly ScratchBuffer _plain = new();

    /// <summary>The offset to be read next.</summary>
    public long NextOffset { get; private set; }

    public long Records { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>Begins anew at an offset.</summary>
    public void Seek(long offset)
    {
        NextOffset = offset;
        _nextNumber.Clear();
    }

    /// <summary>The records field of an answer; LoadException on what is wrong with it. A torn last batch is left.</summary>
    public void Read(ReadOnlySpan<byte> records, IRecordTarget? target)
    {
        BatchScanner batches = new(records);
        while (batches.MoveNext())
        {
            RecordBatchView batch = batches.Batch;
            if (batch.NextOffset <= NextOffset)
            {
                continue;
            }
            if (depth >= CheckDepth.Batches && batch.ComputeCrc() != batch.Crc)
            {
                throw Wrong(batch.BaseOffset, "the checksum of the batch does not match");
            }
            if (batch.IsControl)
            {
                NextOffset = batch.NextOffset;
                continue;
            }
            Bytes += batches.TotalSize;
            if (depth < CheckDepth.Records)
            {
                SkipRecords(batch);
                continue;
            }
            foreach (RecordView record in Open(batch))
            {
                long offset = batch.BaseOffset + record.OffsetDelta;
                if (offset >= NextOffset)
                {
                    ReadRecord(offset, record.Value.Span, target);
                }
            }
            if (NextOffset != batch.NextOffset)
            {
                throw Wrong(NextOffset, $"the batch says that it ends before {batch.NextOffset}");
            }
        }
    }

    public void Dispose() => _plain.Dispose();

    private void SkipRecords(RecordBatchView batch)
    {
        if (batch.BaseOffset > NextOffset)
        {
            throw Wrong(batch.BaseOffset, $"{NextOffset} was to come next");
        }
        Records += batch.NextOffset - NextOffset;
        NextOffset = batch.NextOffset;
    }

    private RecordEnumerator Open(RecordBatchView batch)
    {
        if (!batch.IsCompressed)
        {
            return batch.Records();
        }
        CodecResult result = Compression.Decompress(
            batch.Codec,
            batch.RecordsBytes,
            _plain,
            _plain.BytesMax,
            out int length
        );
        return result == CodecResult.Ok
            ? new RecordEnumerator(_plain.Span[..length], batch.RecordsCount)
            : throw Wrong(batch.BaseOffset, $"the batch cannot be decompressed: {result}");
    }

    private void ReadRecord(long offset, ReadOnlySpan<byte> value, IRecordTarget? target)
    {
        if (offset != NextOffset)
        {
            throw Wrong(offset, $"{NextOffset} was to come next");
        }
        if (!CheckedValue.TryRead(value, out long sequence, out long due))
        {
            throw Wrong(offset, "the record is not what was written");
        }
        if (shape.IsNumbered)
        {
            int producer = CheckedValue.ProducerOf(sequence);
            ref long next = ref CollectionsMarshal.GetValueRefOrAddDefault(_nextNumber, producer, out bool isKnown);
            long number = CheckedValue.NumberOf(sequence);
            if (isKnown && number != next)
            {
                throw Wrong(offset, $"it is record {number} of its producer, and {next} was to come next");
            }
            next = number + 1;
        }
        NextOffset++;
        Records++;
        target?.OnRecord(partition, offset, due);
    }

    private LoadException Wrong(long offset, string what) => new($"partition {partition}, offset {offset}: {what}");
}
