using Aot.Broker.Harness;

namespace Aot.Broker.Faults.Tests;

/// <summary>
/// Holds logs that lose old records, by compaction or by retention, against what their producers know: one idempotent
/// producer for each partition, so that the number of a record is its offset, whatever is gone before it.
/// </summary>
internal static class ThinnedLogCheck
{
    /// <summary>Of every key the newest acknowledged record is there, or a newer one.</summary>
    public static void Compacted(BrokerProcess broker, PipelinedProducer producer)
    {
        long[] newest = new long[producer.Keys];
        Array.Fill(newest, -1);
        (long start, long end) = Read(broker, producer, number => newest[number % producer.Keys] = number);
        Assert.Equal(0, start);
        long acknowledged = producer.Acknowledged.Count;
        Assert.InRange(end, acknowledged, producer.Sent);
        for (long number = Math.Max(0, acknowledged - producer.Keys); number < acknowledged; number++)
        {
            Assert.True(
                newest[number % producer.Keys] >= number,
                $"{producer.Topic}-{producer.Partition}: {number} was acknowledged, and the newest of its key is {newest[number % producer.Keys]}"
            );
        }
    }

    /// <summary>Nothing is missing between the log's first record and the last that was acknowledged.</summary>
    public static void Retained(BrokerProcess broker, PipelinedProducer producer)
    {
        long count = 0;
        (long start, long end) = Read(broker, producer, _ => count++);
        Assert.InRange(end, producer.Acknowledged.Count, producer.Sent);
        Assert.True(
            count >= end - start,
            $"{producer.Topic}-{producer.Partition}: {count} records from {start} to {end}"
        );
    }

    /// <summary>Records that are left, and where the log starts.</summary>
    public static (long Start, long Count) Left(BrokerProcess broker, PipelinedProducer producer)
    {
        long count = 0;
        (long start, _) = Read(broker, producer, _ => count++);
        return (start, count);
    }

    private static (long Start, long End) Read(BrokerProcess broker, PipelinedProducer producer, Action<long> onNumber)
    {
        using KafkaConnection connection = new(broker);
        return connection.ReadLeft(
            producer.Topic,
            producer.Partition,
            (offset, key, value) =>
            {
                Assert.Equal((producer.Index, offset), Batches.Read(value));
                if (producer.Keys > 0)
                {
                    Assert.Equal(offset % producer.Keys, Batches.ReadKey(key));
                }
                onNumber(offset);
            }
        );
    }
}
