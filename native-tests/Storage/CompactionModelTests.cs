using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Records;
using Aot.Broker.Storage.Compaction;

namespace Aot.Broker.Storage.Tests;

/// <summary>Random histories of keys, tombstones, transactions and idempotent producers, against a list of what was written.</summary>
public sealed class CompactionModelTests
{
    private const int Seeds = 15;
    private const long DeleteRetentionMs = 100_000;

    [Fact]
    public void What_readers_and_producers_can_know_stays_the_same()
    {
        long removed = 0;
        for (int seed = 1; seed <= Seeds; seed++)
        {
            removed += new CompactionHistory(seed).Run();
        }
        Assert.True(removed > Seeds * 50, $"only {removed} records were removed");
    }

    /// <summary>One log through rounds of appending, compaction and restarts.</summary>
    private sealed class CompactionHistory(int seed)
    {
        private readonly Random _random = new(seed);
        private readonly List<Written> _written = [];
        private readonly Dictionary<long, Producer> _producers = [];
        private LogConfig _config = new();
        private StorageRig _rig = null!;
        private PartitionLog _log = null!;
        private long _removed;

        private sealed record Written(long Offset, string Key, string? Value, long Timestamp, long At)
        {
            public Producer? Producer { get; init; }
            public bool IsAborted { get; set; }
            public bool IsDecided { get; set; } = true;
        }

        private sealed class Producer
        {
            public int NextSequence;
            public bool IsTransactional;
            public byte[]? LastBatch;
            public long LastBaseOffset;
            public List<Written> Open { get; } = [];
        }

        public long Run()
        {
            _config = new LogConfig
            {
                CleanupPolicy = CleanupPolicies.Compact,
                SegmentBytes = _random.Next(600, 4000),
                IndexIntervalBytes = _random.Next(1, 1000),
                MinCleanableDirtyRatio = 0.01,
                DeleteRetentionMs = DeleteRetentionMs,
                FileDeleteDelayMs = 1000,
            };
            using StorageRig first = new();
            Open(first);
            for (int round = 0; round < 8; round++)
            {
                Append(_random.Next(10, 80));
                _rig.Advance(_random.Next(3) == 0 ? DeleteRetentionMs : 16_000);
                Check($"seed {seed} round {round} after a pass");
                if (_random.Next(3) == 0)
                {
                    Restart();
                    Check($"seed {seed} round {round} after a restart");
                }
            }
            _removed += _rig.Directories.Cleaners.Statistics.RemovedRecords;
            _rig.Dispose();
            return _removed;
        }

        private void Open(StorageRig rig)
        {
            _rig = rig;
            rig.Directories.Cleaners.Configure(
                new CleanerOptions { DedupeBufferBytes = OffsetMap.SlotBytes * _random.Next(14, 100) }
            );
            _log = rig.Open(_config);
        }

        private void Restart()
        {
            _removed += _rig.Directories.Cleaners.Statistics.RemovedRecords;
            (long nanos, long wall) = (_rig.Io.Nanos, _rig.Io.Wall);
            if (_random.Next(2) == 0)
            {
                _rig.StopClean();
            }
            else
            {
                _rig.Kill();
            }
            Open(new StorageRig(_rig.DirectoryPath));
            (_rig.Io.Nanos, _rig.Io.Wall) = (nanos, wall);
            _rig.Pump();
        }

        private void Append(int steps)
        {
            for (int i = 0; i < steps; i++)
            {
                int choice = _random.Next(10);
                long producerId = choice < 5 ? -1 : 100 + (seed % 3) + _random.Next(4);
                if (choice == 9 && Transactional(producerId) is { Open.Count: > 0 } open)
                {
                    End(producerId, open);
                    continue;
                }
                AppendBatch(producerId);
            }
            // A producer that begins anew keeps its number and its sequence; nobody stays open for ever.
            foreach ((long id, Producer producer) in _producers)
            {
                if (producer.Open.Count > 0 && _random.Next(3) > 0)
                {
                    End(id, producer);
                }
            }
        }

        private Producer? Transactional(long producerId) => _producers.GetValueOrDefault(producerId);

