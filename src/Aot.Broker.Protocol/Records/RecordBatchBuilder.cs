using System.Buffers.Binary;
using System.Text;
using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Protocol.Records;

/// <summary>
/// Writes a batch record by record: for the logs that the broker itself writes (metadata, offsets, transactions,
/// markers), for compaction and for tests. Control plane: it owns a growing buffer and may be reused with
/// <see cref="Reset"/>. Records have the offsets 0, 1, 2... of the batch unless a delta is given.
/// </summary>
public sealed class RecordBatchBuilder
{
    private const int BytesAtStart = 512;

    private byte[] _bytes = new byte[BytesAtStart];
    private int _length;
    private RecordBatchOptions _options;
    private long _baseTimestamp;
    private long _maxTimestamp;
    private int _lastOffsetDelta;
    private bool _hasBaseTimestamp;

    public RecordBatchBuilder(RecordBatchOptions? options = null)
    {
        _options = options ?? RecordBatchOptions.Default;
        Reset(_options);
    }

    public int RecordsCount { get; private set; }

    public long LastOffset => _options.BaseOffset + _lastOffsetDelta;

    /// <summary>Bytes of the batch if it were built now without compression.</summary>
    public int SizeInBytes => _length;

    public void Reset(RecordBatchOptions options)
    {
        _options = options;
        _length = RecordBatchHeader.SizeInBytes;
        _baseTimestamp = options.DeleteHorizonMs ?? RecordBatchHeader.NoTimestamp;
        _hasBaseTimestamp = options.DeleteHorizonMs is not null;
        _maxTimestamp = RecordBatchHeader.NoTimestamp;
        _lastOffsetDelta = -1;
        RecordsCount = 0;
    }

    /// <summary>The bytes that a record would add to the batch before compression, at most.</summary>
    public static int SizeMaxOf(NullableBytes key, NullableBytes value, ReadOnlySpan<RecordHeader> headers = default)
    {
        int headersBytes = 0;
        foreach (RecordHeader header in headers)
        {
            headersBytes +=
                (2 * RecordVarint.Int32BytesMax)
                + Encoding.UTF8.GetMaxByteCount(header.Key.Length)
                + (header.Value?.Length ?? 0);
        }
        return (5 * RecordVarint.Int32BytesMax)
            + 1
            + RecordVarint.Int64BytesMax
            + key.Length
            + value.Length
            + headersBytes;
    }

    public void Append(
        long timestampMs,
        NullableBytes key,
        NullableBytes value,
        ReadOnlySpan<RecordHeader> headers = default
    ) => AppendAt(_lastOffsetDelta + 1, timestampMs, key, value, headers);

    /// <summary>Deltas grow; a gap is what compaction leaves.</summary>
    public void AppendAt(
        int offsetDelta,
        long timestampMs,
        NullableBytes key,
        NullableBytes value,
        ReadOnlySpan<RecordHeader> headers = default
    )
    {
        int headersBytes = 0;
        foreach (RecordHeader header in headers)
        {
            int keyBytes = Encoding.UTF8.GetByteCount(header.Key);
            int valueBytes = header.Value?.Length ?? -1;
            headersBytes +=
                RecordVarint.Size(keyBytes) + keyBytes + RecordVarint.Size(valueBytes) + Math.Max(valueBytes, 0);
        }
        StartRecord(offsetDelta, timestampMs, key, value, headers.Length, headersBytes);
        foreach (RecordHeader header in headers)
        {
            int keyBytes = Encoding.UTF8.GetByteCount(header.Key);
            WriteVarint(keyBytes);
            _length += Encoding.UTF8.GetBytes(header.Key, _bytes.AsSpan(_length));
            WriteBytes(header.Value);
        }
    }

    /// <summary>A copy of a record of another batch; <paramref name="timestampMs"/> is its absolute time.</summary>
    public void AppendCopy(int offsetDelta, long timestampMs, in RecordView record)
    {
        StartRecord(
            offsetDelta,
            timestampMs,
            record.Key,
            record.Value,
            record.HeadersCount,
            record.HeadersBytes.Length
        );
        record.HeadersBytes.CopyTo(_bytes.AsSpan(_length));
        _length += record.HeadersBytes.Length;
    }

    public void AppendControl(long timestampMs, ControlRecordType type, ReadOnlySpan<byte> value)
    {
        Invariant.That(_options.IsControl);
        Span<byte> key = stackalloc byte[ControlRecord.KeyBytes];
        ControlRecord.WriteKey(key, type);
        Append(timestampMs, key, value);
    }

    /// <summary>
    /// Says that the batch reaches to <paramref name="lastOffsetDelta"/> although its last records are gone (compaction
    /// keeps the range of a batch, down to a batch without records).
    /// </summary>
    public void KeepLastOffsetDelta(int lastOffsetDelta)
    {
        Invariant.That(lastOffsetDelta >= _lastOffsetDelta);
        _lastOffsetDelta = lastOffsetDelta;
    }

