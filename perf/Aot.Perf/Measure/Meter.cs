using System.Globalization;
using Aot.Perf.Client;

namespace Aot.Perf.Measure;

/// <summary>How long a load runs, and whose use of the machine is looked at.</summary>
/// <param name="WarmupSeconds">Runs before anything counts: a peer may have a compiler to warm up.</param>
/// <param name="Requests">Ends after so many measured requests, or 0.</param>
internal sealed record MeterOptions(double WarmupSeconds, double Seconds, long Requests, int BrokerPid, bool IsQuiet);

/// <summary>One second of a run.</summary>
internal readonly record struct SecondOfRun(long Requests, long Records, long Bytes, long P99, long P999, long Max);

/// <summary>
/// Counts what a load does: latencies from the due time, so that a broker that stands still is charged with all that waited
/// meanwhile, work per second, and the broker's processor time between the end of the warm-up and the end of the run.
/// </summary>
internal sealed class Meter(MeterOptions options)
{
    private const long Second = 1_000_000_000;

    private readonly Histogram _thisSecond = new();
    private readonly List<SecondOfRun> _seconds = [];
    private long _begin;
    private long _measuredFrom;
    private long _nextLine;
    private long _requests;
    private long _records;
    private long _bytes;
    private long _secondRecords;
    private long _secondBytes;
    private ProcessUsage? _brokerBefore;
    private ProcessUsage? _clientBefore;

    public Histogram Latencies { get; } = new();

    /// <summary>The warm-up is over.</summary>
    public bool IsMeasuring => _measuredFrom > 0;

    public void Start()
    {
        _begin = EventLoop.Now;
        _nextLine = _begin + Second;
        if (options.WarmupSeconds <= 0)
        {
            BeginToMeasure(_begin);
        }
    }

    /// <summary>When <see cref="Tick"/> has something to do at the latest.</summary>
    public long NextTick => _nextLine;

    /// <summary>Something was done.</summary>
    /// <param name="due">When it was to begin.</param>
    public void Done(long due, long now, long records, long bytes)
    {
        _thisSecond.Record(now - due);
        _secondRecords += records;
        _secondBytes += bytes;
        if (IsMeasuring && due >= _measuredFrom)
        {
            Latencies.Record(now - due);
            _requests++;
            _records += records;
            _bytes += bytes;
        }
    }

    /// <summary>Work without a latency of its own.</summary>
    public void Count(long records, long bytes)
    {
        _secondRecords += records;
        _secondBytes += bytes;
        if (IsMeasuring)
        {
            _records += records;
            _bytes += bytes;
        }
    }

    /// <summary>False when the run is over.</summary>
    public bool Tick(long now)
    {
        if (!IsMeasuring && now - _begin >= options.WarmupSeconds * Second)
        {
            BeginToMeasure(now);
        }
        if (now >= _nextLine)
        {
            EndSecond();
            _nextLine += Second * (1 + ((now - _nextLine) / Second));
        }
        if (!IsMeasuring)
        {
            return true;
        }
        return options.Requests > 0 ? _requests < options.Requests : now - _measuredFrom < options.Seconds * Second;
    }

    public RunResult Finish(string name)
    {
        long now = EventLoop.Now;
        ProcessUsage? broker = options.BrokerPid > 0 ? ProcessUsage.Of(options.BrokerPid) : null;
        ProcessUsage? client = ProcessUsage.Of(Environment.ProcessId);
        return new RunResult(name)
        {
            Seconds = (now - _measuredFrom) / (double)Second,
            Requests = _requests,
            Records = _records,
            Bytes = _bytes,
            Latencies = Latencies,
            PerSecond = _seconds,
            BrokerCpuSeconds = broker?.CpuSeconds - _brokerBefore?.CpuSeconds,
            BrokerUserSeconds = broker?.UserSeconds - _brokerBefore?.UserSeconds,
            BrokerResidentBytes = broker?.ResidentBytes,
            ClientCpuSeconds = client?.CpuSeconds - _clientBefore?.CpuSeconds,
        };
    }

    private void BeginToMeasure(long now)
    {
        _measuredFrom = now;
        _brokerBefore = options.BrokerPid > 0 ? ProcessUsage.Of(options.BrokerPid) : null;
        _clientBefore = ProcessUsage.Of(Environment.ProcessId);
    }

    private void EndSecond()
    {
        SecondOfRun second = new(
            _thisSecond.Count,
            _secondRecords,
            _secondBytes,
            _thisSecond.At(0.99),
            _thisSecond.At(0.999),
            _thisSecond.Max
        );
        if (IsMeasuring)
        {
            _seconds.Add(second);
        }
        if (!options.IsQuiet)
        {
            Console.Error.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{(EventLoop.Now - _begin) / (double)Second, 6:F1} s {(IsMeasuring ? "" : "(warm-up) ")}{second.Records, 9} records/s {second.Bytes / 1e6, 8:F1} MB/s  p50 {_thisSecond.At(0.5) / 1e3:F1} p99 {second.P99 / 1e3:F1} max {second.Max / 1e3:F1} us"
                )
            );
        }
        _thisSecond.Clear();
        _secondRecords = 0;
        _secondBytes = 0;
    }
}