        private void AppendBatch(long producerId)
        {
            (string, string?)[] records = new (string, string?)[_random.Next(1, 5)];
            for (int i = 0; i < records.Length; i++)
            {
                string? value =
                    _random.Next(5) == 0 ? null : $"v{_written.Count + i}-{new string('x', _random.Next(40))}";
                records[i] = ($"k{_random.Next(12)}", value);
            }
            Producer? producer = null;
            RecordBatchOptions options = new() { Codec = (CompressionCodec)_random.Next(5) };
            if (producerId >= 0)
            {
                if (!_producers.TryGetValue(producerId, out producer))
                {
                    _producers[producerId] = producer = new Producer { IsTransactional = producerId % 2 == 0 };
                }
                options = options with
                {
                    ProducerId = producerId,
                    ProducerEpoch = 0,
                    BaseSequence = producer.NextSequence,
                    IsTransactional = producer.IsTransactional,
                };
                producer.NextSequence += records.Length;
            }
            long timestamp = _rig.Io.Wall - _random.Next(1000);
            byte[] batch = KeyedBatch.Of(options, timestamp, records);
            AppendResult result = _rig.MustAppend(_log, (byte[])batch.Clone());
            for (int i = 0; i < records.Length; i++)
            {
                Written written = new(
                    result.BaseOffset + i,
                    records[i].Item1,
                    records[i].Item2,
                    timestamp,
                    _rig.Io.Wall
                )
                {
                    Producer = producer,
                    IsDecided = producer is not { IsTransactional: true },
                };
                _written.Add(written);
                if (!written.IsDecided)
                {
                    producer!.Open.Add(written);
                }
            }
            if (producer is not null)
            {
                producer.LastBatch = batch;
                producer.LastBaseOffset = result.BaseOffset;
            }
        }

        private void End(long producerId, Producer producer)
        {
            bool commit = _random.Next(2) == 0;
            _rig.MustAppend(_log, Batches.Marker(producerId, 0, commit), AppendOrigin.Coordinator);
            foreach (Written written in producer.Open)
            {
                written.IsDecided = true;
                written.IsAborted = !commit;
            }
            producer.Open.Clear();
        }

        private void Check(string when)
        {
            Dictionary<long, Written> byOffset = _written.ToDictionary(w => w.Offset);
            List<KeyedRecord> all = KeyedRecord.ReadAll(_rig, _log);
            long last = -1;
            foreach (KeyedRecord record in all)
            {
                Assert.True(record.Offset > last, when);
                last = record.Offset;
                Written written = byOffset[record.Offset];
                Assert.Equal(
                    (written.Key, written.Value, written.Timestamp),
                    (record.Key, record.Value, record.Timestamp)
                );
            }
            HashSet<long> there = [.. all.Select(r => r.Offset)];
            foreach (IGrouping<string, Written> key in _written.Where(w => !w.IsAborted).GroupBy(w => w.Key))
            {
                Written newest = key.Last();
                bool mayBeGone = newest.Value is null && _rig.Io.Wall - newest.At >= DeleteRetentionMs;
                Assert.True(mayBeGone || there.Contains(newest.Offset), $"{when}: offset {newest.Offset} is lost");
            }
            CheckCommitted(when);
            CheckProducers(when);
        }

        /// <summary>A consumer that builds a table from committed records builds the same one.</summary>
        private void CheckCommitted(string when)
        {
            long stable = _log.LastStableOffset;
            Dictionary<string, string?> expected = [];
            foreach (Written written in _written.Where(w => w.Offset < stable && !w.IsAborted))
            {
                Assert.True(written.IsDecided, when);
                expected[written.Key] = written.Value;
            }
            List<AbortedTransaction> aborted = [];
            _log.GetAbortedTransactions(_log.LogStartOffset, stable, aborted);
            Queue<AbortedTransaction> coming = new(aborted.OrderBy(a => a.FirstOffset));
            HashSet<long> dropping = [];
            Dictionary<string, string?> table = [];
            foreach (byte[] bytes in _rig.ReadAll(_log, _log.LogStartOffset, ReadIsolation.LastStableOffset))
            {
                RecordBatchView batch = Batches.View(bytes);
                while (coming.TryPeek(out AbortedTransaction next) && next.FirstOffset <= batch.LastOffset)
                {
                    dropping.Add(coming.Dequeue().ProducerId);
                }
                if (batch.IsControl)
                {
                    dropping.Remove(batch.ProducerId);
                }
                else if (!(batch.IsTransactional && dropping.Contains(batch.ProducerId)))
                {
                    List<KeyedRecord> records = [];
                    KeyedRecord.AddRecords(bytes, records);
                    records.ForEach(r => table[r.Key!] = r.Value);
                }
            }
            Assert.Equal(
                expected.Where(e => e.Value is not null).OrderBy(e => e.Key),
                table.Where(e => e.Value is not null).OrderBy(e => e.Key)
            );
        }

        /// <summary>The repetition of a producer's newest batch is known, wherever the batch has gone.</summary>
        private void CheckProducers(string when)
        {
            foreach (Producer producer in _producers.Values.Where(p => p.LastBatch is not null))
            {
                long end = _log.LogEndOffset;
                AppendResult result = _rig.Append(_log, (byte[])producer.LastBatch!.Clone());
                Assert.True(result.IsOk && result.IsDuplicate, $"{when}: {result.Error} {result.Message}");
                Assert.Equal((producer.LastBaseOffset, end), (result.BaseOffset, _log.LogEndOffset));
            }
        }
    }
}
