using Aot.Broker.Coordinators.ShareState;
using Aot.Broker.Protocol;
using Aot.Broker.Server.Share;
using Aot.Broker.Storage.Reading;

namespace Aot.Broker.Server.Tests;

/// <summary>
/// Members that fetch, acknowledge, wait too long and leave, saves that fail, restarts: after each step the share partition is
/// held against a model that keeps one entry per offset.
/// </summary>
public sealed class SharePartitionModelTests
{
    private const int Steps = 400;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 200)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Any_history_agrees_with_the_model(int seed)
    {
        Run run = new(new Random(seed));
        for (int step = 0; step < Steps; step++)
        {
            run.Step();
        }
        run.CheckProgress();
    }

    private sealed class Fate
    {
        public RecordState State;
        public short Deliveries;
        public string? Member;
        public long LockEnd;
        public long Change;

        public bool IsFree => State == RecordState.Available && Change == 0;
    }

    private sealed class Run(Random random)
    {
        private static readonly string[] s_members = ["a", "b", "c"];

        private readonly ShareLimits _limits = new(40, random.Next(2, 7), 100, true);
        private readonly SortedDictionary<long, Fate> _fates = [];
        private readonly SortedDictionary<long, ShareStateBatch> _saved = [];
        private readonly HashSet<long> _accepted = [];
        private readonly List<BatchExtent> _log = [];
        private SharePartition _records = new(0);
        private long _savedStart;
        private long _logStart;
        private long _now = 1;
        private (long Change, List<ShareStateBatch> Batches, long Start)? _write;

        public void Step()
        {
            switch (random.Next(14))
            {
                case 0:
                    Append();
                    break;
                case 1 or 2 or 3 or 4:
                    Acquire();
                    break;
                case 5 or 6 or 7 or 8:
                    Acknowledge();
                    break;
                case 9:
                    Release(s_members[random.Next(s_members.Length)]);
                    break;
                case 10:
                    Expire(random.Next(60));
                    break;
                case 11:
                    BeginWrite();
                    break;
                case 12:
                    EndWrite(random.Next(5) > 0);
                    break;
                default:
                    Rarely();
                    break;
            }
            Check();
        }

        /// <summary>With members that accept all they get, the group gets to the end of the log.</summary>
        public void CheckProgress()
        {
            for (int round = 0; round < 4 * (_log.Count + 40); round++)
            {
                Expire(200);
                BeginWrite();
                EndWrite(isSaved: true);
                Acquire();
                foreach (string member in s_members)
                {
                    foreach (long offset in Held(member))
                    {
                        Acknowledge(member, offset, offset, AcknowledgeType.Accept);
                    }
                }
                BeginWrite();
                EndWrite(isSaved: true);
                Check();
            }
            long end = _log.Count == 0 ? 0 : _log[^1].LastOffset + 1;
            Assert.Equal(Math.Max(end, _logStart), Math.Max(_records.StartOffset, _logStart));
        }

        private void Append()
        {
            long first = (_log.Count == 0 ? 0 : _log[^1].LastOffset + 1) + (random.Next(4) == 0 ? random.Next(4) : 0);
            _log.Add(new BatchExtent(first, first + random.Next(8), 0, 1, -1, false, false));
        }

        private void Rarely()
        {
            switch (random.Next(6))
            {
                case 0:
                    Restart();
                    break;
                case 1:
                    _logStart = Math.Min(_logStart + random.Next(6), _log.Count == 0 ? 0 : _log[^1].LastOffset + 1);
                    _records.MoveStart(_logStart);
                    Forget();
                    break;
                default:
                    Append();
                    break;
            }
        }

        private void Acquire()
        {
            if (!_records.CanAcquire(_limits))
            {
                return;
            }
            long from = _records.NextFetchOffset;
            BatchExtent[] read = [.. _log.Where(batch => batch.LastOffset >= from).Take(random.Next(1, 5))];
            if (read.Length == 0)
            {
                return;
            }
            bool isExact = random.Next(2) == 0;
            int most = random.Next(1, 12);
            string member = s_members[random.Next(s_members.Length)];
            AcquireRequest request = new(
                member,
                isExact ? AcquireMode.RecordLimit : AcquireMode.BatchOptimized,
                most,
                random.Next(1, 10),
                from,
                _now + _limits.LockDurationMillis
            );
            Dictionary<long, Fate> before = _fates.ToDictionary(pair => pair.Key, pair => pair.Value);
            long endBefore = _records.EndOffset;
            List<AcquiredRange> ranges = [];
            int acquired = _records.Acquire(request, read, _limits, ranges);
            Assert.True(!isExact || acquired <= most);
            PassOver(from, read[0].BaseOffset, endBefore);
            long next = -1;
            foreach (AcquiredRange range in ranges)
            {
                Assert.True(range.FirstOffset >= next && range.LastOffset >= range.FirstOffset);
                next = range.LastOffset + 1;
                for (long offset = range.FirstOffset; offset <= range.LastOffset; offset++)
                {
                    Assert.DoesNotContain(offset, _accepted);
                    Assert.True(!before.TryGetValue(offset, out Fate? fate) || fate.IsFree, $"{offset} was not free");
                    short count = (short)((fate?.Deliveries ?? 0) + 1);
                    Assert.Equal(count, range.DeliveryCount);
                    _fates[offset] = new Fate
                    {
                        State = RecordState.Acquired,
                        Deliveries = count,
                        Member = member,
                        LockEnd = request.LockDeadlineMillis,
                    };
                }
            }
            bool wasThere = read[0].BaseOffset <= from && from >= _records.StartOffset;
            Assert.True(acquired > 0 || !wasThere, $"nothing of {from} was given");
        }

        /// <summary>What the model learns of offsets that the log does not have.</summary>
        private void PassOver(long from, long firstRead, long endBefore)
        {
            for (long offset = from; offset < Math.Min(firstRead, endBefore); offset++)
            {
                if (_fates.TryGetValue(offset, out Fate? fate) && fate.IsFree)
                {
                    fate.State = RecordState.Archived;
                }
            }
            if (_fates.Count == 0)
            {
                return;
            }
            for (long offset = endBefore; offset < firstRead && offset < _records.EndOffset; offset++)
            {
                _fates[offset] = new Fate { State = RecordState.Archived };
            }
        }

        private void Acknowledge()
        {
            string member = s_members[random.Next(s_members.Length)];
            List<long> held = Held(member);
            if (held.Count == 0)
            {
                return;
            }
            long first = held[random.Next(held.Count)];
            long last = first + random.Next(4);
            Acknowledge(member, first, last, (AcknowledgeType)random.Next(5));
        }

        private void Acknowledge(string member, long first, long last, AcknowledgeType type)
        {
            ErrorCode error = _records.Acknowledge(
                member,
                [new AcknowledgedBatch(first, last, [(sbyte)type])],
                _limits,
                _now,
                out long change
            );
            bool isMine = true;
            for (long offset = first; offset <= last; offset++)
            {
                isMine &= _fates.TryGetValue(offset, out Fate? fate) && IsHeld(fate) && fate.Member == member;
            }
            Assert.Equal(isMine, error == ErrorCode.None);
            if (!isMine)
            {
                Assert.Equal(0, change);
                return;
            }
            for (long offset = first; offset <= last; offset++)
            {
                Fate fate = _fates[offset];
                if (type == AcknowledgeType.Renew)
                {
                    fate.LockEnd = _now + _limits.LockDurationMillis;
                    continue;
                }
                fate.Change = change;
                fate.State = type switch
                {
                    AcknowledgeType.Accept => RecordState.Acknowledged,
                    AcknowledgeType.Release => Freed(fate),
                    _ => RecordState.Archived,
                };
            }
        }

        private void Release(string member)
        {
            long change = _records.Release(member, _limits);
            foreach (long offset in Held(member))
            {
                _fates[offset].State = Freed(_fates[offset]);
                _fates[offset].Change = change;
            }
        }

        private void Expire(int milliseconds)
        {
            _now += milliseconds;
            _records.ExpireLocks(_limits, _now);
            foreach (Fate fate in _fates.Values)
            {
                if (IsHeld(fate) && fate.LockEnd <= _now)
                {
                    Free(fate);
                }
            }
        }

        private void BeginWrite()
        {
            if (_write is not null || !_records.HasUnsaved)
            {
                return;
            }
            List<ShareStateBatch> batches = [];
            long start = _records.StartOffset;
            long change = _records.TakeUnsaved(batches);
            _write = (change, batches, start);
        }

        private void EndWrite(bool isSaved)
        {
            if (_write is not { } write)
            {
                return;
            }
            _write = null;
            if (isSaved)
            {
                Keep(write.Batches, write.Start);
            }
            foreach ((long offset, Fate fate) in _fates)
            {
                if (fate.Change == 0 || fate.Change > write.Change)
                {
                    continue;
                }
                fate.Change = 0;
                if (isSaved)
                {
                    fate.Member = null;
                    if (fate.State == RecordState.Acknowledged)
                    {
                        _accepted.Add(offset);
                    }
                }
                else if (fate.LockEnd <= _now)
                {
                    Free(fate);
                }
                else
                {
                    fate.State = RecordState.Acquired;
                }
            }
            _records.Complete(write.Change, isSaved, _limits, _now);
            Forget();
        }

        /// <summary>As the share coordinator keeps it.</summary>
        private void Keep(List<ShareStateBatch> batches, long start)
        {
            _savedStart = start;
            IReadOnlyList<ShareStateBatch> all = ShareStateBatches.Combine([.. _saved.Values], batches, start);
            _saved.Clear();
            foreach (ShareStateBatch batch in all)
            {
                _saved.Add(batch.FirstOffset, batch);
            }
        }

        private void Restart()
        {
            _write = null;
            _records = new SharePartition(_savedStart);
            Assert.True(_records.TryLoad([.. _saved.Values]));
            _records.MoveStart(_logStart);
            _fates.Clear();
            foreach (ShareStateBatch batch in _saved.Values)
            {
                for (long offset = batch.FirstOffset; offset <= batch.LastOffset; offset++)
                {
                    _fates[offset] = new Fate
                    {
                        State = (RecordState)batch.DeliveryState,
                        Deliveries = batch.DeliveryCount,
                    };
                }
            }
            for (long offset = _savedStart; offset < _records.EndOffset; offset++)
            {
                _fates.TryAdd(offset, new Fate());
            }
            Forget();
        }

        private void Check()
        {
            long offset = _records.StartOffset;
            int complete = 0;
            for (int i = 0; i < _records.Runs.Count; i++)
            {
                InFlightRun run = _records.Runs[i];
                Assert.Equal(offset, run.First);
                for (; offset <= run.Last; offset++)
                {
                    Fate fate = _fates[offset];
                    Assert.Equal((fate.State, fate.Deliveries), (run.State, run.DeliveryCount));
                    Assert.Equal(fate.Change, run.Change);
                    Assert.Equal(IsHeld(fate) ? fate.Member : null, run.IsHeld ? run.Member : null);
                    complete += run.IsOver ? 1 : 0;
                }
            }
            Assert.Equal(_records.EndOffset, offset);
            Assert.Equal(complete, _records.CompleteCount);
            long free = offset;
            foreach ((long at, Fate fate) in _fates)
            {
                free = fate.IsFree && at >= _records.StartOffset ? Math.Min(free, at) : free;
            }
            Assert.Equal(free, _records.NextFetchOffset);
            foreach (long accepted in _accepted)
            {
                Assert.True(!_fates.TryGetValue(accepted, out Fate? fate) || fate.State == RecordState.Acknowledged);
            }
        }

        private void Forget()
        {
            foreach (long gone in _fates.Keys.Where(offset => offset < _records.StartOffset).ToList())
            {
                _fates.Remove(gone);
            }
        }

        private void Free(Fate fate)
        {
            fate.State = Freed(fate);
            fate.Member = null;
        }

        private RecordState Freed(Fate fate) =>
            fate.Deliveries >= _limits.DeliveryCountMax ? RecordState.Archived : RecordState.Available;

        private static bool IsHeld(Fate fate) => fate.State == RecordState.Acquired && fate.Change == 0;

        private List<long> Held(string member) =>
            [.. _fates.Where(pair => IsHeld(pair.Value) && pair.Value.Member == member).Select(pair => pair.Key)];
    }
}
