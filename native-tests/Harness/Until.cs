using System.Diagnostics;

namespace Aot.Broker.Harness;

/// <summary>Waiting for a condition that has no event, with a limit that no passing run comes near.</summary>
public static class Until
{
    public static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    private static readonly ManualResetEventSlim s_never = new(false);

    public static void Holds(Func<bool> condition, string what, TimeSpan? limit = null)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > (limit ?? Limit))
            {
                throw new HarnessException($"after {(limit ?? Limit).TotalSeconds} s still not: {what}");
            }
            s_never.Wait(5);
        }
    }
}
