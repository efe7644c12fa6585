using System.Buffers.Binary;
using Aot.Broker.Memory;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Protocol.Tests;

public sealed class RecordValidatorTests : IDisposable
{
    private const long Now = 1_700_000_000_000;

    private readonly ScratchBuffer _scratch = new();
    private readonly ScratchBuffer _output = new();

    public static TheoryData<CompressionCodec> AllCodecs => new(Enum.GetValues<CompressionCodec>());

    public void Dispose()
    {
        _scratch.Dispose();
        _output.Dispose();
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void A_sound_batch_of_each_codec_is_taken_with_its_newest_timestamp(CompressionCodec codec)
    {
        Random random = new(51);
        for (int round = 0; round < 50; round++)
        {
            List<TestRecord> records = RecordRandom.Records(random);
            byte[] bytes = RecordRandom.Build(records, new() { Codec = codec });
            Assert.Equal(
                RecordBatchFault.None,
                ProduceRecords.Check(bytes, 13, int.MaxValue, out RecordBatchView batch)
            );
            Assert.Equal(codec, batch.Codec);
            RecordValidationResult result = RecordBatchValidator.Validate(batch, Lenient, _scratch);
            Assert.Equal(RecordBatchFault.None, result.Fault);
            Assert.Equal(ErrorCode.None, result.Error);
            Assert.False(result.NeedsRebuild);
            long newest = records.Max(r => r.Timestamp);
            Assert.Equal(newest, result.MaxTimestamp);
            Assert.Equal(records.FindIndex(r => r.Timestamp == newest), result.OffsetDeltaOfMaxTimestamp);
        }
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Every_pair_of_codecs_recompresses_to_the_same_records(CompressionCodec from)
    {
        Random random = new(52);
        List<TestRecord> records = RecordRandom.Records(random, countMax: 300);
        RecordBatchOptions options = new()
        {
            BaseOffset = 77,
            ProducerId = 9,
            ProducerEpoch = 2,
            BaseSequence = 5,
            IsTransactional = true,
            Codec = from,
        };
        byte[] bytes = RecordRandom.Build(records, options);
        RecordBatchView batch = new(bytes);
        RecordValidationResult result = RecordBatchValidator.Validate(batch, Lenient, _scratch);
        foreach (CompressionCodec to in Enum.GetValues<CompressionCodec>())
        {
            ReadOnlySpan<byte> plain = RecordBatchValidator.PlainRecords(batch, result, _scratch);
            Assert.Equal(CodecResult.Ok, Recompressor.Write(batch, plain, to, null, _output, out int size));
            byte[] expected = RecordRandom.Build(records, options with { Codec = to });
            Assert.True(expected.AsSpan().SequenceEqual(_output.Span[..size]));
            Assert.Equal(expected, Recompressor.Rebuild(batch, plain, to, null));
        }
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Offsets_that_are_not_consecutive_ask_for_a_rebuild(CompressionCodec codec)
    {
        List<TestRecord> records =
        [
            new(0, 5, [1], [1], []),
            new(2, 6, [2], [2], [new("h", null)]),
            new(3, 7, [3], null, []),
        ];
        byte[] bytes = RecordRandom.Build(records, new() { Codec = codec });
        // The header says two offsets for three records would be wrong; three for three is what such clients send.
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), 2);
        RecordBatchPatch.Seal(bytes);
        Assert.Equal(RecordBatchFault.None, ProduceRecords.Check(bytes, 13, int.MaxValue, out RecordBatchView batch));
        RecordValidationResult result = RecordBatchValidator.Validate(batch, Lenient, _scratch);
        Assert.Equal(RecordBatchFault.None, result.Fault);
        Assert.True(result.NeedsRebuild);
        ReadOnlySpan<byte> plain = RecordBatchValidator.PlainRecords(batch, result, _scratch);
        byte[] rebuilt = Recompressor.Rebuild(batch, plain, codec, null);
        List<TestRecord> dense = [.. records.Select((r, i) => r with { OffsetDelta = i })];
        Assert.Equal(RecordRandom.Build(dense, new() { Codec = codec }), rebuilt);
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Keys_are_required_on_compacted_topics(CompressionCodec codec)
    {
        List<TestRecord> records = [new(0, Now, [1], [1], []), new(1, Now, null, [2], []), new(2, Now, null, null, [])];
        RecordBatchView batch = new(RecordRandom.Build(records, new() { Codec = codec }));
        RecordValidationOptions options = Strict with { IsCompacted = true };
        RecordValidationResult result = RecordBatchValidator.Validate(batch, options, _scratch);
        Assert.Equal(ErrorCode.InvalidRecord, result.Error);
        Assert.Equal(RecordBatchFault.RecordWithoutKey, result.Fault);
        Assert.Equal(2, result.BadRecordsCount);
        Assert.Equal(1, result.FirstBadRecord);
        List<RecordError> errors = RecordBatchValidator.DescribeBadRecords(batch, options, result, _scratch, "t-0");
        Assert.Equal([1, 2], errors.Select(e => e.BatchIndex));
        Assert.Contains("t-0", errors[0].Message, StringComparison.Ordinal);
        Assert.Contains(
            "2 record errors",
            RecordBatchValidator.DescribeRefusal(result.Fault, errors),
            StringComparison.Ordinal
        );
        Assert.Equal(RecordBatchFault.None, RecordBatchValidator.Validate(batch, Strict, _scratch).Fault);
    }

    [Theory]
    [InlineData(Now - 1000, true)]
    [InlineData(Now - 1001, false)]
    [InlineData(Now + 500, true)]
    [InlineData(Now + 501, false)]
    [InlineData(-1, true)]
    [InlineData(long.MaxValue, false)]
    public void Timestamps_must_be_near_now(long timestamp, bool taken)
    {
        List<TestRecord> records = [new(0, Now, null, [1], []), new(1, timestamp, null, [2], [])];
        RecordBatchView batch = new(RecordRandom.Build(records, RecordBatchOptions.Default));
        RecordValidationOptions options = Strict with { TimestampBeforeMaxMs = 1000, TimestampAfterMaxMs = 500 };
        RecordValidationResult result = RecordBatchValidator.Validate(batch, options, _scratch);
        Assert.Equal(taken ? ErrorCode.None : ErrorCode.InvalidTimestamp, result.Error);
        if (!taken)
        {
            RecordError error = Assert.Single(
                RecordBatchValidator.DescribeBadRecords(batch, options, result, _scratch, "t-0")
            );
            Assert.Equal(1, error.BatchIndex);
            Assert.Contains($"[{Now - 1000}, {Now + 500}]", error.Message, StringComparison.Ordinal);
        }
        RecordValidationOptions appendTime = options with { TimestampType = TimestampType.LogAppendTime };
        result = RecordBatchValidator.Validate(batch, appendTime, _scratch);
        Assert.Equal(ErrorCode.None, result.Error);
        Assert.Equal(Now, result.MaxTimestamp);
        Assert.Equal(1, result.OffsetDeltaOfMaxTimestamp);
    }

    [Fact]
    public void Producers_may_not_say_LogAppendTime()
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { LogAppendTimeMs = Now });
        builder.Append(Now, NullableBytes.Null, "v"u8);
        RecordBatchView batch = new(builder.Build());
        RecordValidationOptions options = Strict with { TimestampType = TimestampType.LogAppendTime };
        RecordValidationResult result = RecordBatchValidator.Validate(batch, options, _scratch);
        Assert.Equal(ErrorCode.InvalidTimestamp, result.Error);
        Assert.Single(RecordBatchValidator.DescribeBadRecords(batch, options, result, _scratch, "t-0"));
    }

