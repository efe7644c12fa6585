using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

/// <summary>A log that is written faster than its disk takes it: the batches wait in the queue, not the core in the kernel.</summary>
public sealed class WritebackTests
{
    private const int Mebibyte = 1024 * 1024;
    private const int BatchBytes = 200 * 1024;

    private static readonly LogSetOptions s_options = new() { DirtyBytesPerLogMax = 4 * Mebibyte };

    [Fact]
    public void Batches_wait_while_too_much_is_under_way_and_all_are_answered_when_it_is_done()
    {
        using StorageRig rig = new(options: s_options);
        PartitionLog log = rig.Open();
        Counter answers = new();
        int sent = Fill(rig, log, answers, 6 * Mebibyte);
        long written = log.SizeInBytes;
        Assert.InRange(written, 4 * Mebibyte, (4 * Mebibyte) + BatchBytes + 1000);
        Assert.True(answers.Count < sent);
        Assert.True(log.NextOffset > log.LogEndOffset);
        rig.Turn();
        Assert.Equal(written, log.SizeInBytes);

        rig.Pump();
        Assert.Equal(sent, answers.Count);
        Assert.Equal(log.NextOffset, log.HighWatermark);
        Assert.InRange(rig.Disk.AwaitedBytes, 2 * Mebibyte, 6 * Mebibyte);
        Assert.Equal(sent, rig.ReadAll(log, 0).Count);
    }

    [Fact]
    public void A_log_that_is_closed_while_its_batches_wait_writes_them_first()
    {
        using StorageRig rig = new(options: s_options);
        PartitionLog log = rig.Open();
        Counter answers = new();
        int sent = Fill(rig, log, answers, 6 * Mebibyte);
        Assert.True(log.NextOffset > log.LogEndOffset);
        rig.StopClean();
        Assert.Equal(sent, answers.Count);
        Assert.Equal(0, answers.Refused);
        using StorageRig again = new(rig.DirectoryPath);
        Assert.Equal(sent, again.Open().LogEndOffset);
        string file = Path.Combine(again.PartitionPath, "00000000000000000000.log");
        Assert.Equal(again.Open().SizeInBytes, new FileInfo(file).Length);
        again.Dispose();
        Directory.Delete(rig.DirectoryPath, recursive: true);
    }

    [Fact]
    public void A_roll_does_not_wait()
    {
        using StorageRig rig = new(options: s_options);
        PartitionLog log = rig.Open(new LogConfig { SegmentBytes = 5 * Mebibyte });
        Counter answers = new();
        int sent = Fill(rig, log, answers, 7 * Mebibyte);
        Assert.Equal(2, log.SegmentCount);
        rig.Pump();
        Assert.Equal(sent, answers.Count);
    }

    [Fact]
    public void Many_dirty_logs_make_the_share_of_each_smaller_and_stop_none()
    {
        using StorageRig rig = new(options: s_options with { DirtyBytesPerCoreMax = 2 * Mebibyte });
        Counter answers = new();
        PartitionLog quiet = rig.Open(name: new TopicPartition("events", 1));
        int sent = Fill(rig, quiet, answers, 3 * Mebibyte);
        PartitionLog log = rig.Open();
        sent += Fill(rig, log, answers, 3 * Mebibyte);
        Assert.InRange(log.SizeInBytes, Mebibyte, (2 * Mebibyte) + (2 * BatchBytes));
        rig.Pump();
        Assert.Equal(sent, answers.Count);
    }

    [Fact]
    public void Without_write_back_nothing_waits()
    {
        using StorageRig rig = new(options: s_options with { WritebackBytes = int.MaxValue, ReservedBytes = 0 });
        PartitionLog log = rig.Open();
        Counter answers = new();
        Assert.Equal(Fill(rig, log, answers, 8 * Mebibyte), answers.Count);
        Assert.Equal(0, rig.Disk.AwaitedBytes);
    }

    /// <summary>Appends without letting a background job run; the number of batches.</summary>
    private static int Fill(StorageRig rig, PartitionLog log, Counter answers, int bytes)
    {
        byte[] batch = Batches.Plain(1, BatchBytes);
        int count = bytes / BatchBytes;
        for (int i = 0; i < count; i++)
        {
            AppendResult result = log.AppendCopy([.. batch], AppendOrigin.Client, rig.Io.Wall);
            Assert.True(result.IsOk);
            log.WhenCommitted(result.LastOffset, answers, i);
            rig.Turn();
            rig.Turn();
        }
        return count;
    }

    private sealed class Counter : IAppendTarget
    {
        public int Count { get; private set; }

        public int Refused { get; private set; }

        public void OnAppended(long token, ErrorCode error)
        {
            Count++;
            Refused += error == ErrorCode.None ? 0 : 1;
        }
    }
}
