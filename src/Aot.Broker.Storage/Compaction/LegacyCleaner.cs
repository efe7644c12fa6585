using System.Buffers.Binary;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Compaction;

/// <summary>
/// What is left of messages of magic 0 and 1, which old segments may hold. Messages stay in their format. A compressed
/// wrapper that loses messages is written anew with those that stay, in its codec; only magic 0 with lz4, whose frames
/// have a header of their own kind, becomes plain messages.
/// </summary>
/// <remarks>Owner: one pass. They have no delete horizon: a tombstone goes when the dirty part is older than it by far enough.</remarks>
internal sealed class LegacyCleaner(RecordRetention retention) : IDisposable
{
    private readonly ScratchBuffer _plain = new();
    private readonly ScratchBuffer _set = new();
    private readonly ScratchBuffer _wrapper = new();

    public long RemovedRecords { get; private set; }

    /// <summary>Appends what is left of the message or wrapper at the reader's place. True: something is gone.</summary>
    public bool Clean(SourceReader reader, long sourceTimestamp, CleanedSegment output)
    {
        bool tombstonesAreOver = sourceTimestamp <= retention.LegacyHorizonMillis;
        LegacyMessageEnumerator messages = reader.LegacyMessages(_plain);
        int all = 0;
        int kept = 0;
        int setBytes = 0;
        while (messages.MoveNext())
        {
            all++;
            LegacyMessageView message = messages.Current;
            bool keeps = message.Key.IsNull
                ? messages.Offset >= retention.MapEndOffset
                : retention.Keeps(message.Key.Span, messages.Offset, message.Value.IsNull, tombstonesAreOver);
            if (keeps)
            {
                kept++;
                setBytes = Add(message, messages.Offset, setBytes);
            }
        }
        reader.Check(messages.IsMalformed ? RecordBatchFault.BadRecord : RecordBatchFault.None);
        RemovedRecords += all - kept;
        ReadOnlySpan<byte> batch = reader.Batch();
        if (kept == all)
        {
            output.Append(batch);
            return false;
        }
        LegacyMessageView.TryRead(batch, out LegacyMessageView wrapper);
        if (kept > 0)
        {
            AppendSet(wrapper, setBytes, output);
        }
        return true;
    }

    public void Dispose()
    {
        _plain.Dispose();
        _set.Dispose();
        _wrapper.Dispose();
    }

    private int Add(in LegacyMessageView message, long offset, int at)
    {
        Grow(_set, at + message.TotalSize, at);
        Span<byte> target = _set.Span.Slice(at, message.TotalSize);
        message.Bytes.CopyTo(target);
        BinaryPrimitives.WriteInt64BigEndian(target, offset);
        return at + message.TotalSize;
    }

    private void AppendSet(in LegacyMessageView wrapper, int setBytes, CleanedSegment output)
    {
        bool staysCompressed =
            wrapper.Codec != CompressionCodec.None && !(wrapper.Codec == CompressionCodec.Lz4 && wrapper.Magic == 0);
        if (!staysCompressed)
        {
            LegacyMessageEnumerator left = new(_set.Span[..setBytes]);
            while (left.MoveNext())
            {
                output.Append(left.Current.Bytes);
            }
            return;
        }
        output.Append(Wrap(wrapper, _set.Span[..setBytes]));
    }

    /// <summary>The wrapper's offset is that of its last message; with magic 1 the inner ones count from the first.</summary>
    private ReadOnlySpan<byte> Wrap(in LegacyMessageView wrapper, Span<byte> set)
    {
        long first = -1;
        long last = -1;
        long maxTimestamp = RecordBatchHeader.NoTimestamp;
        for (int at = 0; at < set.Length; )
        {
            LegacyMessageView.TryRead(set[at..], out LegacyMessageView message);
            last = message.Offset;
            first = first < 0 ? last : first;
            maxTimestamp = Math.Max(maxTimestamp, message.Timestamp);
            if (wrapper.Magic == 1)
            {
                BinaryPrimitives.WriteInt64BigEndian(set[at..], last - first);
            }
            at += message.TotalSize;
        }
        int valueAt = LegacyMessageWriter.ValueAt(wrapper.Magic);
        Grow(_wrapper, valueAt, 0);
        CodecResult result = Compression.Compress(wrapper.Codec, null, set, _wrapper, valueAt, out int length);
        if (result != CodecResult.Ok)
        {
            throw TooLarge();
        }
        long timestamp = wrapper.TimestampType == TimestampType.LogAppendTime ? wrapper.Timestamp : maxTimestamp;
        Span<byte> written = _wrapper.Span[..(valueAt + length)];
        LegacyMessageWriter.WriteWrapper(written, last, wrapper.Magic, wrapper.Attributes, timestamp);
        return written;
    }

    private static void Grow(ScratchBuffer buffer, int bytes, int used)
    {
        if (!buffer.TryGrow(bytes, used))
        {
            throw TooLarge();
        }
    }

    private static CleaningException TooLarge() =>
        new(CleaningEnd.Uncleanable, "a compressed message set is too large", "delete the records up to there");
}
