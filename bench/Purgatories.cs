using Aot.Broker.Bench.Rivals;
using Aot.Broker.Reactor;
using BenchmarkDotNet.Attributes;

namespace Aot.Broker.Bench;

/// <summary>
/// Fetches that wait: each is watched under three of ten thousand partitions and on a deadline, while one long poll waits
/// on every partition. "complete": an event on one of its keys ends the wait. "expire": nothing happens until the
/// deadline. "unwatched": an event that nobody waits for, which is every append without a waiting consumer.
/// </summary>
public class Purgatories
{
    private const int PerInvoke = 1024;
    private const int KeysPerWait = 3;
    private const int PerMillisecond = 16;
    private const long TimeoutMillis = 500;
    private const long FarMillis = 1L << 40;

    private readonly Waiter[] _waiters = new Waiter[PerInvoke];
    private WatchKey[] _keys = [];
    private TimerWheel _wheel = null!;
    private Purgatory _purgatory = null!;
    private PlainPurgatory _plain = null!;
    private long _now;
    private long _plainNow;
    private int _key;
    private int _plainKey;
    private long _completed;
    private long _expired;
    private bool _plainIsReady;

    internal static int Partitions => BenchSize.Of(10_000, 64);

    /// <summary>Waits of the broker's purgatory beyond the long polls.</summary>
    internal int LeftOver => _purgatory.Delayed - Partitions;

    /// <summary>A fetch whose condition the benchmark sets.</summary>
    private sealed class Waiter(Purgatories owner) : DelayedOperation
    {
        public bool IsReady { get; set; }

        protected override bool TryComplete() => IsReady;

        protected override void OnComplete() => owner._completed++;

        protected override void OnExpire() => owner._expired++;
    }

    [GlobalSetup]
    public void SetUp()
    {
        _now = _plainNow = 0;
        _key = _plainKey = 0;
        _keys = new WatchKey[Partitions + KeysPerWait];
        for (int i = 0; i < _keys.Length; i++)
        {
            _keys[i] = new WatchKey((ulong)(i % Partitions) * 0x9E3779B97F4A7C15UL, 7);
        }
        _wheel = new TimerWheel(0);
        _purgatory = new Purgatory(_wheel);
        _plain = new PlainPurgatory();
        for (int i = 0; i < Partitions; i++)
        {
            _purgatory.TryCompleteElseWatch(new Waiter(this), _keys.AsSpan(i, 1), FarMillis);
            _plain.Watch(new PlainWait(() => false), _keys.AsSpan(i, 1), FarMillis);
        }
        for (int i = 0; i < _waiters.Length; i++)
        {
            _waiters[i] = new Waiter(this);
        }
        // Until as many dead waits leave the plain one as enter it.
        for (int i = 0; i < BenchSize.Of(64, 2); i++)
        {
            PlainComplete();
        }
    }

    [BenchmarkCategory("complete"), Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke)]
    public long PlainComplete()
    {
        long before = _plain.Completed;
        for (int i = 0; i < PerInvoke; i++)
        {
            int key = NextKey(ref _plainKey);
            _plainIsReady = false;
            PlainWait wait = new(() => _plainIsReady);
            _plain.Watch(wait, _keys.AsSpan(key, KeysPerWait), _plainNow + TimeoutMillis);
            _plainIsReady = true;
            _plain.CheckAndComplete(_keys[key + 1]);
            if (i % PerMillisecond == 0)
            {
                _plain.Advance(++_plainNow);
            }
        }
        return _plain.Completed - before;
    }

    [BenchmarkCategory("complete"), Benchmark(OperationsPerInvoke = PerInvoke), DataPlane]
    public long BrokerComplete()
    {
        long before = _completed;
        for (int i = 0; i < PerInvoke; i++)
        {
            int key = NextKey(ref _key);
            Waiter waiter = _waiters[i];
            waiter.IsReady = false;
            _purgatory.TryCompleteElseWatch(waiter, _keys.AsSpan(key, KeysPerWait), _now + TimeoutMillis);
            waiter.IsReady = true;
            _purgatory.CheckAndComplete(_keys[key + 1]);
            if (i % PerMillisecond == 0)
            {
                _wheel.Advance(++_now);
            }
        }
        return _completed - before;
    }

    [BenchmarkCategory("expire"), Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke)]
    public long PlainExpire()
    {
        long before = _plain.Expired;
        for (int i = 0; i < PerInvoke; i++)
        {
            PlainWait wait = new(() => false);
            _plain.Watch(wait, _keys.AsSpan(NextKey(ref _plainKey), KeysPerWait), _plainNow + 1 + (i % PerMillisecond));
        }
        for (int i = 0; i < PerMillisecond; i++)
        {
            _plain.Advance(++_plainNow);
        }
        return _plain.Expired - before;
    }

    [BenchmarkCategory("expire"), Benchmark(OperationsPerInvoke = PerInvoke), DataPlane]
    public long BrokerExpire()
    {
        long before = _expired;
        for (int i = 0; i < PerInvoke; i++)
        {
            Waiter waiter = _waiters[i];
            waiter.IsReady = false;
            ReadOnlySpan<WatchKey> keys = _keys.AsSpan(NextKey(ref _key), KeysPerWait);
            _purgatory.TryCompleteElseWatch(waiter, keys, _now + 1 + (i % PerMillisecond));
        }
        for (int i = 0; i < PerMillisecond; i++)
        {
            _wheel.Advance(++_now);
        }
        return _expired - before;
    }

    [BenchmarkCategory("unwatched"), Benchmark(Baseline = true, OperationsPerInvoke = PerInvoke)]
    public long PlainUnwatched()
    {
        int completed = 0;
        for (int i = 0; i < PerInvoke; i++)
        {
            completed += _plain.CheckAndComplete(new WatchKey((ulong)i, 8));
        }
        return completed;
    }

    [BenchmarkCategory("unwatched"), Benchmark(OperationsPerInvoke = PerInvoke), DataPlane]
    public long BrokerUnwatched()
    {
        int completed = 0;
        for (int i = 0; i < PerInvoke; i++)
        {
            completed += _purgatory.CheckAndComplete(new WatchKey((ulong)i, 8));
        }
        return completed;
    }

    /// <summary>Steps through all partitions in an order that is not that of memory.</summary>
    private static int NextKey(ref int key) => key = (key + 61) % Partitions;
}
