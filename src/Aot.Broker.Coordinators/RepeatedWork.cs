using Aot.Broker.Coordinators.Groups;
using Aot.Broker.Reactor;

namespace Aot.Broker.Coordinators;

/// <summary>What a shard does again and again while it serves: the next time begins an interval after the end of the last.</summary>
internal static class RepeatedWork
{
    public static void Every(Core core, long intervalMs, Func<bool> goesOn, Func<Task> work) =>
        core.Timers.Schedule(
            core.NowMillis + intervalMs,
            new TimerAction(() => core.Spawn(async _ => await RunAsync(core, intervalMs, goesOn, work))),
            0
        );

    private static async Task RunAsync(Core core, long intervalMs, Func<bool> goesOn, Func<Task> work)
    {
        if (goesOn())
        {
            await work();
            Every(core, intervalMs, goesOn, work);
        }
    }
}