    [Theory]
    [MemberData(nameof(AllCodecs))]
    public void Counts_that_lie_are_found(CompressionCodec codec)
    {
        List<TestRecord> records = RecordRandom.Records(new Random(53), countMax: 20);
        byte[] bytes = RecordRandom.Build(records, new() { Codec = codec });
        Assert.Equal(RecordBatchFault.RecordsMissing, WithCount(bytes, records.Count + 1));
        if (records.Count > 1)
        {
            Assert.Equal(RecordBatchFault.RecordsLeft, WithCount(bytes, records.Count - 1));
        }
        Assert.Equal(RecordBatchFault.RecordsMissing, WithCount(bytes, int.MaxValue));
    }

    [Fact]
    public void Content_over_the_limit_and_damaged_content_are_invalid()
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = CompressionCodec.Zstd });
        builder.Append(Now, NullableBytes.Null, new byte[1_000_000]);
        byte[] bytes = builder.ToArray();
        RecordBatchView batch = new(bytes);
        RecordValidationResult result = RecordBatchValidator.Validate(
            batch,
            Strict with
            {
                DecompressedBytesMax = 100_000,
            },
            _scratch
        );
        Assert.Equal(ErrorCode.InvalidRecord, result.Error);
        bytes[^5] ^= 0x40;
        bytes[RecordBatchHeader.SizeInBytes] ^= 0x40;
        result = RecordBatchValidator.Validate(batch, Strict, _scratch);
        Assert.Equal(ErrorCode.InvalidRecord, result.Error);
        Assert.Equal(RecordBatchFault.BadCompression, result.Fault);
    }

    [Fact]
    public void The_quick_reader_and_the_walk_agree_on_damaged_records()
    {
        Random random = new(54);
        for (int round = 0; round < 20_000; round++)
        {
            List<TestRecord> records = RecordRandom.Records(random, countMax: 4);
            byte[] bytes = RecordRandom.Build(records, RecordBatchOptions.Default);
            for (int i = random.Next(3); i > 0; i--)
            {
                bytes[random.Next(RecordBatchHeader.SizeInBytes, bytes.Length)] = (byte)random.Next(256);
            }
            RecordBatchView batch = new(bytes);
            RecordEnumerator walk = batch.Records();
            while (walk.MoveNext())
            {
                Assert.True(walk.Index < records.Count);
            }
            Assert.Equal(walk.Fault, RecordBatchValidator.Validate(batch, Lenient, _scratch).Fault);
        }
    }

    [Fact]
    public void Validation_allocates_nothing()
    {
        byte[] plain = RecordRandom.Build(RecordRandom.Records(new Random(55)), RecordBatchOptions.Default);
        byte[] packed = RecordRandom.Build(
            RecordRandom.Records(new Random(55)),
            new RecordBatchOptions { Codec = CompressionCodec.Zstd }
        );
        RecordValidationOptions options = Lenient;
        int faults = 0;
        long before = 0;
        for (int round = 0; round < 50; round++)
        {
            RecordBatchView batch = new(round % 2 == 0 ? plain : packed);
            RecordValidationResult result = RecordBatchValidator.Validate(batch, options, _scratch);
            faults += result.Fault == RecordBatchFault.None ? 0 : 1;
            ReadOnlySpan<byte> records = RecordBatchValidator.PlainRecords(batch, result, _scratch);
            faults += (int)Recompressor.Write(batch, records, CompressionCodec.Lz4, null, _output, out _);
            before = round == 1 ? GC.GetAllocatedBytesForCurrentThread() : before;
        }
        Assert.Equal(before, GC.GetAllocatedBytesForCurrentThread());
        Assert.Equal(0, faults);
    }

    private static RecordValidationOptions Strict => new() { NowMs = Now };

    private static RecordValidationOptions Lenient => new() { NowMs = Now, TimestampAfterMaxMs = long.MaxValue };

    private RecordBatchFault WithCount(byte[] sound, int count)
    {
        byte[] bytes = (byte[])sound.Clone();
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(RecordBatchHeader.RecordsCountAt), count);
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(RecordBatchHeader.LastOffsetDeltaAt), count - 1);
        RecordBatchPatch.Seal(bytes);
        Assert.Equal(RecordBatchFault.None, ProduceRecords.Check(bytes, 13, int.MaxValue, out RecordBatchView batch));
        return RecordBatchValidator.Validate(batch, Lenient, _scratch).Fault;
    }
}
