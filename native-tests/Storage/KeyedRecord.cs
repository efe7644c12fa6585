using System.Text;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Tests;

/// <summary>A record of a compacted topic as a consumer gets it; a null value is a tombstone.</summary>
internal readonly record struct KeyedRecord(long Offset, string? Key, string? Value, long Timestamp)
{
    public static List<KeyedRecord> ReadAll(
        StorageRig rig,
        PartitionLog log,
        ReadIsolation isolation = ReadIsolation.LogEnd
    )
    {
        List<KeyedRecord> records = [];
        foreach (byte[] batch in rig.ReadAll(log, log.LogStartOffset, isolation))
        {
            AddRecords(batch, records);
        }
        return records;
    }

    public static void AddRecords(byte[] batch, List<KeyedRecord> into)
    {
        Assert.True(BatchRecords.TryOpen(batch, out RecordBatchView view, out byte[]? plain));
        if (view.IsControl)
        {
            return;
        }
        RecordEnumerator records = BatchRecords.Walk(view, plain);
        while (records.MoveNext())
        {
            RecordView record = records.Current;
            into.Add(
                new KeyedRecord(
                    view.BaseOffset + record.OffsetDelta,
                    Text(record.Key),
                    Text(record.Value),
                    view.TimestampOf(record)
                )
            );
        }
        Assert.Equal(RecordBatchFault.None, records.Fault);
    }

    private static string? Text(NullableBytes bytes) => bytes.IsNull ? null : Encoding.UTF8.GetString(bytes.Span);
}

/// <summary>Batches with keys.</summary>
internal static class KeyedBatch
{
    public static byte[] Of(long timestamp, params ReadOnlySpan<(string Key, string? Value)> records) =>
        Of(RecordBatchOptions.Default, timestamp, records);

    public static byte[] Of(
        RecordBatchOptions options,
        long timestamp,
        params ReadOnlySpan<(string Key, string? Value)> records
    )
    {
        RecordBatchBuilder builder = new(options);
        foreach ((string key, string? value) in records)
        {
            byte[]? bytes = value is null ? null : Encoding.UTF8.GetBytes(value);
            builder.Append(timestamp, Encoding.UTF8.GetBytes(key), bytes);
        }
        return builder.ToArray();
    }
}