    /// <summary>The batch with its checksum, valid until the builder or another of this thread is used again.</summary>
    public ReadOnlySpan<byte> Build()
    {
        if (_options.Codec == CompressionCodec.None)
        {
            WriteHeader(_bytes, _length);
            return _bytes.AsSpan(0, _length);
        }
        ScratchBuffer scratch = CodecContexts.BuilderScratch;
        scratch.Trim();
        bool room = scratch.TryGrow(RecordBatchHeader.SizeInBytes);
        Invariant.That(room);
        CodecResult result = Compression.Compress(
            _options.Codec,
            _options.CompressionLevel,
            _bytes.AsSpan(RecordBatchHeader.SizeInBytes, _length - RecordBatchHeader.SizeInBytes),
            scratch,
            RecordBatchHeader.SizeInBytes,
            out int compressed
        );
        Invariant.That(result == CodecResult.Ok);
        Span<byte> batch = scratch.Span[..(RecordBatchHeader.SizeInBytes + compressed)];
        WriteHeader(batch, batch.Length);
        return batch;
    }

    public byte[] ToArray() => Build().ToArray();

    private void StartRecord(
        int offsetDelta,
        long timestampMs,
        NullableBytes key,
        NullableBytes value,
        int headersCount,
        int headersBytes
    )
    {
        Invariant.That(offsetDelta > _lastOffsetDelta);
        if (!_hasBaseTimestamp)
        {
            _baseTimestamp = timestampMs;
            _hasBaseTimestamp = true;
        }
        long timestampDelta = timestampMs - _baseTimestamp;
        int body =
            1
            + RecordVarint.Size(timestampDelta)
            + RecordVarint.Size(offsetDelta)
            + RecordVarint.Size(key.WireLength)
            + key.Length
            + RecordVarint.Size(value.WireLength)
            + value.Length
            + RecordVarint.Size(headersCount)
            + headersBytes;
        Reserve(RecordVarint.Int32BytesMax + body);
        WriteVarint(body);
        _bytes[_length++] = 0;
        WriteVarint(timestampDelta);
        WriteVarint(offsetDelta);
        WriteBytes(key);
        WriteBytes(value);
        WriteVarint(headersCount);
        _maxTimestamp = Math.Max(_maxTimestamp, timestampMs);
        _lastOffsetDelta = offsetDelta;
        RecordsCount++;
    }

    private void WriteVarint(long value) => _length += RecordVarint.Write(_bytes.AsSpan(_length), value);

    private void WriteBytes(NullableBytes bytes)
    {
        WriteVarint(bytes.WireLength);
        bytes.Span.CopyTo(_bytes.AsSpan(_length));
        _length += bytes.Length;
    }

    private void Reserve(int bytes)
    {
        if (_bytes.Length - _length < bytes)
        {
            Array.Resize(
                ref _bytes,
                checked((int)Math.Max(Math.Min(2L * _bytes.Length, Array.MaxLength), (long)_length + bytes))
            );
        }
    }

    private void WriteHeader(Span<byte> target, int totalSize)
    {
        RecordBatchOptions o = _options;
        TimestampType type = o.LogAppendTimeMs is null ? TimestampType.CreateTime : TimestampType.LogAppendTime;
        BinaryPrimitives.WriteInt64BigEndian(target[RecordBatchHeader.BaseOffsetAt..], o.BaseOffset);
        BinaryPrimitives.WriteInt32BigEndian(
            target[RecordBatchHeader.BatchLengthAt..],
            totalSize - RecordBatchHeader.LogOverhead
        );
        BinaryPrimitives.WriteInt32BigEndian(
            target[RecordBatchHeader.PartitionLeaderEpochAt..],
            o.PartitionLeaderEpoch
        );
        target[RecordBatchHeader.MagicAt] = RecordBatchHeader.CurrentMagic;
        BinaryPrimitives.WriteInt16BigEndian(
            target[RecordBatchHeader.AttributesAt..],
            RecordBatchHeader.MakeAttributes(
                o.Codec,
                type,
                o.IsTransactional,
                o.IsControl,
                o.DeleteHorizonMs is not null
            )
        );
        BinaryPrimitives.WriteInt32BigEndian(
            target[RecordBatchHeader.LastOffsetDeltaAt..],
            Math.Max(_lastOffsetDelta, 0)
        );
        BinaryPrimitives.WriteInt64BigEndian(target[RecordBatchHeader.BaseTimestampAt..], _baseTimestamp);
        BinaryPrimitives.WriteInt64BigEndian(
            target[RecordBatchHeader.MaxTimestampAt..],
            o.LogAppendTimeMs ?? _maxTimestamp
        );
        BinaryPrimitives.WriteInt64BigEndian(target[RecordBatchHeader.ProducerIdAt..], o.ProducerId);
        BinaryPrimitives.WriteInt16BigEndian(target[RecordBatchHeader.ProducerEpochAt..], o.ProducerEpoch);
        BinaryPrimitives.WriteInt32BigEndian(target[RecordBatchHeader.BaseSequenceAt..], o.BaseSequence);
        BinaryPrimitives.WriteInt32BigEndian(target[RecordBatchHeader.RecordsCountAt..], RecordsCount);
        RecordBatchPatch.Seal(target[..totalSize]);
    }
}
