using System.Text;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Inspection;

namespace Aot.Broker.Dump;

/// <summary>The lines of one batch: its header with the names that Apache Kafka's tool uses, then its records.</summary>
internal sealed class BatchLines(DumpWriter writer, BatchContent content, RecordKind decoder)
{
    private const string RecordHead = "| ";

    public void Write(ReadOnlySpan<byte> bytes, long position, bool withRecords)
    {
        if (RecordBatchView.TryRead(bytes, out RecordBatchView batch))
        {
            WriteBatch(batch, position);
            if (withRecords)
            {
                WriteRecords(batch);
            }
        }
        else if (LegacyMessageView.TryRead(bytes, out LegacyMessageView message))
        {
            WriteLegacy(message, position);
            if (withRecords)
            {
                WriteLegacyRecords(message);
            }
        }
        else
        {
            writer.Begin("unreadableBatch", "a batch whose lengths do not fit together,");
            writer.Field("position", position);
            writer.Field("size", bytes.Length);
            writer.End();
        }
    }

    private void WriteBatch(in RecordBatchView batch, long position)
    {
        writer.Begin("batch", "");
        writer.Field("baseOffset", batch.BaseOffset);
        writer.Field("lastOffset", batch.LastOffset);
        writer.Field("count", batch.RecordsCount);
        writer.Field("baseSequence", batch.BaseSequence);
        writer.Field("lastSequence", batch.LastSequence);
        writer.Field("producerId", batch.ProducerId);
        writer.Field("producerEpoch", batch.ProducerEpoch);
        writer.Field("partitionLeaderEpoch", batch.PartitionLeaderEpoch);
        writer.Field("isTransactional", batch.IsTransactional);
        writer.Field("isControl", batch.IsControl);
        if (batch.HasDeleteHorizon)
        {
            writer.Field("deleteHorizonMs", batch.BaseTimestamp);
        }
        WriteTail(position, batch.TimestampType, batch.MaxTimestamp, batch.TotalSize, batch.Magic, batch.Codec);
        writer.Field("crc", batch.Crc);
        writer.Field("isValid", batch.ComputeCrc() == batch.Crc);
        writer.End();
    }

    private void WriteTail(
        long position,
        TimestampType type,
        long timestamp,
        int size,
        byte magic,
        CompressionCodec codec
    )
    {
        writer.Field("position", position);
        if (writer.IsJson)
        {
            writer.Field("timestampType", type.ToString());
            writer.Field("maxTimestamp", timestamp);
        }
        else
        {
            writer.Field(type.ToString(), timestamp);
        }
        writer.Field("size", size);
        writer.Field("magic", magic);
        writer.Field("compression", codec.ToString().ToLowerInvariant());
    }

    private void WriteRecords(in RecordBatchView batch)
    {
        if (!content.TryOpen(batch, out ReadOnlySpan<byte> plain, out string cause))
        {
            WriteBroken(cause);
            return;
        }
        RecordEnumerator records = new(plain, batch.RecordsCount);
        while (records.MoveNext())
        {
            WriteRecord(batch, records.Current, records.Index);
        }
        if (records.Fault != RecordBatchFault.None)
        {
            WriteBroken($"after {records.Index + 1} of {batch.RecordsCount} records: {records.Fault.Describe()}");
        }
    }

    private void WriteRecord(in RecordBatchView batch, in RecordView record, int index)
    {
        long offset = batch.BaseOffset + record.OffsetDelta;
        BeginRecord(offset, batch.TimestampType, batch.TimestampOf(record), record.Key, record.Value);
        int sequence =
            batch.BaseSequence < 0
                ? RecordBatchHeader.NoSequence
                : RecordBatchHeader.AddSequence(batch.BaseSequence, record.OffsetDelta);
        writer.Field("sequence", sequence);
        if (record.HeadersCount > 0)
        {
            writer.Name("headers");
            writer.BeginArray();
            RecordHeaderEnumerator headers = record.Headers();
            while (headers.MoveNext())
            {
                writer.BeginObject();
                writer.Field("key", Encoding.UTF8.GetString(headers.Key));
                writer.Payload("value", headers.Value);
                writer.EndObject();
            }
            writer.EndArray();
        }
        if (batch.IsControl)
        {
            RecordDecoder.WriteControl(writer, record.Key, record.Value);
        }
        else
        {
            RecordDecoder.Write(writer, decoder, record.Key, record.Value, offset);
        }
        writer.End();
    }

    private void BeginRecord(long offset, TimestampType type, long timestamp, NullableBytes key, NullableBytes value)
    {
        writer.Begin("record", RecordHead);
        writer.Field("offset", offset);
        writer.Field(writer.IsJson ? "timestamp" : type.ToString(), timestamp);
        writer.Field("keySize", key.WireLength);
        writer.Field("valueSize", value.WireLength);
    }

    private void WriteLegacy(in LegacyMessageView message, long position)
    {
        writer.Begin("batch", "");
        writer.Field("baseOffset", message.Offset);
        writer.Field("lastOffset", message.Offset);
        WriteTail(position, message.TimestampType, message.Timestamp, message.TotalSize, message.Magic, message.Codec);
        writer.Field("crc", message.Crc);
        writer.Field("isValid", message.HasValidCrc);
        writer.End();
    }

    private void WriteLegacyRecords(in LegacyMessageView message)
    {
        if (message.Codec == CompressionCodec.None)
        {
            WriteLegacyRecord(message, message.Offset);
            return;
        }
        if (!content.TryOpen(message, out ReadOnlySpan<byte> plain, out string cause))
        {
            WriteBroken(cause);
            return;
        }
        LegacyMessageEnumerator inner = new(plain, message);
        while (inner.MoveNext())
        {
            WriteLegacyRecord(inner.Current, inner.Offset);
        }
        if (inner.IsMalformed)
        {
            WriteBroken("the messages inside are damaged");
        }
    }

    private void WriteLegacyRecord(in LegacyMessageView message, long offset)
    {
        BeginRecord(offset, message.TimestampType, message.Timestamp, message.Key, message.Value);
        RecordDecoder.Write(writer, decoder, message.Key, message.Value, offset);
        writer.End();
    }

    private void WriteBroken(string cause)
    {
        writer.Begin("brokenRecords", RecordHead);
        writer.Field("cause", cause);
        writer.End();
    }
}
