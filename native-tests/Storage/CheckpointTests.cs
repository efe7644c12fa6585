using Aot.Broker.Linux;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

/// <summary>What the offset checkpoints say of a partition goes neither missing nor to another log of its name.</summary>
public sealed class CheckpointTests
{
    private const int BatchCount = 10;
    private const int LogStart = 5;

    [Fact]
    public void A_topic_made_again_after_a_deletion_does_not_begin_where_the_deleted_one_did()
    {
        using StorageRig first = new();
        PartitionLog log = FillAndDeleteRecords(first);
        Assert.Equal(ErrorCode.None, first.Do(_ => first.Set.DeleteAsync(log)));
        log = first.Open();
        first.MustAppend(log, Batches.Plain());
        first.Do(async _ => await log.FlushAsync());
        first.Kill();
        using StorageRig second = new(first.DirectoryPath);
        log = second.Open();
        Assert.Equal((0L, 1L), (log.LogStartOffset, log.LogEndOffset));
        Assert.Single(second.ReadAll(log, 0));
    }

    /// <summary>The process ends between the deletion and the new topic's log, or the stop is clean and the log later.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Nor_does_it_after_a_restart_in_between(bool isClean)
    {
        using StorageRig first = new();
        PartitionLog log = FillAndDeleteRecords(first);
        Assert.Equal(ErrorCode.None, first.Do(_ => first.Set.DeleteAsync(log)));
        if (isClean)
        {
            first.StopClean();
        }
        else
        {
            first.Kill();
        }
        using (StorageRig second = new(first.DirectoryPath))
        {
            log = second.Open();
            Assert.Equal((0L, 0L), (log.LogStartOffset, log.LogEndOffset));
            second.MustAppend(log, Batches.Plain());
            second.Kill();
        }
        using StorageRig third = new(first.DirectoryPath);
        log = third.Open();
        Assert.Equal((0L, 1L), (log.LogStartOffset, log.LogEndOffset));
    }

    /// <summary>The disk refuses the checkpoint that does not speak of the deleted log: the new one has to wait.</summary>
    [Fact]
    public void A_topic_made_again_waits_for_the_checkpoints()
    {
        using StorageRig rig = new();
        PartitionLog log = FillAndDeleteRecords(rig);
        Assert.Equal(ErrorCode.None, rig.Do(_ => rig.Set.DeleteAsync(log)));
        rig.Disk.WriteError = Errno.ENOSPC;
        Assert.Equal(ErrorCode.KafkaStorageError, rig.TryOpen().Error);
        Assert.False(Directory.Exists(rig.PartitionPath));
        rig.Disk.WriteError = Errno.None;
        Assert.Equal(0, rig.Open().LogEndOffset);
    }

    /// <summary>One core writes the file for all, and may do so before another has told of the logs that it just opened.</summary>
    [Fact]
    public void A_log_that_was_opened_stays_in_the_file_until_its_core_has_told_of_it()
    {
        using StorageRig first = new();
        FillAndDeleteRecords(first);
        first.Kill();
        using (StorageRig second = new(first.DirectoryPath))
        {
            second.Open();
            Assert.Equal(Errno.None, second.Directories.All[0].Write(CheckpointKind.LogStart));
            second.Kill();
        }
        using StorageRig third = new(first.DirectoryPath);
        Assert.Equal(LogStart, third.Open().LogStartOffset);
    }

    private static PartitionLog FillAndDeleteRecords(StorageRig rig)
    {
        PartitionLog log = rig.Open();
        for (int i = 0; i < BatchCount; i++)
        {
            rig.MustAppend(log, Batches.Plain());
        }
        Assert.Equal(ErrorCode.None, rig.Do(_ => log.DeleteRecordsAsync(LogStart)));
        return log;
    }
}
