using Aot.Broker.Protocol;

namespace Aot.Broker.Storage.Tests;

/// <summary>
/// Random work on a log against a list of batches: appends of several batches per turn, reads at every kind of offset,
/// rolls, deletions, clean stops, kills, and kills that tear bytes off the end of the newest segment.
/// </summary>
public sealed class LogModelTests
{
    private static readonly LogConfig s_config = new()
    {
        SegmentBytes = 6000,
        IndexIntervalBytes = 300,
        RetentionMs = -1,
    };

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(6)]
    [InlineData(7)]
    [InlineData(8)]
    public void The_log_agrees_with_the_model(int seed)
    {
        Model model = new(seed);
        try
        {
            for (int step = 0; step < 250; step++)
            {
                model.Step();
            }
        }
        finally
        {
            model.End();
        }
    }

    private sealed class Model
    {
        private readonly Random _random;
        private readonly string _directory;
        private readonly List<byte[]> _batches = [];
        private StorageRig _rig;
        private PartitionLog _log;
        private long _start;
        private int _epoch;
        private int _sequence;

        public Model(int seed)
        {
            _random = new Random(seed);
            _directory = Path.Combine(Path.GetTempPath(), "aot-broker-model-" + Guid.NewGuid().ToString("N"));
            _rig = new StorageRig(_directory);
            _log = _rig.Open(s_config, epoch: _epoch);
        }

        private long End_ => _batches.Count == 0 ? 0 : Batches.View(_batches[^1]).NextOffset;

        public void Step()
        {
            switch (_random.Next(20))
            {
                case < 9:
                    Append();
                    break;
                case < 15:
                    Read();
                    break;
                case 15:
                    DeleteRecords();
                    break;
                case 16:
                    _rig.Advance(_random.Next(100_000));
                    break;
                case 17:
                    _rig.StopClean();
                    Reopen();
                    Assert.Equal(0, _rig.Directories.Progress.ScannedBytes);
                    break;
                case 18:
                    _rig.Kill();
                    Reopen();
                    break;
                default:
                    _rig.Kill();
                    Tear();
                    Reopen();
                    break;
            }
            Assert.Equal(End_, _log.LogEndOffset);
            Assert.Equal(_start, _log.LogStartOffset);
            Assert.Equal(0, _rig.Core.Buffers.RentedCount);
        }

        public void End()
        {
            _rig.Dispose();
            Directory.Delete(_directory, recursive: true);
        }

        private void Append()
        {
            int count = _random.Next(1, 8);
            List<AppendResult> results = [];
            _rig.On(() =>
            {
                for (int i = 0; i < count; i++)
                {
                    byte[] batch = MakeBatch();
                    AppendResult result = _log.AppendCopy(batch, AppendOrigin.Client, _rig.Io.Wall);
                    Assert.True(result.IsOk, result.Message);
                    results.Add(result);
                }
            });
            int before = _batches.Count;
            _batches.AddRange(_rig.ReadAll(_log, End_));
            Assert.Equal(count, _batches.Count - before);
            for (int i = 0; i < count; i++)
            {
                Assert.Equal(results[i].BaseOffset, Batches.View(_batches[before + i]).BaseOffset);
                Assert.Equal(_epoch, Batches.View(_batches[before + i]).PartitionLeaderEpoch);
            }
        }

        private byte[] MakeBatch()
        {
            int records = _random.Next(1, 6);
            int bytes = _random.Next(4) == 0 ? _random.Next(1000) : _random.Next(50);
            long time = _rig.Io.Wall + _random.Next(1000);
            if (_random.Next(3) > 0)
            {
                return Batches.Plain(records, bytes, time, _random.Next());
            }
            byte[] batch = Batches.Build(
                new()
                {
                    ProducerId = 77,
                    ProducerEpoch = 1,
                    BaseSequence = _sequence,
                },
                records,
                bytes,
                time,
                _random.Next()
            );
            _sequence += records;
            return batch;
        }

        private void Read()
        {
            long offset = _random.NextInt64(_start, End_ + 2);
            int max = _random.Next(1, 10_000);
            ErrorCode error = _log.Read(offset, max, ReadIsolation.HighWatermark, true, out LogSlice slice);
            if (offset > End_)
            {
                Assert.Equal(ErrorCode.OffsetOutOfRange, error);
                return;
            }
            Assert.Equal(ErrorCode.None, error);
            if (offset == End_)
            {
                Assert.True(slice.IsEmpty);
                return;
            }
            byte[] bytes = new byte[slice.Length];
            Assert.Equal(bytes.Length, _rig.Disk.Read(slice.File, bytes, slice.Position));
            slice.Lease.Release();
            int at = 0;
            int batch = _batches.FindIndex(b => Batches.View(b).LastOffset >= offset);
            Assert.Equal(Batches.View(_batches[batch]).BaseOffset, slice.FirstOffset);
            Assert.True(bytes.Length >= _batches[batch].Length);
            while (at < bytes.Length)
            {
                int length = Math.Min(_batches[batch].Length, bytes.Length - at);
                Assert.True(bytes.AsSpan(at, length).SequenceEqual(_batches[batch].AsSpan(0, length)));
                at += length;
                batch++;
            }
        }

        private void DeleteRecords()
        {
            if (_random.Next(3) == 0)
            {
                long offset = _random.NextInt64(_start, Math.Min(End_, _start + 40) + 1);
                _rig.On(() => Assert.Equal(ErrorCode.None, _log.DeleteRecordsBefore(offset)));
                _start = offset;
                _rig.Advance(5_000);
                _rig.Advance(5_000);
            }
        }

        /// <summary>Cuts the newest segment somewhere; the model keeps the batches that are still whole.</summary>
        private void Tear()
        {
            string file = Directory.GetFiles(Path.Combine(_directory, "events-0"), "*.log").Order().Last();
            long baseOffset = long.Parse(Path.GetFileNameWithoutExtension(file));
            using FileStream stream = new(file, FileMode.Open);
            long length = _random.NextInt64(Math.Max(0, stream.Length - 2500), stream.Length + 1);
            stream.SetLength(length);
            long left = length;
            int first = _batches.FindIndex(b => Batches.View(b).BaseOffset >= baseOffset);
            for (int i = Math.Max(first, 0); i < _batches.Count && first >= 0; i++)
            {
                left -= _batches[i].Length;
                if (left < 0)
                {
                    _batches.RemoveRange(i, _batches.Count - i);
                }
            }
            if (End_ < _start)
            {
                // The log start is above the end now: the log begins anew there.
                _batches.Clear();
                _batches.Add(Batches.Build(new() { BaseOffset = _start - 1 }, 1, 0, 0, 0));
            }
        }

        private void Reopen()
        {
            _rig.Dispose();
            _rig = new StorageRig(_directory);
            _log = _rig.Open(s_config, epoch: ++_epoch);
            _sequence = _log.DescribeProducers().FirstOrDefault(p => p.ProducerId == 77).LastSequence + 1;
            if (_log.DescribeProducers().Count == 0)
            {
                _sequence = 0;
            }
            List<byte[]> all = _rig.ReadAll(_log, _start);
            int skip = _batches.FindIndex(b => Batches.View(b).LastOffset >= _start);
            Assert.Equal(skip < 0 ? 0 : _batches.Count - skip, all.Count);
            for (int i = 0; i < all.Count; i++)
            {
                Assert.True(all[i].AsSpan().SequenceEqual(_batches[skip + i]));
            }
            CheckSequences();
        }

        /// <summary>The producer's next sequence is what the batches in the log say, where its last batch is still there.</summary>
        private void CheckSequences()
        {
            byte[]? last = _batches.FindLast(b =>
                Batches.View(b).ProducerId == 77 && Batches.View(b).BaseOffset >= _start
            );
            if (last is not null)
            {
                Assert.Equal(Batches.View(last).LastSequence + 1, _sequence);
            }
        }
    }
}
