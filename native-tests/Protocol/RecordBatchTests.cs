using Aot.Broker.Base;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Protocol.Tests;

public sealed class RecordBatchTests
{
    /// <summary>Written by Apache Kafka: k/v with header h=01 at 1000, null/null at 1001.</summary>
    private const string KafkasBatch =
        "0000000000000005 00000045 00000009 02 63d86e91 0000 00000001 00000000000003e8 00000000000003e9"
        + " 0000000000000064 0003 00000007 00000002 18 00 00 00 02 6b 02 76 02 02 68 02 01 0c 00 02 02 01 01 00";

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", ""));

    private static RecordBatchOptions KafkasOptions =>
        new()
        {
            BaseOffset = 5,
            PartitionLeaderEpoch = 9,
            ProducerId = 100,
            ProducerEpoch = 3,
            BaseSequence = 7,
        };

    [Fact]
    public void The_builder_writes_the_bytes_that_Kafka_writes()
    {
        RecordBatchBuilder builder = new(KafkasOptions);
        builder.Append(1000, "k"u8, "v"u8, [new RecordHeader("h", [1])]);
        builder.Append(1001, NullableBytes.Null, NullableBytes.Null);
        Assert.Equal(Hex(KafkasBatch), builder.ToArray());
        Assert.Equal(2, builder.RecordsCount);
        Assert.Equal(6, builder.LastOffset);
    }

    [Fact]
    public void The_view_reads_the_fields_that_Kafka_wrote()
    {
        byte[] bytes = Hex(KafkasBatch);
        Assert.True(RecordBatchView.TryRead(bytes, out RecordBatchView batch));
        Assert.Equal(RecordBatchFault.None, batch.Validate());
        Assert.Equal(5, batch.BaseOffset);
        Assert.Equal(0x45, batch.BatchLength);
        Assert.Equal(bytes.Length, batch.TotalSize);
        Assert.Equal(9, batch.PartitionLeaderEpoch);
        Assert.Equal(2, batch.Magic);
        Assert.Equal(0x63d86e91u, batch.Crc);
        Assert.Equal(CompressionCodec.None, batch.Codec);
        Assert.Equal(TimestampType.CreateTime, batch.TimestampType);
        Assert.False(batch.IsTransactional || batch.IsControl || batch.HasDeleteHorizon);
        Assert.Equal(1, batch.LastOffsetDelta);
        Assert.Equal(6, batch.LastOffset);
        Assert.Equal(7, batch.NextOffset);
        Assert.Equal(1000, batch.BaseTimestamp);
        Assert.Equal(1001, batch.MaxTimestamp);
        Assert.Equal(100, batch.ProducerId);
        Assert.Equal(3, batch.ProducerEpoch);
        Assert.Equal(7, batch.BaseSequence);
        Assert.Equal(8, batch.LastSequence);
        Assert.Equal(2, batch.RecordsCount);

        RecordEnumerator records = batch.Records();
        Assert.True(records.MoveNext());
        TestRecord first = new(0, 1000, [(byte)'k'], [(byte)'v'], [new RecordHeader("h", [1])]);
        RecordRandom.AssertSame(first, records.Current, batch.TimestampOf(records.Current));
        Assert.True(records.MoveNext());
        RecordRandom.AssertSame(new(1, 1001, null, null, []), records.Current, batch.TimestampOf(records.Current));
        Assert.False(records.MoveNext());
        Assert.Equal(RecordBatchFault.None, records.Fault);
    }

