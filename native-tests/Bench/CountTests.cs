using Aot.Broker.Bench.Rig;
using Aot.Broker.Bench.Rivals;
using Aot.Broker.Protocol.Codecs;

namespace Aot.Broker.Bench.Tests;

/// <summary>The answers of the benchmarks are not only equal, they are right.</summary>
public sealed class CountTests
{
    [Fact]
    public void A_checksum_is_that_of_the_standard()
    {
        using SmokeRun smoke = Start<Checksums>(("Bytes", 64));
        // RFC 3720, B.4: 32 bytes of zeros.
        Assert.Equal(0x8A9136AAu, Base.Crc32C.Compute(new byte[32]));
        Checksums sums = (Checksums)smoke.Instance;
        Assert.InRange(sums.Broker(), 1, uint.MaxValue);
        Assert.Equal(sums.Table(), sums.Broker());
    }

    [Fact]
    public void A_batch_is_seen_with_all_its_records()
    {
        using SmokeRun smoke = Start<Batches>(("Kibibytes", 16));
        byte[] batch = SampleBatches.OfSize(16 * 1024);
        Assert.InRange(batch.Length, 16 * 1024 - 200, 16 * 1024);
        List<ObjectRecord> records = ObjectRecords.Read(batch)!;
        Assert.All(records, record => Assert.Equal(SampleBatches.ValueBytes, record.Value!.Length));
        Assert.InRange(records.Count, 120, 140);
        Assert.Equal(records.Count, ((Batches)smoke.Instance).CheckAndWalk());
        batch[^1] ^= 1;
        Assert.Null(ObjectRecords.Read(batch));
    }

    [Fact]
    public void A_compressed_batch_is_smaller_and_has_the_same_records()
    {
        using SmokeRun smoke = Start<CompressedBatches>(("Codec", CompressionCodec.Lz4));
        CompressedBatches batches = (CompressedBatches)smoke.Instance;
        Assert.InRange(batches.CompressedBytes, 1000, SampleBatches.OfSize(16 * 1024).Length - 1000);
        Assert.Equal(batches.Plain(), batches.Compressed());
        Assert.InRange(batches.Compressed(), 120, 140);
    }

    [Fact]
    public void Every_message_comes_through_a_ring_once()
    {
        using SmokeRun single = Start<SpscRings>();
        SpscRings spsc = (SpscRings)single.Instance;
        Assert.Equal(Transfer<SpscQueue>.SumOf(SpscRings.Messages, 1), spsc.Broker());
        Assert.Equal(64 * 65 / 2, spsc.BrokerAlone());
        Assert.Equal(64 * 65 / 2, spsc.BrokerDrainAlone());
        using SmokeRun several = Start<MpscRings>(("Producers", 2));
        Assert.Equal(Transfer<MpscQueue>.SumOf(MpscRings.Messages, 2), ((MpscRings)several.Instance).Broker());
    }

    [Fact]
    public void Producers_allocate_nothing()
    {
        using SmokeRun single = Start<SpscRings>();
        SpscRings spsc = (SpscRings)single.Instance;
        spsc.Broker();
        spsc.Broker();
        Assert.Equal(0, spsc.ProducerAllocatedBytes);
        using SmokeRun several = Start<MpscRings>(("Producers", 2));
        MpscRings mpsc = (MpscRings)several.Instance;
        mpsc.Broker();
        mpsc.Broker();
        Assert.Equal(0, mpsc.ProducersAllocatedBytes);
    }

    [Fact]
    public void Every_timer_fires_once_and_no_cancelled_one_does()
    {
        using SmokeRun smoke = Start<TimerWheels>();
        TimerWheels timers = (TimerWheels)smoke.Instance;
        timers.MakeEmpty();
        Assert.Equal(TimerWheels.Timers, timers.WheelSchedule());
        Assert.Equal((long)TimerWheels.Timers * (TimerWheels.Timers - 1) / 2, timers.WheelFire());
        timers.FillWheel();
        Assert.Equal(0, timers.WheelCancel());
    }

