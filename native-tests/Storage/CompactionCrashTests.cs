using Aot.Broker.Linux;
using Aot.Broker.Reactor;

namespace Aot.Broker.Storage.Tests;

/// <summary>The process ends before, in and after every call that a compaction makes to the disk.</summary>
public sealed class CompactionCrashTests
{
    private static readonly LogConfig s_config = new()
    {
        CleanupPolicy = CleanupPolicies.Compact,
        SegmentBytes = 1500,
        IndexIntervalBytes = 100,
        MinCleanableDirtyRatio = 0.01,
    };

    [Fact]
    public void After_a_stop_in_any_call_nothing_is_lost_and_nothing_is_there_twice()
    {
        int points = 0;
        int finished = 0;
        for (bool isOver = false; !isOver; points++)
        {
            using StorageRig rig = new();
            (Dictionary<string, string?> expected, long end) = Fill(rig);
            rig.Disk.ChangesUntilStop = points;
            CompactionTests.Compact(rig);
            isOver = rig.Disk.ChangesUntilStop >= 0;
            rig.Kill();
            using StorageRig after = new(rig.DirectoryPath);
            PartitionLog log = after.Open(s_config);
            Check(after, log, expected, end, $"stop at call {points}");
            finished += Directory.GetFiles(rig.PartitionPath, "*.swap").Length == 0 ? 1 : 0;
            Assert.Empty(Directory.GetFiles(rig.PartitionPath, "*.cleaned"));
            CompactionTests.Compact(after);
            Check(after, log, expected, end, $"stop at call {points}, then compacted");
            after.StopClean();
        }
        Assert.True(points > 60, $"only {points} calls");
        Assert.Equal(points, finished);
    }

    /// <summary>The disk refuses one rename, and the process goes on: what is on the disk then has to be enough for a start.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_a_rename_that_is_refused_nothing_is_lost_and_nothing_is_there_twice(bool stops)
    {
        int points = 0;
        for (bool isOver = false; !isOver; points++)
        {
            using StorageRig rig = new();
            (Dictionary<string, string?> expected, long end) = Fill(rig);
            rig.Disk.RenamesUntilError = points;
            CompactionTests.Compact(rig);
            isOver = rig.Disk.RenamesUntilError >= 0;
            rig.Disk.RenamesUntilError = long.MaxValue;
            if (stops)
            {
                rig.StopClean();
            }
            else
            {
                rig.Kill();
            }
            using StorageRig after = new(rig.DirectoryPath);
            PartitionLog log = after.Open(s_config);
            Check(after, log, expected, end, $"rename {points} is refused");
            after.StopClean();
        }
        Assert.True(points > 10, $"only {points} renames");
    }

    private static (Dictionary<string, string?>, long) Fill(StorageRig rig)
    {
        PartitionLog log = rig.Open(s_config);
        Dictionary<string, string?> expected = [];
        for (int i = 0; i < 40; i++)
        {
            string? value = i % 9 == 8 ? null : $"v{i}";
            rig.MustAppend(log, KeyedBatch.Of(rig.Io.Wall, ($"k{i % 11}", value), ($"only{i}", "x")));
            expected[$"k{i % 11}"] = value;
            expected[$"only{i}"] = "x";
            if (i % 8 == 0)
            {
                rig.MustAppend(
                    log,
                    KeyedBatch.Of(
                        new()
                        {
                            ProducerId = 7,
                            ProducerEpoch = 0,
                            BaseSequence = i / 8,
                            IsTransactional = true,
                        },
                        rig.Io.Wall,
                        ("k1", "aborted")
                    )
                );
                rig.MustAppend(log, Batches.Marker(7, 0, commit: false), AppendOrigin.Coordinator);
            }
        }
        return (expected, log.LogEndOffset);
    }

    private static void Check(
        StorageRig rig,
        PartitionLog log,
        Dictionary<string, string?> expected,
        long end,
        string when
    )
    {
        Assert.True(log.LogEndOffset == end, when);
        List<AbortedTransaction> aborted = [];
        log.GetAbortedTransactions(0, end, aborted);
        Dictionary<string, string?> table = [];
        long last = -1;
        foreach (KeyedRecord record in KeyedRecord.ReadAll(rig, log))
        {
            Assert.True(record.Offset > last, $"{when}: offset {record.Offset} follows {last}");
            last = record.Offset;
            if (record.Value == "aborted")
            {
                Assert.Contains(aborted, a => a.FirstOffset == record.Offset);
                continue;
            }
            table[record.Key!] = record.Value;
        }
        Assert.Equal(expected.OrderBy(e => e.Key), table.OrderBy(e => e.Key));
    }
}
