using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

/// <summary>Batches that are too much work for a core: judged on another thread, appended in the order of arrival.</summary>
public sealed class DeferredAppendTests
{
    private const int LargeRecords = 2_000;

    [Fact]
    public void A_large_compressed_batch_is_judged_elsewhere_and_what_comes_behind_it_waits()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        Producer producer = new(rig, log);
        rig.On(() =>
        {
            Assert.False(producer.Send(Batches.Plain(3)).IsDeferred);
            Assert.True(producer.Send(Large(rig, CompressionCodec.Gzip)).IsDeferred);
            Assert.True(producer.Send(Batches.Plain(2)).IsDeferred);
            Assert.True(producer.Send(Large(rig, CompressionCodec.Zstd)).IsDeferred);
            Assert.True(producer.Send(Batches.Plain(1)).IsDeferred);
            Assert.Equal(3, log.NextOffset);
        });
        rig.Pump();
        Assert.Equal([1, 2, 3, 4], producer.Decided.Select(d => (int)d.Token));
        Assert.Equal([3L, 2003L, 2005L, 4005L], producer.Decided.Select(d => d.Result.BaseOffset));
        Assert.Equal(4006, log.HighWatermark);
        rig.On(() => Assert.False(producer.Send(Batches.Plain(1)).IsDeferred));
        Assert.Equal(6, rig.ReadAll(log, 0).Count);
        producer.AssertNothingHeld();
    }

    [Theory]
    [InlineData(TopicCompression.Producer)]
    [InlineData(TopicCompression.Gzip)]
    [InlineData(TopicCompression.Lz4)]
    [InlineData(TopicCompression.Uncompressed)]
    public void The_outcome_is_what_the_core_would_have_stored(TopicCompression compression)
    {
        using StorageRig rig = new();
        LogConfig config = new() { CompressionType = compression, MaxMessageBytes = 8 * 1024 * 1024 };
        PartitionLog direct = rig.Open(config);
        PartitionLog deferred = rig.Open(config, new TopicPartition("events", 1));
        Producer producer = new(rig, deferred);
        byte[][] batches =
        [
            Large(rig, CompressionCodec.Gzip),
            Large(rig, CompressionCodec.None),
            Large(rig, CompressionCodec.Snappy),
            Gaps(rig),
        ];
        foreach (byte[] batch in batches)
        {
            rig.MustAppend(direct, [.. batch]);
            rig.On(() => producer.Send(batch));
        }
        Assert.NotEmpty(producer.Decided);
        Assert.Equal(rig.ReadAll(direct, 0), rig.ReadAll(deferred, 0));
    }

    [Fact]
    public void A_refusal_names_the_records_at_fault()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { CleanupPolicy = CleanupPolicies.Compact });
        Producer producer = new(rig, log);
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = CompressionCodec.Gzip });
        for (int i = 0; i < LargeRecords; i++)
        {
            NullableBytes key = i == 7 ? NullableBytes.Null : "k"u8;
            builder.Append(rig.Io.Wall, key, new byte[100]);
        }
        rig.On(() => Assert.True(producer.Send(builder.ToArray()).IsDeferred));
        AppendResult result = producer.Decided[0].Result;
        Assert.Equal(ErrorCode.InvalidRecord, result.Error);
        Assert.Equal(7, Assert.Single(result.BadRecords!).Index);
        Assert.Contains("without key", result.Message);
        Assert.Equal(0, log.LogEndOffset);
        producer.AssertNothingHeld();
    }

    [Fact]
    public void More_decompressed_bytes_than_the_topic_allows_are_refused_wherever_they_are_judged()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { DecompressedBytesMax = 100_000 });
        Producer producer = new(rig, log);
        byte[] small = Batches.Build(new() { Codec = CompressionCodec.Zstd }, 2_000, 100, rig.Io.Wall, 1);
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, small).Error);
        rig.On(() => producer.Send(Large(rig, CompressionCodec.Gzip)));
        Assert.Equal(ErrorCode.InvalidRecord, producer.Decided[0].Result.Error);
    }

    [Fact]
    public void An_idempotent_producer_with_five_requests_under_way_stays_in_sequence()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        Producer producer = new(rig, log);
        int sequence = 0;
        for (int round = 0; round < 4; round++)
        {
            rig.On(() =>
            {
                for (int i = 0; i < 5; i++)
                {
                    int records = (i + round) % 2 == 0 ? LargeRecords : 1;
                    RecordBatchOptions options = new()
                    {
                        ProducerId = 9,
                        ProducerEpoch = 0,
                        BaseSequence = sequence,
                        Codec = CompressionCodec.Gzip,
                    };
                    producer.Send(Batches.Build(options, records, 100, rig.Io.Wall, sequence));
                    sequence += records;
                }
            });
        }
        Assert.All(producer.Decided, d => Assert.Equal(ErrorCode.None, d.Result.Error));
        Assert.Equal(sequence, log.LogEndOffset);
        producer.AssertNothingHeld();
    }

    [Fact]
    public void Logs_that_wait_for_a_free_job_all_get_one()
    {
        using StorageRig rig = new();
        List<(PartitionLog Log, Producer Producer)> logs = [];
        for (int i = 0; i < 7; i++)
        {
            PartitionLog log = rig.Open(name: new TopicPartition("events", i));
            logs.Add((log, new Producer(rig, log)));
        }
        rig.On(() =>
        {
            foreach ((_, Producer producer) in logs)
            {
                producer.Send(Large(rig, CompressionCodec.Gzip));
                producer.Send(Batches.Plain(1));
            }
            Assert.Equal(2, rig.Background.Pending);
        });
        Assert.All(logs, each => Assert.Equal(LargeRecords + 1, each.Log.HighWatermark));
    }

    [Fact]
    public void A_log_that_closes_tells_all_that_wait_and_keeps_none_of_their_buffers()
    {
        using StorageRig rig = new();
        List<(PartitionLog Log, Producer Producer)> logs = [];
        for (int i = 0; i < 5; i++)
        {
            PartitionLog log = rig.Open(name: new TopicPartition("events", i));
            logs.Add((log, new Producer(rig, log)));
        }
        Task? closing = null;
        rig.On(() =>
        {
            foreach ((_, Producer producer) in logs)
            {
                producer.Send(Large(rig, CompressionCodec.Gzip));
                producer.Send(Batches.Plain(1));
            }
            closing = CloseAllAsync();
        });
        rig.Pump();
        Assert.True(closing!.IsCompletedSuccessfully);
        foreach ((PartitionLog log, Producer producer) in logs)
        {
            Assert.Equal(2, producer.Decided.Count);
            Assert.All(producer.Decided, d => Assert.Equal(ErrorCode.NotLeaderOrFollower, d.Result.Error));
            Assert.Equal(0, log.LogEndOffset);
            producer.AssertNothingHeld();
        }

        async Task CloseAllAsync()
        {
            await CoreTasks.AllAsync(logs.ConvertAll(each => each.Log.CloseAsync(clean: true).AsTask()));
        }
    }

    [Fact]
    public void The_time_of_the_append_is_that_of_its_decision()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { MessageTimestampType = MessageTimestampType.LogAppendTime });
        Producer producer = new(rig, log);
        byte[] batch = Large(rig, CompressionCodec.Gzip);
        rig.On(() =>
        {
            producer.Send(batch);
            rig.Io.Wall += 5_000;
            rig.Io.Nanos += 5_000_000_000;
        });
        Assert.Equal(rig.Io.Wall, producer.Decided[0].Result.AppendTimeMillis);
        byte[] stored = rig.ReadAll(log, 0)[0];
        Assert.Equal(rig.Io.Wall, Batches.View(stored).MaxTimestamp);
        Assert.Equal(TimestampType.LogAppendTime, Batches.View(stored).TimestampType);
        Assert.Equal(batch.AsSpan(RecordBatchHeader.SizeInBytes), stored.AsSpan(RecordBatchHeader.SizeInBytes));
    }

    /// <summary>Too much for a core under any codec: three million bytes, or 200,000 under gzip.</summary>
    private static byte[] Large(StorageRig rig, CompressionCodec codec)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = codec });
        byte[] value = new byte[codec == CompressionCodec.Gzip ? 100 : 1_500];
        for (int i = 0; i < LargeRecords; i++)
        {
            builder.Append(rig.Io.Wall, BitConverter.GetBytes(i), value);
        }
        return builder.ToArray();
    }

    /// <summary>Deltas 0, 2, 4...: the batch has to be built anew.</summary>
    private static byte[] Gaps(StorageRig rig)
    {
        RecordBatchBuilder builder = new(new RecordBatchOptions { Codec = CompressionCodec.Gzip });
        for (int i = 0; i < LargeRecords; i++)
        {
            builder.AppendAt(i * 2, rig.Io.Wall, "k"u8, new byte[100]);
        }
        byte[] batch = builder.ToArray();
        System.Buffers.Binary.BinaryPrimitives.WriteInt32BigEndian(
            batch.AsSpan(RecordBatchHeader.LastOffsetDeltaAt),
            LargeRecords - 1
        );
        RecordBatchPatch.Seal(batch);
        return batch;
    }

    /// <summary>Sends from pooled buffers, as a request does, and lets go of them at once.</summary>
    private sealed class Producer(StorageRig rig, PartitionLog log) : IDeferredAppend
    {
        private readonly long _heldBefore = rig.Core.Buffers.RentedBytes;
        private long _sent;

        public List<(long Token, AppendResult Result)> Decided { get; } = [];

        public AppendResult Send(byte[] batch)
        {
            Assert.True(rig.Core.Buffers.TryRent(batch.Length, out BufferHandle buffer));
            batch.CopyTo(rig.Core.Buffers.Span(buffer));
            BatchSource source = new(rig.Core.Buffers.Address(buffer), batch.Length, buffer);
            AppendResult result = log.Append(source, AppendOrigin.Client, rig.Io.Wall, 12, this, _sent++);
            rig.Core.Buffers.Release(ref buffer);
            return result;
        }

        public void OnDecided(PartitionLog decidedBy, long token, in AppendResult result)
        {
            Assert.Same(log, decidedBy);
            Decided.Add((token, result));
        }

        public void AssertNothingHeld() => Assert.Equal(_heldBefore, rig.Core.Buffers.RentedBytes);
    }
}