    [Fact]
    public void Random_batches_come_back_as_they_were_built()
    {
        Random random = new(11);
        for (int round = 0; round < 400; round++)
        {
            List<TestRecord> records = RecordRandom.Records(random, gaps: round % 2 == 1);
            RecordBatchOptions options = new()
            {
                BaseOffset = random.NextInt64(),
                PartitionLeaderEpoch = random.Next(),
                ProducerId = random.NextInt64(),
                ProducerEpoch = (short)random.Next(short.MaxValue),
                BaseSequence = random.Next(),
                IsTransactional = random.Next(2) == 0,
                DeleteHorizonMs = random.Next(3) == 0 ? random.NextInt64(1L << 60) : null,
            };
            byte[] bytes = RecordRandom.Build(records, options);
            Assert.True(RecordBatchView.TryRead(bytes, out RecordBatchView batch));
            Assert.Equal(RecordBatchFault.None, batch.Validate());
            Assert.Equal(bytes.Length, batch.TotalSize);
            Assert.Equal(Crc32C.ComputeByTable(bytes.AsSpan(RecordBatchHeader.AttributesAt)), batch.Crc);
            Assert.Equal(options.IsTransactional, batch.IsTransactional);
            Assert.Equal(options.DeleteHorizonMs is not null, batch.HasDeleteHorizon);
            Assert.Equal(options.DeleteHorizonMs ?? records[0].Timestamp, batch.BaseTimestamp);
            Assert.Equal(records.Max(r => r.Timestamp), batch.MaxTimestamp);
            Assert.Equal(records[^1].OffsetDelta, batch.LastOffsetDelta);
            Assert.Equal(records.Count, batch.RecordsCount);

            int index = 0;
            RecordEnumerator walk = batch.Records();
            int position = 0;
            while (walk.MoveNext())
            {
                Assert.Equal(index, walk.Index);
                RecordRandom.AssertSame(records[index++], walk.Current, batch.TimestampOf(walk.Current));
                position += walk.Current.Bytes.Length;
            }
            Assert.Equal(RecordBatchFault.None, walk.Fault);
            Assert.Equal(records.Count, index);
            Assert.Equal(batch.RecordsBytes.Length, position);
        }
    }

    [Fact]
    public void Copied_records_make_the_same_batch()
    {
        List<TestRecord> records = RecordRandom.Records(new Random(12), gaps: true);
        byte[] bytes = RecordRandom.Build(records, KafkasOptions);
        RecordBatchView batch = new(bytes);
        RecordBatchBuilder builder = new(KafkasOptions);
        foreach (RecordView record in batch.Records())
        {
            builder.AppendCopy(record.OffsetDelta, batch.TimestampOf(record), record);
        }
        Assert.Equal(bytes, builder.ToArray());
        builder.Reset(RecordBatchOptions.Default);
        builder.KeepLastOffsetDelta(9);
        RecordBatchView empty = new(builder.Build());
        Assert.Equal(RecordBatchFault.None, empty.Validate());
        Assert.Equal(0, empty.RecordsCount);
        Assert.Equal(9, empty.LastOffsetDelta);
        Assert.Equal(-1, empty.BaseTimestamp);
    }

