using Aot.Broker.Base;

namespace Aot.Broker.Reactor;

/// <summary>The parts of a turn, for the log line about a stall.</summary>
internal enum TurnPart
{
    None,
    Accept,
    Receive,
    Writable,
    Closed,
    File,
    Mail,
    Ready,
    Timer,
    TurnEnd,
}

/// <summary>
/// Finds turns that took longer than Limits.StallMilliseconds, and says which callback took most of it.
/// </summary>
/// <remarks>
/// Owner: one core. After every callback it reads the kernel's coarse clock: 6 ns here (a load from the vdso page)
/// against 21 ns of the precise one; measure with the loop's benchmark. Its steps of 1 to 4 ms are enough to find
/// what took 10. A callback that ran across a step is charged the whole step.
/// </remarks>
internal sealed class StallDetector(Core core, Logger? log)
{
    private const long StallNanos = Limits.StallMilliseconds * 1_000_000L;

    private long _turnBegan;
    private long _last;
    private long _longestNanos;
    private TurnPart _longestPart;
    private object? _longestTarget;
    private int _callbacks;

    public void BeginTurn()
    {
        _turnBegan = _last = core.Io.CoarseNanos();
        _longestNanos = 0;
        _longestTarget = null;
        _callbacks = 0;
    }

    [HotPath]
    public void Ran(TurnPart part, object target)
    {
        _callbacks++;
        long now = core.Io.CoarseNanos();
        if (now == _last)
        {
            return;
        }
        if (now - _last > _longestNanos)
        {
            _longestNanos = now - _last;
            _longestPart = part;
            _longestTarget = target;
        }
        _last = now;
    }

    [HotPath]
    public void EndTurn()
    {
        long took = core.Io.CoarseNanos() - _turnBegan;
        if (took > StallNanos)
        {
            StalledSlow(took);
        }
    }

    private void StalledSlow(long tookNanos)
    {
        long millis = tookNanos / 1_000_000;
        core.Statistics.Stalls++;
        core.Statistics.LongestTurnMillis = Math.Max(core.Statistics.LongestTurnMillis, millis);
        log?.Warn(
            "a turn of the loop took too long",
            ("core", core.Index.Value),
            ("milliseconds", millis),
            ("callbacks", _callbacks),
            ("longest", _longestPart),
            ("of", _longestTarget?.GetType().Name ?? "-"),
            ("its-milliseconds", _longestNanos / 1_000_000)
        );
        _longestTarget = null;
    }
}
