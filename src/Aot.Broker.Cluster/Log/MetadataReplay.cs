using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Cluster;

/// <summary>
/// Reads batches of the metadata log, or of a snapshot, into an image. All batches of one replay go into one delta;
/// the image is made at the end. Records between the begin and the end of a metadata transaction count together or,
/// when it is aborted or its end is missing, not at all.
/// </summary>
internal sealed class MetadataReplay(MetadataImage image)
{
    private readonly MetadataDelta _delta = new(image);
    private List<MetadataRecord>? _transaction;
    private long _offset = image.Offset;
    private int _epoch = image.Epoch;
    private long _timestampMs = image.TimestampMs;

    /// <summary>Set by a snapshot's first record: the time of the last batch that it contains.</summary>
    public long? SnapshotTimestampMs { get; private set; }

    /// <summary>A snapshot without its last record was not finished.</summary>
    public bool SnapshotIsComplete { get; private set; }

    public bool IsInTransaction => _transaction is not null;

    public int RecordCount { get; private set; }

    /// <summary>All the batches in the bytes; what does not check out is fatal.</summary>
    public void Replay(ReadOnlySpan<byte> bytes, string source)
    {
        while (!bytes.IsEmpty)
        {
            if (!RecordBatchView.TryRead(bytes, out RecordBatchView batch) || !batch.IsWhole)
            {
                throw new MetadataLogException($"{source} ends in the middle of a batch after offset {_offset}");
            }
            RecordBatchFault fault = batch.Validate();
            if (fault != RecordBatchFault.None || batch.IsCompressed)
            {
                throw new MetadataLogException($"{source} has a bad batch at offset {batch.BaseOffset}: {fault}");
            }
            ReplayBatch(batch, source);
            bytes = bytes[batch.TotalSize..];
        }
    }

    /// <summary>The image after what was replayed, at the log's own position.</summary>
    public MetadataImage Finish() => _delta.Apply(_offset, _epoch, _timestampMs);

    /// <summary>The image after a snapshot, whose offsets are its own: the position is that of its name.</summary>
    public MetadataImage FinishSnapshot(long endOffset, int epoch) =>
        _delta.Apply(endOffset - 1, epoch, SnapshotTimestampMs ?? 0);

    private void ReplayBatch(in RecordBatchView batch, string source)
    {
        RecordEnumerator records = batch.Records();
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            long offset = batch.BaseOffset + record.OffsetDelta;
            if (batch.IsControl)
            {
                ReplayControl(record, offset, source);
            }
            else
            {
                Replay(MetadataRecordCodec.Decode(record.Value.Span, offset));
            }
        }
        if (records.Fault != RecordBatchFault.None)
        {
            throw new MetadataLogException($"{source} has a bad record after offset {batch.BaseOffset}");
        }
        _offset = batch.LastOffset;
        _epoch = batch.PartitionLeaderEpoch;
        _timestampMs = batch.MaxTimestamp;
    }

    public void Replay(in MetadataRecord record)
    {
        RecordCount++;
        switch (record.Message)
        {
            case BeginTransactionRecord:
                if (_transaction is not null)
                {
                    throw new MetadataLogException("a metadata transaction begins inside another");
                }
                _transaction = [];
                return;
            case EndTransactionRecord:
                List<MetadataRecord> whole =
                    _transaction ?? throw new MetadataLogException("a metadata transaction ends that did not begin");
                _transaction = null;
                foreach (MetadataRecord held in whole)
                {
                    _delta.Replay(held);
                }
                return;
            case AbortTransactionRecord:
                if (_transaction is null)
                {
                    throw new MetadataLogException("a metadata transaction is aborted that did not begin");
                }
                _transaction = null;
                return;
            default:
                break;
        }
        if (_transaction is not null)
        {
            _transaction.Add(record);
        }
        else
        {
            _delta.Replay(record);
        }
    }

    private void ReplayControl(in RecordView record, long offset, string source)
    {
        if (!ControlRecord.TryReadType(record.Key, out ControlRecordType type))
        {
            throw new MetadataLogException($"{source} has a control record without type at offset {offset}");
        }
        switch (type)
        {
            case ControlRecordType.SnapshotHeader:
                if (ControlRecord.TryReadSnapshotHeader(record.Value, out long timestampMs))
                {
                    SnapshotTimestampMs = timestampMs;
                }
                break;
            case ControlRecordType.SnapshotFooter:
                SnapshotIsComplete = true;
                break;
            case ControlRecordType.KRaftVersion:
                if (!ControlRecord.TryReadKRaftVersion(record.Value, out short version))
                {
                    throw new MetadataLogException($"{source} has a malformed KRaft version at offset {offset}");
                }
                _delta.ReplayKRaftVersion(version);
                break;
            case ControlRecordType.KRaftVoters:
                _delta.ReplayVoters(
                    MetadataBatches.TryReadVoters(record.Value.Span)
                        ?? throw new MetadataLogException($"{source} has malformed voters at offset {offset}")
                );
                break;
            default:
                // Leader changes, and kinds of later versions, say nothing about the state.
                break;
        }
    }
}
