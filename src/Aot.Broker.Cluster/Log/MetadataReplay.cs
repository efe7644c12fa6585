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
    private long _snapshotTimestampMs;

    public bool IsInTransaction => _transaction is not null;

    /// <summary>The offset after the last batch that was replayed.</summary>
    public long NextOffset => _offset + 1;

    /// <summary>What was replayed so far, as listeners see it.</summary>
    public MetadataDelta Delta => _delta;

    /// <summary>
    /// All the batches in the bytes; what does not check out is fatal. Records below <paramref name="from"/> are passed
    /// over: a snapshot may end inside a batch.
    /// </summary>
    public void Replay(ReadOnlySpan<byte> bytes, string source, long from = 0)
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
            ReplayBatch(batch, source, from);
            bytes = bytes[batch.TotalSize..];
        }
    }

    /// <summary>The image after what was replayed, at the log's own position.</summary>
    public MetadataImage Finish() => _delta.Apply(_offset, _epoch, _timestampMs);

    /// <summary>
    /// The state at the end of a snapshot, whose offsets inside are its own: the position is that of its name. False
    /// for a file that was not finished, which changes nothing. Only before anything else.
    /// </summary>
    public bool TryReplaySnapshot(ReadOnlySpan<byte> bytes, SnapshotId id, string source)
    {
        if (!IsFinished(bytes))
        {
            return false;
        }
        Replay(bytes, source);
        _offset = id.EndOffset - 1;
        _epoch = id.Epoch;
        _timestampMs = _snapshotTimestampMs;
        return true;
    }

    /// <summary>The last batch ends the snapshot.</summary>
    private static bool IsFinished(ReadOnlySpan<byte> bytes)
    {
        bool finished = false;
        while (RecordBatchView.TryRead(bytes, out RecordBatchView batch) && batch.IsWhole)
        {
            RecordEnumerator records = batch.Records();
            finished =
                batch.IsControl
                && records.MoveNext()
                && ControlRecord.TryReadType(records.Current.Key, out ControlRecordType type)
                && type == ControlRecordType.SnapshotFooter;
            bytes = bytes[batch.TotalSize..];
        }
        return finished && bytes.IsEmpty;
    }

    private void ReplayBatch(in RecordBatchView batch, string source, long from)
    {
        RecordEnumerator records = batch.Records();
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            long offset = batch.BaseOffset + record.OffsetDelta;
            if (offset < from)
            {
                continue;
            }
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
                    _snapshotTimestampMs = timestampMs;
                }
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
