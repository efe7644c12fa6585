using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Storage.Tests;

/// <summary>Batches as producers and coordinators send them.</summary>
internal static class Batches
{
    public static byte[] Plain(
        int records = 1,
        int valueBytes = 10,
        long timestamp = 1_700_000_000_000,
        int seed = 0
    ) => Build(new RecordBatchOptions(), records, valueBytes, timestamp, seed);

    public static byte[] Idempotent(
        long producerId,
        short epoch,
        int sequence,
        int records = 1,
        bool transactional = false,
        long timestamp = 1_700_000_000_000
    ) =>
        Build(
            new RecordBatchOptions
            {
                ProducerId = producerId,
                ProducerEpoch = epoch,
                BaseSequence = sequence,
                IsTransactional = transactional,
            },
            records,
            10,
            timestamp,
            sequence
        );

    public static byte[] Marker(long producerId, short epoch, bool commit, int coordinatorEpoch = 0)
    {
        byte[] bytes = new byte[ControlBatch.EndTransactionMarkerBytes];
        ControlBatch.WriteEndTransactionMarker(
            bytes,
            commit,
            producerId,
            epoch,
            coordinatorEpoch,
            timestampMs: 1_700_000_000_000
        );
        return bytes;
    }

    public static byte[] WithTimes(params ReadOnlySpan<long> timestamps)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions());
        foreach (long timestamp in timestamps)
        {
            builder.Append(timestamp, "k"u8, "v"u8);
        }
        return builder.ToArray();
    }

    public static byte[] Build(RecordBatchOptions options, int records, int valueBytes, long timestamp, int seed)
    {
        RecordBatchBuilder builder = new(options);
        byte[] value = new byte[valueBytes];
        Random random = new(seed);
        for (int i = 0; i < records; i++)
        {
            random.NextBytes(value);
            builder.Append(timestamp + i, BitConverter.GetBytes(seed), value);
        }
        return builder.ToArray();
    }

    public static byte[] WithoutKey()
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions());
        builder.Append(1_700_000_000_000, "k"u8, "v"u8);
        builder.Append(1_700_000_000_000, NullableBytes.Null, "v"u8);
        return builder.ToArray();
    }

    public static RecordBatchView View(byte[] batch) => new(batch);

    public static List<byte[]> Split(byte[] bytes)
    {
        List<byte[]> batches = [];
        int at = 0;
        while (RecordBatchView.TryRead(bytes.AsSpan(at), out RecordBatchView view))
        {
            Assert.Equal(RecordBatchFault.None, view.Validate());
            batches.Add(view.Bytes.ToArray());
            at += view.TotalSize;
        }
        return batches;
    }
}
