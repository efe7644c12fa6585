using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Protocol.Tests;

/// <summary>A record as a test thinks of it.</summary>
internal sealed record TestRecord(int OffsetDelta, long Timestamp, byte[]? Key, byte[]? Value, RecordHeader[] Headers);

/// <summary>Random records and batches from a seed.</summary>
internal static class RecordRandom
{
    internal static List<TestRecord> Records(Random random, int countMax = 40, bool gaps = false)
    {
        int count = random.Next(1, countMax + 1);
        long start = random.Next(3) switch
        {
            0 => 0,
            1 => 1_700_000_000_000 + random.Next(),
            _ => random.NextInt64(1L << 60),
        };
        List<TestRecord> records = [];
        int delta = 0;
        for (int i = 0; i < count; i++)
        {
            records.Add(
                new TestRecord(
                    delta,
                    Math.Max(0, start + random.Next(-5000, 5000)),
                    NullableBytes(random, 40),
                    NullableBytes(random, random.Next(20) == 0 ? 5000 : 200),
                    Headers(random)
                )
            );
            delta += gaps ? random.Next(1, 4) : 1;
        }
        return records;
    }

    internal static byte[] Build(List<TestRecord> records, RecordBatchOptions options)
    {
        RecordBatchBuilder builder = new(options);
        foreach (TestRecord record in records)
        {
            builder.AppendAt(record.OffsetDelta, record.Timestamp, record.Key, record.Value, record.Headers);
        }
        return builder.ToArray();
    }

    internal static void AssertSame(TestRecord expected, in RecordView actual, long timestamp)
    {
        Assert.Equal(expected.OffsetDelta, actual.OffsetDelta);
        Assert.Equal(expected.Timestamp, timestamp);
        Assert.Equal(expected.Key, actual.Key.ToArray());
        Assert.Equal(expected.Value, actual.Value.ToArray());
        Assert.Equal(expected.Headers.Length, actual.HeadersCount);
        RecordHeaderEnumerator headers = actual.Headers();
        foreach (RecordHeader header in expected.Headers)
        {
            Assert.True(headers.MoveNext());
            Assert.Equal(header.Key, System.Text.Encoding.UTF8.GetString(headers.Key));
            Assert.Equal(header.Value, headers.Value.ToArray());
        }
        Assert.False(headers.MoveNext());
    }

    private static byte[]? NullableBytes(Random random, int lengthMax)
    {
        if (random.Next(6) == 0)
        {
            return null;
        }
        byte[] bytes = new byte[random.Next(lengthMax + 1)];
        random.NextBytes(bytes);
        return bytes;
    }

    private static RecordHeader[] Headers(Random random)
    {
        RecordHeader[] headers = new RecordHeader[random.Next(4) == 0 ? random.Next(1, 6) : 0];
        for (int i = 0; i < headers.Length; i++)
        {
            headers[i] = new RecordHeader(
                random.Next(3) == 0 ? "" : $"schlüssel-{random.Next(100)}",
                NullableBytes(random, 20)
            );
        }
        return headers;
    }
}
