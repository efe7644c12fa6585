using Aot.Broker.Storage.Moves;

namespace Aot.Broker.Storage.Tests;

/// <summary>A log moves from one log directory to another while it is written.</summary>
public sealed class MoveTests
{
    private static readonly LogConfig s_config = new() { SegmentBytes = 3000, IndexIntervalBytes = 200 };

    [Fact]
    public void A_moved_log_has_the_same_records_producers_and_offsets()
    {
        using StorageRig rig = new(hasSecond: true);
        PartitionLog log = rig.Open(s_config, epoch: 4);
        List<byte[]> expected = [];
        Fill(rig, log);
        rig.On(() => Assert.Equal(Protocol.ErrorCode.None, log.DeleteRecordsBefore(25)));
        List<ProducerDescription> producers = [.. log.DescribeProducers()];
        Move(rig, log, appends: 30);
        Assert.Equal(rig.SecondPath, log.LogDirectory.Path);
        Assert.Empty(Directory.GetDirectories(rig.SecondPath, "*-future"));
        Assert.False(Directory.Exists(rig.PartitionPath));
        Assert.False(File.Exists(rig.SecondPath + "/events-0/" + MoveMark.Name));
        Assert.Equal(producers.Count, log.DescribeProducers().Count);
        expected = rig.ReadAll(log, 25);
        Assert.True(log.SegmentCount > 3);
        rig.Advance(120_000);
        Assert.Empty(Directory.GetDirectories(rig.DirectoryPath));
        List<AbortedTransaction> aborted = [];
        log.GetAbortedTransactions(25, log.LogEndOffset, aborted);
        Assert.NotEmpty(aborted);
        long end = log.LogEndOffset;
        rig.Kill();

        using StorageRig killed = new(rig.DirectoryPath, hasSecond: true);
        log = killed.Open(s_config, epoch: 4);
        Assert.Equal(killed.SecondPath, log.LogDirectory.Path);
        Assert.Equal((25, end), (log.LogStartOffset, log.LogEndOffset));
        Assert.Equal(expected, killed.ReadAll(log, 25));
        List<AbortedTransaction> again = [];
        log.GetAbortedTransactions(25, end, again);
        Assert.Equal(aborted, again);
        Assert.Equal(4, log.EpochOf(end - 1));
        killed.StopClean();
    }

    [Fact]
    public void After_a_stop_in_any_call_one_directory_has_every_record_once()
    {
        int points = 0;
        int continued = 0;
        for (bool isOver = false; !isOver; points++)
        {
            using StorageRig rig = new(hasSecond: true);
            PartitionLog log = rig.Open(s_config);
            Fill(rig, log, rounds: 6);
            rig.Disk.ChangesUntilStop = points;
            Move(rig, log, appends: 6);
            isOver = rig.Disk.ChangesUntilStop >= 0;
            rig.Disk.ChangesUntilStop = long.MaxValue;
            long end = log.LogEndOffset;
            List<byte[]> expected = rig.ReadAll(log, 0);
            bool wasUnderWay = Directory.GetDirectories(rig.SecondPath, "*-future").Length > 0;
            rig.Kill();

            using StorageRig after = new(rig.DirectoryPath, hasSecond: true);
            Assert.Equal(1, after.Directories.PartitionCount);
            log = after.Open(s_config);
            string when = $"stop at call {points}";
            Assert.True(end == log.LogEndOffset, when);
            Assert.Equal(expected, after.ReadAll(log, 0));
            after.Advance(70_000);
            after.Advance(70_000);
            continued += wasUnderWay ? 1 : 0;
            Assert.True(!wasUnderWay || ReferenceEquals(log.LogDirectory, after.Directories.All[1]), when);
            Assert.Equal(expected, after.ReadAll(log, 0));
            string[] left =
            [
                .. Directory.GetDirectories(after.DirectoryPath),
                .. Directory.GetDirectories(after.SecondPath),
            ];
            Assert.True(left.Length == 1, $"{when}: {string.Join(' ', left)}");
            after.StopClean();
        }
        Assert.True(points > 40, $"only {points} calls");
        Assert.True(continued > 20, $"only {continued} moves went on");
    }

