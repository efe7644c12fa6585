using Aot.Broker.Base;
using Aot.Broker.Memory;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

public sealed class AppendReadTests
{
    [Fact]
    public void A_lookup_in_a_cold_segment_asks_for_its_bytes_and_does_not_read_them()
    {
        using StorageRig rig = new();
        LogConfig config = new() { SegmentBytes = 20_000, IndexIntervalBytes = 1 };
        PartitionLog log = rig.Open(config);
        for (int i = 0; i < 200; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 200, seed: i));
        }
        rig.Pump();
        HashSet<string> cold = [".index", ".log"];
        rig.Disk.IsMissing = (path, _, _) => cold.Contains(Path.GetExtension(path));
        List<string> asked = [];
        for (int step = 0; step < 3; step++)
        {
            int reads = rig.Disk.Reads;
            ErrorCode error = log.Read(20, 500, ReadIsolation.HighWatermark, true, out LogSlice slice, mayDefer: true);
            Assert.Equal(ErrorCode.None, error);
            Assert.True(slice.Length > 0 && slice.Lease.IsHeld);
            slice.Lease.Release();
            if (slice.IsLookupCold)
            {
                string file = Path.GetExtension(rig.Disk.PathOf(slice.File));
                asked.Add(file);
                cold.Remove(file);
                Assert.True(step > 0 || rig.Disk.Reads == reads, "the index was read");
                continue;
            }
            Assert.Equal((2, 20L), (step, slice.FirstOffset));
        }
        Assert.Equal([".index", ".log"], asked);
    }

    [Fact]
    public void A_batch_gets_offsets_and_epoch_and_is_read_back()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(epoch: 4);
        Assert.Equal(0, rig.MustAppend(log, Batches.Plain(3)).BaseOffset);
        AppendResult second = rig.MustAppend(log, Batches.Plain(2));
        Assert.Equal((3L, 4L), (second.BaseOffset, second.LastOffset));
        Assert.Equal(-1, second.AppendTimeMillis);
        Assert.Equal((5L, 5L, 5L), (log.LogEndOffset, log.HighWatermark, log.LastStableOffset));
        List<byte[]> batches = rig.ReadAll(log, 0);
        Assert.Equal(2, batches.Count);
        Assert.Equal(3, Batches.View(batches[1]).BaseOffset);
        Assert.Equal(4, Batches.View(batches[1]).PartitionLeaderEpoch);
    }

    [Fact]
    public void All_batches_of_a_turn_go_out_in_one_write()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        int before = rig.Disk.VectoredWrites;
        rig.On(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                Assert.Equal(i, log.AppendCopy(Batches.Plain(1, seed: i), AppendOrigin.Client, rig.Io.Wall).BaseOffset);
            }
            Assert.Equal(0, log.LogEndOffset);
            Assert.Equal(20, log.NextOffset);
        });
        Assert.Equal(before + 1, rig.Disk.VectoredWrites);
        Assert.Equal(20, rig.ReadAll(log, 0).Count);
        Assert.Equal(0, rig.Core.Buffers.RentedCount);
    }

    [Fact]
    public unsafe void A_buffer_of_the_core_is_retained_until_the_write_and_not_copied()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        rig.On(() =>
        {
            byte[] batch = Batches.Plain(2);
            Assert.True(rig.Core.Buffers.TryRent(batch.Length + 8, out BufferHandle buffer));
            batch.CopyTo(rig.Core.Buffers.Span(buffer)[8..]);
            nint address = (nint)rig.Core.Buffers.Pointer(buffer) + 8;
            Assert.True(
                log.Append(new BatchSource(address, batch.Length, buffer), AppendOrigin.Client, rig.Io.Wall).IsOk
            );
            rig.Core.Buffers.Release(ref buffer);
            Assert.Equal(1, rig.Core.Buffers.RentedCount);
        });
        Assert.Equal(0, rig.Core.Buffers.RentedCount);
        Assert.Single(rig.ReadAll(log, 0));
    }

    [Fact]
    public void Waiting_fetches_are_completed_before_producers_are_answered()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        List<string> order = [];
        Fetch fetch = new(log, order);
        rig.On(() =>
            Assert.False(rig.Core.Purgatory.TryCompleteElseWatch(fetch, [log.WatchKey], rig.Core.NowMillis + 60_000))
        );
        rig.On(() =>
        {
            AppendResult result = log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall);
            log.WhenWritten(result.LastOffset, new Answer("written", order), 1);
            log.WhenCommitted(result.LastOffset, new Answer("committed", order), 2);
            Assert.Empty(order);
        });
        Assert.Equal(["fetch", "written None", "committed None"], order);
    }

    [Fact]
    public void A_waiter_can_be_taken_back()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        log.FollowsOwnEnd = false;
        List<string> order = [];
        Answer answer = new("committed", order);
        rig.On(() =>
            log.WhenCommitted(log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall).LastOffset, answer, 5)
        );
        Assert.Empty(order);
        Assert.False(log.CancelWait(answer, 4));
        Assert.True(log.CancelWait(answer, 5));
        rig.On(() => log.AdvanceHighWatermark(1));
        Assert.Empty(order);
        Assert.Equal(1, log.HighWatermark);
    }

    [Fact]
    public void Readers_see_no_more_than_their_isolation_allows()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        log.FollowsOwnEnd = false;
        for (int i = 0; i < 10; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, seed: i));
        }
        rig.On(() => log.AdvanceHighWatermark(4));
        Assert.Equal(4, rig.ReadAll(log, 0).Count);
        Assert.Equal(10, rig.ReadAll(log, 0, ReadIsolation.LogEnd).Count);
        Assert.Empty(rig.ReadAll(log, 4));
        Assert.Empty(rig.ReadAll(log, 7));
        Assert.Equal(ErrorCode.None, log.Read(10, 100, ReadIsolation.HighWatermark, true, out _));
        Assert.Equal(
            ErrorCode.OffsetOutOfRange,
            log.Read(11, 100, ReadIsolation.HighWatermark, true, out LogSlice slice)
        );
        Assert.Equal((4L, 0L, true), (slice.HighWatermark, slice.LogStartOffset, slice.IsEmpty));
        Assert.Equal(ErrorCode.OffsetOutOfRange, log.Read(-1, 100, ReadIsolation.HighWatermark, true, out _));
    }

    [Fact]
    public void The_first_batch_is_whole_or_absent_and_the_last_may_be_cut()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        int size = Batches.Plain(10, 100).Length;
        for (int i = 0; i < 4; i++)
        {
            rig.MustAppend(log, Batches.Plain(10, 100, seed: i));
        }
        Assert.Equal(size, LengthOf(log, 5, 10, atLeastOne: true, out bool oversized));
        Assert.True(oversized);
        Assert.Equal(0, LengthOf(log, 5, size - 1, atLeastOne: false, out oversized));
        Assert.False(oversized);
        Assert.Equal(size, LengthOf(log, 5, size, atLeastOne: false, out _));
        Assert.Equal(size + 7, LengthOf(log, 5, size + 7, atLeastOne: false, out oversized));
        Assert.False(oversized);
        Assert.Equal(4 * size, LengthOf(log, 5, int.MaxValue, atLeastOne: false, out _));
    }

    [Fact]
    public void A_consumer_at_the_tail_costs_no_read()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        for (int i = 0; i < 50; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, seed: i));
        }
        int before = rig.Disk.Reads;
        ErrorCode error = log.Read(73, 1 << 20, ReadIsolation.HighWatermark, true, out LogSlice slice);
        Assert.Equal(ErrorCode.None, error);
        Assert.Equal(72, slice.FirstOffset);
        slice.Lease.Release();
        Assert.Equal(before, rig.Disk.Reads);
    }

    [Fact]
    public void Bad_batches_get_Kafkas_error_codes()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { MaxMessageBytes = 400, SegmentBytes = 300 });
        byte[] corrupt = Batches.Plain();
        corrupt[^1] ^= 1;
        Assert.Equal(ErrorCode.CorruptMessage, rig.Append(log, corrupt).Error);
        byte[] legacy = Batches.Plain();
        legacy[RecordBatchHeader.MagicAt] = 1;
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, legacy).Error);
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, []).Error);
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, [.. Batches.Plain(), .. Batches.Plain()]).Error);
        Assert.Equal(ErrorCode.MessageTooLarge, rig.Append(log, Batches.Plain(1, 400)).Error);
        Assert.Equal(ErrorCode.RecordListTooLarge, rig.Append(log, Batches.Plain(1, 250)).Error);
        byte[] offset = Batches.Plain();
        RecordBatchPatch.SetBaseOffset(offset, 5);
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, offset).Error);
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, Batches.Marker(1, 0, commit: true)).Error);
        Assert.Equal(0, log.LogEndOffset);
        Assert.NotNull(rig.Append(log, corrupt).Message);
    }

    [Fact]
    public void Times_out_of_bounds_are_refused_and_append_time_is_stamped()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { TimestampBeforeMaxMs = 1000, TimestampAfterMaxMs = 1000 });
        Assert.Equal(ErrorCode.InvalidTimestamp, rig.Append(log, Batches.WithTimes(rig.Io.Wall - 1001)).Error);
        Assert.Equal(ErrorCode.InvalidTimestamp, rig.Append(log, Batches.WithTimes(rig.Io.Wall + 1001)).Error);
        rig.MustAppend(log, Batches.WithTimes(rig.Io.Wall - 1000, rig.Io.Wall + 1000));
        rig.On(() => log.Configure(new LogConfig { MessageTimestampType = MessageTimestampType.LogAppendTime }));
        AppendResult stamped = rig.MustAppend(log, Batches.WithTimes(5));
        Assert.Equal(rig.Io.Wall, stamped.AppendTimeMillis);
        byte[] read = rig.ReadAll(log, stamped.BaseOffset)[0];
        Assert.Equal(TimestampType.LogAppendTime, Batches.View(read).TimestampType);
        Assert.Equal(rig.Io.Wall, Batches.View(read).MaxTimestamp);
        Assert.Equal(RecordBatchFault.None, Batches.View(read).Validate());
    }

    [Fact]
    public void A_compacted_topic_refuses_records_without_key()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { CleanupPolicy = CleanupPolicies.Compact });
        AppendResult result = rig.Append(log, Batches.WithoutKey());
        Assert.Equal(ErrorCode.InvalidRecord, result.Error);
        BadRecord bad = Assert.Single(result.BadRecords!);
        Assert.Equal(1, bad.Index);
        rig.MustAppend(log, Batches.Plain());
    }

    [Fact]
    public void Segments_roll_by_size_and_by_time_and_reads_cross_them()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 2000, SegmentMs = 10_000 });
        for (int i = 0; i < 30; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, 100, rig.Io.Wall, seed: i));
        }
        int bySize = log.SegmentCount;
        Assert.InRange(bySize, 4, 10);
        rig.Io.Wall += 10_002;
        rig.MustAppend(log, Batches.Plain(2, 100, rig.Io.Wall));
        Assert.Equal(bySize + 1, log.SegmentCount);
        Assert.Equal(60, log.ActiveSegmentBaseOffset);
        List<byte[]> all = rig.ReadAll(log, 0);
        Assert.Equal(31, all.Count);
        for (int i = 0; i < all.Count; i++)
        {
            Assert.Equal(i * 2, Batches.View(all[i]).BaseOffset);
        }
        for (long offset = 0; offset < 62; offset++)
        {
            Assert.Equal(
                offset / 2 * 2,
                Batches.View(rig.ReadSome(log, offset, 1, ReadIsolation.LogEnd)[0]).BaseOffset
            );
        }
    }

    [Fact]
    public void A_lease_keeps_a_deleted_segment_readable()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000 });
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 100, seed: i));
        }
        Assert.Equal(ErrorCode.None, log.Read(0, 1 << 20, ReadIsolation.LogEnd, true, out LogSlice slice));
        rig.On(() => Assert.Equal(ErrorCode.None, log.DeleteRecordsBefore(15)));
        rig.Advance(120_000);
        Assert.False(File.Exists(Path.Combine(rig.PartitionPath, "00000000000000000000.log.deleted")));
        byte[] bytes = new byte[slice.Length];
        Assert.Equal(slice.Length, rig.Disk.Read(slice.File, bytes, slice.Position));
        Assert.Equal(0, Batches.View(bytes).BaseOffset);
        int open = rig.Disk.OpenPaths.Count;
        slice.Lease.Release();
        Assert.Equal(open - 1, rig.Disk.OpenPaths.Count);
    }

    [Fact]
    public void An_idle_log_holds_no_descriptor()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000 });
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(1, 100, seed: i));
        }
        rig.ReadAll(log, 0);
        Assert.Contains(rig.Disk.OpenPaths, p => p.EndsWith(".log", StringComparison.Ordinal));
        rig.Advance(60_000);
        rig.Advance(60_000);
        Assert.DoesNotContain(rig.Disk.OpenPaths, p => p.EndsWith(".log", StringComparison.Ordinal));
        Assert.Equal(20, rig.ReadAll(log, 0).Count);
        rig.MustAppend(log, Batches.Plain());
    }

    [Fact]
    public void Damaged_compressed_records_are_refused_and_zstd_needs_a_new_client()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open();
        byte[] damaged = Batches.Build(new() { Codec = Protocol.Codecs.CompressionCodec.Lz4 }, 5, 100, rig.Io.Wall, 1);
        damaged[80] ^= 0x55;
        RecordBatchPatch.Seal(damaged);
        Assert.Equal(ErrorCode.InvalidRecord, rig.Append(log, damaged).Error);
        byte[] zstd = Batches.Build(new() { Codec = Protocol.Codecs.CompressionCodec.Zstd }, 5, 100, rig.Io.Wall, 1);
        rig.On(() =>
        {
            unsafe
            {
                // SAFETY: pinned for the call, and the log copies the bytes before it returns.
                fixed (byte* address = zstd)
                {
                    BatchSource source = BatchSource.Copied((nint)address, zstd.Length);
                    Assert.Equal(
                        ErrorCode.UnsupportedCompressionType,
                        log.Append(source, AppendOrigin.Client, rig.Io.Wall, produceVersion: 6).Error
                    );
                    Assert.True(log.Append(source, AppendOrigin.Client, rig.Io.Wall, produceVersion: 7).IsOk);
                }
            }
        });
        Assert.Equal(rig.Io.Wall + 2, log.OffsetForTimestamp(rig.Io.Wall + 2).Timestamp);
    }

    [Fact]
    public void Topic_compression_is_applied_to_a_batch_of_another_codec()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { CompressionType = TopicCompression.Gzip });
        rig.MustAppend(log, Batches.Plain(50, 10));
        byte[] stored = rig.ReadAll(log, 0)[0];
        Assert.Equal(Protocol.Codecs.CompressionCodec.Gzip, Batches.View(stored).Codec);
        Assert.Equal(50, Batches.View(stored).RecordsCount);
        Assert.Equal(49, Batches.View(stored).LastOffset);
    }

    [Fact]
    public void Replay_copies_whole_batches()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 1000 });
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, 100, seed: i));
        }
        byte[] buffer = new byte[600];
        Assert.Equal(-Batches.Plain(2, 100).Length, log.ReadForReplay(0, buffer.AsSpan(0, 50)));
        int count = 0;
        for (long offset = 0; ; )
        {
            int bytes = log.ReadForReplay(offset, buffer);
            if (bytes == 0)
            {
                break;
            }
            List<byte[]> batches = Batches.Split(buffer[..bytes]);
            Assert.Equal(bytes, batches.Sum(b => b.Length));
            count += batches.Count;
            offset = Batches.View(batches[^1]).NextOffset;
        }
        Assert.Equal(20, count);
    }

    [Fact]
    public void Large_segments_are_prepared_ahead_and_give_their_reserve_back()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 4 << 20 });
        byte[] batch = Batches.Plain(10, 20_000);
        bool wasPrepared = false;
        while (log.SegmentCount < 3)
        {
            rig.MustAppend(log, [.. batch]);
            wasPrepared |= File.Exists(Path.Combine(rig.PartitionPath, "next-segment.prepared"));
        }
        Assert.True(wasPrepared);
        long end = log.LogEndOffset;
        rig.StopClean();
        Assert.False(File.Exists(Path.Combine(rig.PartitionPath, "next-segment.prepared")));
        foreach (string file in Directory.GetFiles(rig.PartitionPath, "*.log"))
        {
            Assert.Equal(0, new FileInfo(file).Length % batch.Length);
        }
        using StorageRig second = new(rig.DirectoryPath);
        log = second.Open();
        Assert.Equal(end, log.LogEndOffset);
        Assert.Equal(end / 10, second.ReadAll(log, 0).Count);
    }

    [Fact]
    public void Ten_thousand_appends()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 200_000 });
        for (int i = 0; i < 100; i++)
        {
            rig.On(() =>
            {
                for (int j = 0; j < 100; j++)
                {
                    log.AppendCopy(Batches.Plain(1, 50, seed: j), AppendOrigin.Client, rig.Io.Wall);
                }
            });
        }
        Assert.Equal(10_000, log.HighWatermark);
        Assert.Equal(10_000, rig.ReadAll(log, 0).Count);
    }

    private static int LengthOf(PartitionLog log, long offset, int bytesMax, bool atLeastOne, out bool oversized)
    {
        Assert.Equal(ErrorCode.None, log.Read(offset, bytesMax, ReadIsolation.LogEnd, atLeastOne, out LogSlice slice));
        slice.Lease.Release();
        oversized = slice.IsOversized;
        return slice.Length;
    }

    private sealed class Fetch(PartitionLog log, List<string> order) : DelayedOperation
    {
        protected override bool TryComplete() => log.HighWatermark > 0;

        protected override void OnComplete() => order.Add("fetch");

        protected override void OnExpire() => order.Add("expired");
    }

    internal sealed class Answer(string name, List<string> order) : IAppendTarget
    {
        public void OnAppended(long token, ErrorCode error) => order.Add($"{name} {error}");
    }
}
