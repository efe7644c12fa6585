namespace Aot.Broker.Simulation.Tests;

/// <summary>Worlds share nothing: as many run at once as there are processors, each on a thread of its own.</summary>
internal static class Parallel
{
    /// <summary>Runs one after the other until all are done or enough have failed; what failed, in the order of the list.</summary>
    public static List<string> Run<T>(IReadOnlyList<T> all, Func<T, List<string>> run, int failuresMax)
    {
        SortedDictionary<int, List<string>> failures = [];
        int next = -1;
        Thread[] threads =
        [
            .. Enumerable
                .Range(0, Environment.ProcessorCount)
                .Select(_ => new Thread(() =>
                {
                    for (int i = Interlocked.Increment(ref next); i < all.Count; i = Interlocked.Increment(ref next))
                    {
                        List<string> failed = run(all[i]);
                        if (failed.Count > 0)
                        {
                            lock (failures)
                            {
                                failures.Add(i, failed);
                                next = failures.Count >= failuresMax ? all.Count : next;
                            }
                        }
                    }
                })),
        ];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        return [.. failures.Values.SelectMany(one => one).Take(failuresMax)];
    }
}