    [Fact]
    public void Retention_during_a_move_is_in_the_copy_too()
    {
        using StorageRig rig = new(hasSecond: true);
        rig.Directories.Moves.Configure(bytesPerSecondMax: 4000, runningMax: 1);
        PartitionLog log = rig.Open(s_config);
        Fill(rig, log);
        LogDirectory target = rig.Directories.All[1];
        rig.Do(_ => rig.Set.Moves.StartAsync(log, target));
        rig.Advance(300);
        FutureReplica future = LogMoves.FutureOf(log)!.Value;
        Assert.True(ReferenceEquals(target, future.Directory) && future.Bytes > 0);
        long start = log.LogEndOffset - 20;
        rig.On(() => log.DeleteRecordsBefore(start));
        List<byte[]> expected = rig.ReadAll(log, start);
        for (int i = 0; i < 200 && log.Moves.Target is not null; i++)
        {
            rig.Advance(500);
        }
        Assert.Same(target, log.LogDirectory);
        Assert.Equal(expected, rig.ReadAll(log, start));
        Assert.Equal(log.SegmentCount, Directory.GetFiles(rig.SecondPath + "/events-0", "*.log").Length);
        rig.StopClean();
    }

    [Fact]
    public void A_move_ends_when_the_log_is_wanted_where_it_is_or_deleted()
    {
        using StorageRig rig = new(hasSecond: true);
        rig.Directories.Moves.Configure(bytesPerSecondMax: 1, runningMax: 1);
        PartitionLog log = rig.Open(s_config);
        Fill(rig, log);
        rig.Do(_ => rig.Set.Moves.StartAsync(log, rig.Directories.All[1]));
        Assert.Single(Directory.GetDirectories(rig.SecondPath, "*-future"));
        Stop(rig, rig.Core.RunFromThreadAsync(_ => rig.Set.Moves.StartAsync(log, rig.Directories.All[0])));
        Assert.Null(LogMoves.FutureOf(log));
        Assert.Empty(Directory.GetDirectories(rig.SecondPath));

        rig.Do(_ => rig.Set.Moves.StartAsync(log, rig.Directories.All[1]));
        Stop(rig, rig.Core.RunFromThreadAsync(_ => rig.Set.DeleteAsync(log)));
        Assert.Empty(Directory.GetDirectories(rig.SecondPath));
    }

    [Fact]
    public void A_full_target_leaves_the_log_where_it_is()
    {
        using StorageRig rig = new(hasSecond: true);
        PartitionLog log = rig.Open(s_config);
        Fill(rig, log);
        rig.Disk.WriteError = Linux.Errno.ENOSPC;
        Protocol.ErrorCode error = rig.Do(_ => rig.Set.Moves.StartAsync(log, rig.Directories.All[1]));
        Assert.Equal(Protocol.ErrorCode.KafkaStorageError, error);
        rig.Disk.WriteError = Linux.Errno.None;
        Assert.Null(LogMoves.FutureOf(log));
        Assert.Equal(rig.DirectoryPath, log.LogDirectory.Path);
        rig.MustAppend(log, Batches.Plain());
        rig.StopClean();
    }

    private static void Stop(StorageRig rig, Task task)
    {
        for (int i = 0; i < 100 && !task.IsCompleted; i++)
        {
            rig.Advance(100);
        }
        Assert.True(task.IsCompletedSuccessfully);
    }

    private static void Fill(StorageRig rig, PartitionLog log, int rounds = 30)
    {
        for (int i = 0; i < rounds; i++)
        {
            rig.MustAppend(log, Batches.Plain(records: 2, valueBytes: 100, seed: i));
            rig.MustAppend(log, Batches.Idempotent(7, 0, i, transactional: true));
            rig.MustAppend(log, Batches.Marker(7, 0, commit: i % 4 != 0), AppendOrigin.Coordinator);
        }
    }

    /// <summary>Step by step, with appends in between, as long as the process lives.</summary>
    private static void Move(StorageRig rig, PartitionLog log, int appends)
    {
        Task<Protocol.ErrorCode> task = rig.Core.RunFromThreadAsync(_ =>
            rig.Set.Moves.StartAsync(log, rig.Directories.All[1])
        );
        bool Runs() => !task.IsCompleted || log.Moves.Target is not null;
        for (int i = 0; i < 20_000 && Runs(); i++)
        {
            rig.Io.Nanos += 1_000_000;
            if (appends > 0 && i % 5 == 0 && rig.Disk.ChangesUntilStop >= 0)
            {
                appends--;
                byte[] batch = Batches.Plain(valueBytes: 300, seed: i);
                AppendResult result = log.AppendCopy(batch, AppendOrigin.Client, rig.Io.Wall);
                Assert.True(result.IsOk || rig.Disk.ChangesUntilStop < 0);
            }
            rig.Turn();
            rig.Background.RunOne();
        }
        Assert.False(Runs());
        rig.Pump();
    }
}
