using Aot.Broker.Linux;

namespace Aot.Broker.Reactor.Tests;

public sealed class PinningTests
{
    [Fact]
    public async Task Each_core_has_one_cpu_and_helper_threads_have_all()
    {
        CpuSet process = Threads.GetAffinity().OrThrow("sched_getaffinity");
        using CoreGroup group = CoreGroup.Create(new CoreGroupOptions { Cores = process.Count + 1 });
        group.Start();
        for (int i = 0; i < group.Cores.Count; i++)
        {
            int expected = process.Nth(i % process.Count);
            (int count, bool contains, string? name, int helperCpus) = await group
                .Cores[i]
                .RunFromThreadAsync(async core =>
                {
                    CpuSet mine = Threads.GetAffinity().OrThrow("sched_getaffinity");
                    string? name = Thread.CurrentThread.Name;
                    int cpus = await core.RunInBackgroundAsync(() =>
                        Threads.GetAffinity().OrThrow("sched_getaffinity").Count
                    );
                    return (mine.Count, mine.Contains(expected), name, cpus);
                });
            Assert.Equal((1, true, $"core-{i}", process.Count), (count, contains, name, helperCpus));
        }
        await group.StopAsync();
    }
}
