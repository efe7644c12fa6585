using Aot.Broker.Reactor;

namespace Aot.Broker.Bench.Rig;

/// <summary>Adds up the tokens of the timers that fired.</summary>
internal sealed class CountingTarget : ITimerTarget
{
    public long Sum { get; private set; }

    public void OnTimer(long token) => Sum += token;

    public void Clear() => Sum = 0;
}
