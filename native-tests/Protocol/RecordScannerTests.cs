using System.Buffers.Binary;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Protocol.Tests;

public sealed class RecordScannerTests
{
    [Fact]
    public void The_scanner_steps_over_every_batch_and_stops_before_a_torn_one()
    {
        Random random = new(21);
        List<byte[]> batches = [];
        for (int i = 0; i < 20; i++)
        {
            batches.Add(RecordRandom.Build(RecordRandom.Records(random), new() { BaseOffset = i * 100 }));
        }
        byte[] all = [.. batches.SelectMany(b => b)];
        int lastStart = all.Length - batches[^1].Length;
        for (int cut = lastStart; cut <= all.Length; cut++)
        {
            BatchScanner scanner = new(all.AsSpan(0, cut));
            int count = 0;
            int position = 0;
            while (scanner.MoveNext())
            {
                Assert.Equal(position, scanner.Position);
                Assert.Equal(count * 100, scanner.Batch.BaseOffset);
                Assert.True(scanner.Bytes.SequenceEqual(batches[count]));
                position += scanner.TotalSize;
                count++;
            }
            bool whole = cut == all.Length;
            Assert.Equal(whole ? 20 : 19, count);
            Assert.Equal(whole || cut == lastStart ? BatchScanEnd.Clean : BatchScanEnd.TornTail, scanner.End);
            Assert.Equal(position, scanner.Position);
            if (scanner.End == BatchScanEnd.TornTail && cut - lastStart >= RecordBatchHeader.PrefixBytes)
            {
                Assert.Equal(batches[^1].Length, scanner.TornTotalSize);
            }
            Assert.False(scanner.MoveNext());
        }
    }

    [Fact]
    public void Impossible_lengths_and_magics_end_the_scan()
    {
        byte[] batch = RecordRandom.Build([new(0, 0, null, null, [])], RecordBatchOptions.Default);
        Assert.Equal(BatchScanEnd.BadLength, EndOf(batch, length: 48));
        Assert.Equal(BatchScanEnd.BadLength, EndOf(batch, length: -1));
        Assert.Equal(BatchScanEnd.BadLength, EndOf(batch, length: int.MinValue));
        Assert.Equal(BatchScanEnd.BadLength, EndOf(batch, length: int.MaxValue));
        Assert.Equal(BatchScanEnd.TornTail, EndOf(batch, length: int.MaxValue - RecordBatchHeader.LogOverhead));
        batch[RecordBatchHeader.MagicAt] = 3;
        Assert.Equal(BatchScanEnd.BadMagic, EndOf(batch, length: 60));
    }

    [Fact]
    public void Random_bytes_never_lead_outside_the_buffer()
    {
        Random random = new(22);
        byte[] sound = RecordRandom.Build(RecordRandom.Records(random), RecordBatchOptions.Default);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] bytes;
            if (round % 2 == 0)
            {
                bytes = new byte[random.Next(300)];
                random.NextBytes(bytes);
                if (bytes.Length > RecordBatchHeader.MagicAt)
                {
                    bytes[RecordBatchHeader.MagicAt] = (byte)random.Next(3);
                    BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(8), random.Next(300));
                }
            }
            else
            {
                bytes = sound[..random.Next(sound.Length + 1)];
                for (int i = random.Next(1, 8); i > 0 && bytes.Length > 0; i--)
                {
                    bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
                }
            }
            Touch(bytes, random);
        }
    }

    private static void Touch(byte[] bytes, Random random)
    {
        BatchScanner scanner = new(bytes);
        long total = 0;
        while (scanner.MoveNext())
        {
            total += scanner.TotalSize;
            if (scanner.Magic == RecordBatchHeader.CurrentMagic && scanner.Batch.IsWhole)
            {
                _ = scanner.Batch.Validate();
                _ = scanner.Batch.ValidateProduced();
            }
        }
        Assert.True(total <= bytes.Length);
        RecordEnumerator records = new(bytes, random.Next(50));
        int read = 0;
        while (records.MoveNext())
        {
            read += records.Current.Bytes.Length;
            RecordHeaderEnumerator headers = records.Current.Headers();
            int count = 0;
            while (headers.MoveNext())
            {
                count++;
            }
            Assert.Equal(records.Current.HeadersCount, count);
        }
        Assert.True(read <= bytes.Length);
        if (records.Fault == RecordBatchFault.None)
        {
            Assert.Equal(bytes.Length, read);
        }
        LegacyMessageEnumerator messages = new(bytes);
        while (messages.MoveNext())
        {
            _ = messages.Current.HasValidCrc;
        }
    }

    private static BatchScanEnd EndOf(byte[] batch, int length)
    {
        BinaryPrimitives.WriteInt32BigEndian(batch.AsSpan(RecordBatchHeader.BatchLengthAt), length);
        BatchScanner scanner = new(batch);
        while (scanner.MoveNext())
        {
            Assert.True(scanner.TotalSize > 0);
        }
        return scanner.End;
    }
}
