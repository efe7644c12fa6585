namespace Aot.Broker.Reactor;

/// <summary>
/// Waiting for several tasks that are under way, on a core. Not Task.WhenAll, which completes on a thread of the
/// runtime's pool when its parts must not run continuations inline: a detour, and an order that no seed can repeat.
/// </summary>
public static class CoreTasks
{
    /// <summary>All have ended. The first failure, in the order given, is the caller's; the rest still run to their end.</summary>
    public static async Task AllAsync(IEnumerable<Task> started)
    {
        foreach (Task task in started)
        {
            await task;
        }
    }

    /// <summary>
    /// True when the task ended within the time, well or badly; false when the time was over first. It goes on then. Not
    /// Task.WhenAny, for the same reason.
    /// </summary>
    public static Task<bool> EndsWithinAsync(Core core, Task task, long milliseconds)
    {
        TimeLimit limit = new();
        TimerHandle timer = core.Timers.Schedule(core.NowMillis + Math.Max(0, milliseconds), limit, 0);
        _ = limit.WatchAsync(core, task, timer);
        return limit.Task;
    }

    /// <summary>The results in the order given. What the sequence does to start its tasks happens before the first wait.</summary>
    public static async Task<T[]> AllAsync<T>(IEnumerable<Task<T>> tasks)
    {
        Task<T>[] started = [.. tasks];
        T[] results = new T[started.Length];
        for (int i = 0; i < started.Length; i++)
        {
            results[i] = await started[i];
        }
        return results;
    }

    private sealed class TimeLimit : ITimerTarget
    {
        private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<bool> Task => _ended.Task;

        public async Task WatchAsync(Core core, Task task, TimerHandle timer)
        {
            await task.ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext
            );
            core.Timers.Cancel(timer);
            _ended.TrySetResult(true);
        }

        public void OnTimer(long token) => _ended.TrySetResult(false);
    }
}