    [Fact]
    public void Every_single_bit_flip_is_found_except_in_the_leader_epoch()
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                ProducerId = 4,
                ProducerEpoch = 0,
                BaseSequence = 0,
            }
        );
        builder.Append(1000, "key"u8, "value"u8);
        byte[] sound = builder.ToArray();
        Assert.Equal(RecordBatchFault.None, ProduceRecords.Check(sound, 13, int.MaxValue, out _));
        for (int bit = 0; bit < sound.Length * 8; bit++)
        {
            byte[] damaged = (byte[])sound.Clone();
            damaged[bit / 8] ^= (byte)(1 << (bit % 8));
            RecordBatchFault fault = ProduceRecords.Check(damaged, 13, int.MaxValue, out _);
            bool inEpoch =
                bit / 8
                is >= RecordBatchHeader.PartitionLeaderEpochAt
                    and < RecordBatchHeader.PartitionLeaderEpochAt + 4;
            Assert.Equal(inEpoch, fault == RecordBatchFault.None);
        }
    }

    [Fact]
    public void Patching_in_place_leaves_a_sound_batch_with_the_new_values()
    {
        Random random = new(13);
        for (int round = 0; round < 100; round++)
        {
            byte[] bytes = RecordRandom.Build(RecordRandom.Records(random), KafkasOptions);
            RecordBatchPatch.SetBaseOffset(bytes, 1L << 40);
            RecordBatchPatch.SetPartitionLeaderEpoch(bytes, 77);
            TimestampType type = (TimestampType)(round % 2);
            RecordBatchPatch.SetMaxTimestamp(bytes, type, 123456789012 + round);
            RecordBatchView batch = new(bytes);
            Assert.Equal(RecordBatchFault.None, batch.Validate());
            Assert.Equal(1L << 40, batch.BaseOffset);
            Assert.Equal(77, batch.PartitionLeaderEpoch);
            Assert.Equal(type, batch.TimestampType);
            Assert.Equal(123456789012 + round, batch.MaxTimestamp);
            RecordEnumerator records = batch.Records();
            Assert.True(records.MoveNext());
            if (type == TimestampType.LogAppendTime)
            {
                Assert.Equal(batch.MaxTimestamp, batch.TimestampOf(records.Current));
            }
        }
    }

    [Fact]
    public void Patching_does_not_mend_a_damaged_batch()
    {
        byte[] bytes = Hex(KafkasBatch);
        bytes[^1] ^= 1;
        RecordBatchPatch.SetMaxTimestamp(bytes, TimestampType.LogAppendTime, 5555);
        Assert.Equal(RecordBatchFault.BadCrc, new RecordBatchView(bytes).Validate());
    }

    [Fact]
    public void The_last_sequence_wraps_to_zero()
    {
        RecordBatchBuilder builder = new(KafkasOptions with { BaseSequence = int.MaxValue });
        builder.Append(0, NullableBytes.Null, "a"u8);
        builder.Append(0, NullableBytes.Null, "b"u8);
        Assert.Equal(0, new RecordBatchView(builder.Build()).LastSequence);
        builder.Reset(RecordBatchOptions.Default);
        builder.Append(0, NullableBytes.Null, "a"u8);
        Assert.Equal(-1, new RecordBatchView(builder.Build()).LastSequence);
    }

    [Fact]
    public void A_produce_is_checked_in_the_order_of_Kafka()
    {
        byte[] sound = RecordRandom.Build(
            [new(0, 5, null, [1], []), new(1, 6, null, [2], [])],
            new()
            {
                ProducerId = 1,
                ProducerEpoch = 0,
                BaseSequence = 0,
            }
        );
        Check(RecordBatchFault.None, sound);
        Check(RecordBatchFault.None, [.. sound, .. sound[..40]]); // A torn second batch is cut off.
        Check(RecordBatchFault.NoBatch, []);
        Check(RecordBatchFault.NoBatch, sound[..60]);
        Check(RecordBatchFault.NoBatch, sound[..^1]);
        Check(RecordBatchFault.SeveralBatches, [.. sound, .. sound]);
        Check(RecordBatchFault.TooLarge, sound, maxMessageBytes: sound.Length - 1);
        Check(RecordBatchFault.BadLength, Changed(sound, b => b[RecordBatchHeader.BatchLengthAt + 3] = 48));
        Check(RecordBatchFault.BadLength, Changed(sound, b => b[RecordBatchHeader.BatchLengthAt] = 0x80));
        Check(RecordBatchFault.BadLength, Changed(sound, b => b[RecordBatchHeader.MagicAt] = 3));
        Check(RecordBatchFault.UnsupportedMagic, Changed(sound, b => b[RecordBatchHeader.MagicAt] = 1));
        Check(RecordBatchFault.BadCrc, Changed(sound, b => b[^1] ^= 1));
        Check(RecordBatchFault.BaseOffsetNotZero, Changed(sound, b => b[7] = 1));
        Check(RecordBatchFault.UnknownCodec, Sealed(sound, b => b[RecordBatchHeader.AttributesAt + 1] = 5));
        Check(RecordBatchFault.CodecTooNew, Sealed(sound, b => b[RecordBatchHeader.AttributesAt + 1] = 4), version: 6);
        Check(
            RecordBatchFault.ControlBatchFromClient,
            Sealed(sound, b => b[RecordBatchHeader.AttributesAt + 1] = 0x20)
        );
        Check(RecordBatchFault.CountAndOffsetsDiffer, Sealed(sound, b => b[RecordBatchHeader.RecordsCountAt + 3] = 3));
        Check(RecordBatchFault.BadCount, Sealed(sound, b => b[RecordBatchHeader.RecordsCountAt + 3] = 0));
        Check(RecordBatchFault.BadCount, Sealed(sound, b => b[RecordBatchHeader.RecordsCountAt] = 0x80));
        Check(RecordBatchFault.BadOffsetRange, Sealed(sound, b => b[RecordBatchHeader.LastOffsetDeltaAt] = 0x80));
        Check(
            RecordBatchFault.SequenceMissing,
            Sealed(sound, b => b.AsSpan(RecordBatchHeader.BaseSequenceAt, 4).Fill(0xFF))
        );
    }

    [Fact]
    public void Faults_have_the_codes_of_Kafka()
    {
        Assert.Equal(ErrorCode.CorruptMessage, RecordBatchFault.BadCrc.ToErrorCode());
        Assert.Equal(ErrorCode.CorruptMessage, RecordBatchFault.BadLength.ToErrorCode());
        Assert.Equal(ErrorCode.MessageTooLarge, RecordBatchFault.TooLarge.ToErrorCode());
        Assert.Equal(ErrorCode.UnsupportedCompressionType, RecordBatchFault.CodecTooNew.ToErrorCode());
        Assert.Equal(ErrorCode.InvalidTimestamp, RecordBatchFault.BadTimestamp.ToErrorCode());
        Assert.Equal(ErrorCode.InvalidRecord, RecordBatchFault.UnsupportedMagic.ToErrorCode());
        Assert.Equal(ErrorCode.InvalidRecord, RecordBatchFault.NoBatch.ToErrorCode());
        Assert.Equal(ErrorCode.InvalidRecord, RecordBatchFault.SeveralBatches.ToErrorCode());
        Assert.Equal(ErrorCode.None, RecordBatchFault.None.ToErrorCode());
        foreach (RecordBatchFault fault in Enum.GetValues<RecordBatchFault>())
        {
            Assert.NotEqual(fault.ToString(), fault.Describe());
        }
    }

    [Fact]
    public void Reading_checking_and_patching_allocate_nothing()
    {
        byte[] bytes = RecordRandom.Build(RecordRandom.Records(new Random(14)), RecordBatchOptions.Default);
        long total = ReadAll(bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++)
        {
            total += ReadAll(bytes);
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.True(total > 0);
    }

    private static long ReadAll(byte[] bytes)
    {
        long total = 0;
        RecordBatchPatch.SetMaxTimestamp(bytes, TimestampType.CreateTime, 1 + new RecordBatchView(bytes).MaxTimestamp);
        if (ProduceRecords.Check(bytes, 13, int.MaxValue, out RecordBatchView batch) == RecordBatchFault.None)
        {
            foreach (RecordView record in batch.Records())
            {
                total += record.Key.Length + record.Value.Length + 1;
                RecordHeaderEnumerator headers = record.Headers();
                while (headers.MoveNext())
                {
                    total += headers.Key.Length;
                }
            }
        }
        return total;
    }

    private static void Check(
        RecordBatchFault expected,
        byte[] records,
        short version = 13,
        int maxMessageBytes = int.MaxValue
    )
    {
        RecordBatchFault fault = ProduceRecords.Check(records, version, maxMessageBytes, out RecordBatchView batch);
        Assert.Equal(expected, fault);
        if (fault == RecordBatchFault.None)
        {
            Assert.True(batch.IsWhole);
        }
    }

    private static byte[] Changed(byte[] sound, Action<byte[]> change)
    {
        byte[] changed = (byte[])sound.Clone();
        change(changed);
        return changed;
    }

    private static byte[] Sealed(byte[] sound, Action<byte[]> change)
    {
        byte[] changed = Changed(sound, change);
        RecordBatchPatch.Seal(changed);
        return changed;
    }
}