    [Fact]
    public void Request_timers_never_fire_and_stay_as_many()
    {
        using SmokeRun smoke = Start<RequestTimers>();
        RequestTimers timers = (RequestTimers)smoke.Instance;
        Assert.Equal(0, timers.Wheel());
        Assert.Equal(0, timers.Heap());
        Assert.Equal(RequestTimers.Waiting, timers.WheelWaiting);
    }

    [Fact]
    public void Every_wait_ends_once()
    {
        using SmokeRun smoke = Start<Purgatories>();
        Purgatories waits = (Purgatories)smoke.Instance;
        Assert.Equal(1024, waits.BrokerComplete());
        Assert.Equal(1024, waits.BrokerExpire());
        Assert.Equal(0, waits.BrokerUnwatched());
        Assert.Equal(0, waits.LeftOver);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(64)]
    public void Every_append_is_answered_and_in_the_file(int kibibytes)
    {
        using SmokeRun smoke = Start<LogAppends>(("Kibibytes", kibibytes));
        LogAppends appends = (LogAppends)smoke.Instance;
        appends.OpenFiles();
        Assert.Equal(LogAppends.Batches * appends.BatchBytes, appends.BrokerOne());
        Assert.Equal(LogAppends.Batches, appends.Answers);
        Assert.Equal(LogAppends.Batches * appends.BatchBytes, appends.BrokerMany());
        Assert.Equal(LogAppends.Batches, appends.Answers);
        Assert.Equal(0, appends.Refused);
        appends.CloseFiles();
    }

    [Fact]
    public void Every_fetch_finds_its_batch()
    {
        using SmokeRun smoke = Start<FetchPositions>();
        FetchPositions fetches = (FetchPositions)smoke.Instance;
        Assert.Equal(64, fetches.Anywhere());
        Assert.Equal(64, fetches.AtTail());
    }

    [Fact]
    public void Buffers_come_back()
    {
        using SmokeRun smoke = Start<Buffers>(("Bytes", 65536));
        Buffers buffers = (Buffers)smoke.Instance;
        Assert.Equal(16 * 65536, buffers.Broker());
        Assert.Equal(0, buffers.Rented);
    }

    [Theory]
    [InlineData(12)]
    [InlineData(13)]
    public void A_produce_request_is_read_with_all_partitions(short version)
    {
        using SmokeRun smoke = Start<ProduceRequests>(("Partitions", 32), ("Version", version));
        Assert.Equal(32, ((ProduceRequests)smoke.Instance).Objects());
        Assert.Equal(32, ((ProduceRequests)smoke.Instance).Broker());
    }

    [Theory]
    [InlineData(12)]
    [InlineData(18)]
    public void A_fetch_request_is_read_with_all_partitions(short version)
    {
        using SmokeRun smoke = Start<FetchRequests>(("Partitions", 32), ("Version", version));
        Assert.Equal(32, ((FetchRequests)smoke.Instance).Objects());
        Assert.Equal(32, ((FetchRequests)smoke.Instance).Broker());
    }

    [Fact]
    public void Both_writers_of_a_metadata_answer_write_the_same_bytes()
    {
        using SmokeRun smoke = Start<MetadataAnswers>();
        MetadataAnswers answers = (MetadataAnswers)smoke.Instance;
        Assert.Equal(answers.StreamWrite(), answers.BrokerWrite());
        Assert.True(answers.Written.SequenceEqual(answers.WrittenByStream));
        Assert.Equal(MetadataAnswers.PartitionCount, answers.BrokerRead());
        Assert.Equal(MetadataAnswers.PartitionCount, answers.StreamRead());
    }

    private static SmokeRun Start<T>(params (string Name, object Value)[] parameters) =>
        new(typeof(T), parameters.ToDictionary(one => one.Name, one => (object?)one.Value));
}
