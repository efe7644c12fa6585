using Aot.Broker.Base;
using Aot.Broker.Linux;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;
using Aot.Broker.Storage.Segments;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// The batches of a source, each with its checksum looked at: what is damaged must not get a new, right checksum. Has a
/// descriptor of its own, so that a segment may be deleted meanwhile.
/// </summary>
internal sealed class SourceReader : IDisposable
{
    private readonly Disk _disk;
    private readonly Fd _file;
    private readonly SegmentScanner _batches;

    public SourceReader(Disk disk, CleanSource source)
    {
        _disk = disk;
        Source = source;
        Errno error = disk.Open(source.Path, DiskOpen.ReadOnly, out _file);
        if (error == Errno.ENOENT)
        {
            throw new CleaningException(CleaningEnd.Interrupted, $"{source.Path} is gone");
        }
        CleaningException.Check(error, "cannot open", source.Path);
        _batches = new SegmentScanner(disk, _file, 0, source.Bytes, wholeBatches: true);
    }

    public CleanSource Source { get; }

    public BatchHeader Header => _batches.Header;

    /// <summary>False at the end of the source.</summary>
    public bool MoveNext()
    {
        long last = _batches.Position == _batches.NextPosition ? Source.BaseOffset - 1 : Header.LastOffset;
        if (!_batches.MoveNext())
        {
            CleaningException.Check((Errno)(-_batches.Error), "cannot read", Source.Path);
            return _batches.NextPosition == Source.Bytes ? false : throw Corrupt("these bytes are no batch");
        }
        if (Header.BaseOffset <= last)
        {
            throw Corrupt($"offset {Header.BaseOffset} follows {last}");
        }
        ReadOnlySpan<byte> bytes = Batch();
        bool isSound =
            Header.Magic == 2
                ? RecordBatchView.TryRead(bytes, out RecordBatchView batch) && batch.ComputeCrc() == batch.Crc
                : LegacyMessageView.TryRead(bytes, out LegacyMessageView message) && message.HasValidCrc;
        return isSound ? true : throw Corrupt("the checksum is wrong");
    }

    /// <summary>The whole current batch; valid until the next call of <see cref="MoveNext"/>.</summary>
    public ReadOnlySpan<byte> Batch()
    {
        ReadOnlySpan<byte> bytes = _batches.Batch();
        CleaningException.Check((Errno)(-_batches.Error), "cannot read", Source.Path);
        return bytes;
    }

    /// <summary>The records of the current batch, decompressed into the buffer where it has a codec.</summary>
    public RecordEnumerator Records(in RecordBatchView batch, ScratchBuffer plain)
    {
        if (!batch.IsCompressed || batch.RecordsCount == 0)
        {
            return new RecordEnumerator(batch.RecordsBytes, batch.RecordsCount);
        }
        plain.Trim();
        Check(
            Compression.Decompress(batch.Codec, batch.RecordsBytes, plain, Limits.DecompressedBytesMax, out int length)
        );
        return new RecordEnumerator(plain.Span[..length], batch.RecordsCount);
    }

    /// <summary>The message of magic 0 or 1 at the current place, or those inside it where it is a wrapper.</summary>
    public LegacyMessageEnumerator LegacyMessages(ScratchBuffer plain)
    {
        ReadOnlySpan<byte> bytes = Batch();
        bool isMessage = LegacyMessageView.TryRead(bytes, out LegacyMessageView wrapper);
        Invariant.That(isMessage);
        if (wrapper.Codec == CompressionCodec.None)
        {
            return new LegacyMessageEnumerator(bytes);
        }
        plain.Trim();
        Check(
            Compression.DecompressLegacy(
                wrapper.Magic,
                wrapper.Codec,
                wrapper.Value.Span,
                plain,
                Limits.DecompressedBytesMax,
                out int length
            )
        );
        return new LegacyMessageEnumerator(plain.Span[..length], wrapper);
    }

    public void Check(RecordBatchFault fault)
    {
        if (fault != RecordBatchFault.None)
        {
            throw Corrupt(fault.Describe());
        }
    }

    public void Dispose() => _disk.Close(_file);

    private void Check(CodecResult result) =>
        Check(result == CodecResult.Ok ? RecordBatchFault.None : RecordBatchFault.BadCompression);

    private CleaningException Corrupt(string what) => CleaningException.Corrupt(Source.Path, _batches.Position, what);
}
