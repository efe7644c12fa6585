using Aot.Broker.Base;
using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

/// <summary>
/// Random work on a log that is cut again and again, against a list of batches. After each cut, and after each restart,
/// the log is compared with one that never was cut: everything that is derived from the batches has to be the same.
/// </summary>
public sealed class TruncationTests
{
    private static readonly LogConfig s_config = new()
    {
        SegmentBytes = 2500,
        IndexIntervalBytes = 200,
        RetentionMs = -1,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    public void A_log_that_was_cut_is_as_one_that_never_was_longer(int seed)
    {
        Model model = new(seed);
        try
        {
            for (int step = 0; step < 120; step++)
            {
                model.Step();
            }
        }
        finally
        {
            model.End();
        }
    }

    [Fact]
    public void The_lower_recovery_point_is_on_the_disk_before_the_files_are_cut()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_config);
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, 300, seed: i));
        }
        Task<ErrorCode> flushed = null!;
        rig.On(() => flushed = log.FlushAsync());
        rig.Pump();
        Assert.Equal(ErrorCode.None, flushed.GetAwaiter().GetResult());
        rig.Advance(61_000);
        rig.Advance(5_000);
        Assert.Equal("0\n1\nevents 0 40\n", Checkpoint(rig));
        Assert.Equal(ErrorCode.None, rig.Do(_ => log.TruncateToAsync(11)));
        Assert.Equal("0\n1\nevents 0 10\n", Checkpoint(rig));
        Assert.Equal((10L, 10L), (log.LogEndOffset, log.HighWatermark));
        rig.Kill();
        using StorageRig second = new(rig.DirectoryPath);
        Assert.Equal(10, second.Open(s_config).LogEndOffset);
    }

    [Fact]
    public void Whoever_waits_for_records_that_go_away_hears_it_and_reads_wait_until_it_is_done()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_config);
        rig.MustAppend(log, Batches.Plain(4));
        List<string> order = [];
        Task<ErrorCode> cut = null!;
        rig.On(() =>
        {
            log.FollowsOwnEnd = false;
            AppendResult result = log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall);
            log.WhenCommitted(result.LastOffset, new AppendReadTests.Answer("committed", order), 1);
            cut = log.TruncateToAsync(4).AsTask();
            Assert.Equal(LogStatus.Truncating, log.Status);
            Assert.Equal(ErrorCode.NotLeaderOrFollower, log.Read(0, 100, ReadIsolation.LogEnd, true, out _));
            Assert.Equal(
                ErrorCode.NotLeaderOrFollower,
                log.AppendCopy(Batches.Plain(), AppendOrigin.Client, rig.Io.Wall).Error
            );
        });
        rig.Pump();
        Assert.Equal(ErrorCode.None, cut.GetAwaiter().GetResult());
        Assert.Equal(["committed NotLeaderOrFollower"], order);
        Assert.Equal(LogStatus.Open, log.Status);
        Assert.Equal(4, rig.MustAppend(log, Batches.Plain()).BaseOffset);
    }

    [Fact]
    public void A_clean_stop_in_the_middle_waits_for_the_cut()
    {
        using StorageRig rig = new();
        PartitionLog log = rig.Open(s_config);
        for (int i = 0; i < 20; i++)
        {
            rig.MustAppend(log, Batches.Plain(2, 300, seed: i));
        }
        rig.Do(async core =>
        {
            Task<ErrorCode> cut = log.TruncateToAsync(6).AsTask();
            await rig.Set.CloseAsync(clean: true);
            Assert.Equal(ErrorCode.None, await cut);
        });
        rig.Directories.SaveCleanShutdown(1);
        rig.Kill();
        using StorageRig second = new(rig.DirectoryPath);
        Assert.Equal(6, second.Open(s_config).LogEndOffset);
        Assert.Equal(0, second.Directories.Progress.ScannedBytes);
    }

    private static string Checkpoint(StorageRig rig) =>
        File.ReadAllText(Path.Combine(rig.DirectoryPath, "recovery-point-offset-checkpoint"));

    private sealed class Model
    {
        private readonly Random _random;
        private readonly string _directory;
        private readonly List<byte[]> _batches = [];
        private readonly Dictionary<long, (int Sequence, bool IsOpen)> _producers = [];
        private StorageRig _rig;
        private PartitionLog _log;
        private long _start;
        private int _epoch;
        private long _time = 1_700_000_000_000;

        public Model(int seed)
        {
            _random = new Random(seed);
            _directory = Path.Combine(Path.GetTempPath(), "aot-broker-cut-" + Guid.NewGuid().ToString("N"));
            _rig = new StorageRig(_directory);
            _log = _rig.Open(s_config);
        }

        private long LogEnd => _batches.Count == 0 ? _start : Batches.View(_batches[^1]).NextOffset;

        public void Step()
        {
            switch (_random.Next(16))
            {
                case < 10:
                    Append();
                    break;
                case < 13:
                    CutAt(_start + _random.NextInt64(LogEnd - _start + 2));
                    Compare();
                    break;
                case 13 when _random.Next(4) == 0:
                    CutFully();
                    Compare();
                    break;
                case 14:
                    _rig.Advance(_random.Next(70_000));
                    break;
                default:
                    Restart(_random.Next(2) == 0);
                    Compare();
                    break;
            }
            Assert.Equal(LogEnd, _log.LogEndOffset);
        }

        public void End()
        {
            _rig.Dispose();
            Directory.Delete(_directory, recursive: true);
        }

        private void Append()
        {
            for (int i = _random.Next(1, 6); i > 0; i--)
            {
                if (_random.Next(6) == 0)
                {
                    _rig.On(() => _log.BecomeLeader(++_epoch));
                }
                (byte[] batch, AppendOrigin origin) = MakeBatch();
                AppendResult result = _rig.MustAppend(_log, batch, origin);
                _batches.AddRange(_rig.ReadSome(_log, result.BaseOffset, 1, ReadIsolation.LogEnd));
            }
        }

        /// <summary>Plain, idempotent or transactional, and now and then the end of a transaction.</summary>
        private (byte[], AppendOrigin) MakeBatch()
        {
            _time += _random.Next(-50, 100);
            long id = _random.Next(4);
            if (id == 0)
            {
                return (
                    Batches.Plain(_random.Next(1, 4), _random.Next(300), _time, _random.Next()),
                    AppendOrigin.Client
                );
            }
            (int sequence, bool isOpen) = _producers.GetValueOrDefault(id);
            if (isOpen && _random.Next(3) == 0)
            {
                _producers[id] = (sequence, false);
                return (Batches.Marker(id, 0, _random.Next(2) == 0), AppendOrigin.Coordinator);
            }
            int records = _random.Next(1, 4);
            _producers[id] = (sequence + records, id > 1);
            return (Batches.Idempotent(id, 0, sequence, records, id > 1, _time), AppendOrigin.Client);
        }

        private void CutAt(long offset)
        {
            Assert.Equal(ErrorCode.None, _rig.Do(_ => _log.TruncateToAsync(offset)));
            int kept = _batches.FindIndex(batch => Batches.View(batch).LastOffset >= offset);
            if (kept >= 0)
            {
                _batches.RemoveRange(kept, _batches.Count - kept);
            }
            Assert.Equal(LogEnd, _log.LogEndOffset);
            Assert.True(_log.RecoveryPoint <= _log.LogEndOffset);
            FollowProducers();
        }

        private void CutFully()
        {
            _start = LogEnd + _random.Next(-20, 50);
            _start = Math.Max(0, _start);
            Assert.Equal(ErrorCode.None, _rig.Do(_ => _log.TruncateFullyAndStartAtAsync(_start)));
            _batches.Clear();
            Assert.Equal((_start, _start), (_log.LogStartOffset, _log.HighWatermark));
            Assert.Empty(_log.DescribeProducers());
            Assert.Equal(1, _log.SegmentCount);
            FollowProducers();
        }

        /// <summary>What the producers have to send next, as the kept batches say.</summary>
        private void FollowProducers()
        {
            _producers.Clear();
            foreach (byte[] batch in _batches)
            {
                var view = Batches.View(batch);
                if (view.ProducerId >= 0)
                {
                    int sequence = _producers.GetValueOrDefault(view.ProducerId).Sequence;
                    _producers[view.ProducerId] = view.IsControl
                        ? (sequence, false)
                        : (view.BaseSequence + view.RecordsCount, view.IsTransactional);
                }
            }
        }

        private void Restart(bool clean)
        {
            if (clean)
            {
                _rig.StopClean();
            }
            else
            {
                _rig.Advance(10_000);
                _rig.Kill();
            }
            _rig = new StorageRig(_directory);
            _log = _rig.Open(s_config, epoch: ++_epoch);
        }

        private void Compare()
        {
            using StorageRig other = new();
            PartitionLog expected = other.TryOpen(s_config).Log!;
            other.Do(async _ => await expected.TruncateFullyAndStartAtAsync(_start));
            foreach (byte[] batch in _batches)
            {
                other.MustAppend(expected, [.. batch], AppendOrigin.Replication);
            }
            Assert.Equal(_batches, _rig.ReadAll(_log, _start, ReadIsolation.LogEnd));
            Assert.Equal(Producers(expected), Producers(_log));
            Assert.Equal(expected.LastStableOffset, _log.LastStableOffset);
            Assert.Equal(Aborted(expected), Aborted(_log));
            Assert.Equal(expected.OffsetOfMaxTimestamp(), _log.OffsetOfMaxTimestamp());
            for (int i = 0; i < 10 && _batches.Count > 0; i++)
            {
                long time = Batches.View(_batches[_random.Next(_batches.Count)]).MaxTimestamp + _random.Next(-2, 2);
                Assert.Equal(expected.OffsetForTimestamp(time), _log.OffsetForTimestamp(time));
                long offset = _start + _random.NextInt64(LogEnd - _start);
                Assert.Equal(expected.EpochOf(offset), _log.EpochOf(offset));
                List<byte[]> read = _rig.ReadSome(_log, offset, 1, ReadIsolation.LogEnd);
                Assert.InRange(offset, Batches.View(read[0]).BaseOffset, Batches.View(read[0]).LastOffset);
            }
        }

        private static IEnumerable<ProducerDescription> Producers(PartitionLog log) =>
            log.DescribeProducers().OrderBy(producer => producer.ProducerId);

        private static List<AbortedTransaction> Aborted(PartitionLog log)
        {
            List<AbortedTransaction> aborted = [];
            log.GetAbortedTransactions(log.LogStartOffset, log.LogEndOffset, aborted);
            return aborted;
        }
    }
}
