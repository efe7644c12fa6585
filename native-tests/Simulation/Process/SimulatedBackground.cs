using Aot.Broker.Reactor;

namespace Aot.Broker.Simulation.Tests;

/// <summary>Helper threads: a job is an event some time later. Jobs of different callers overtake one another, as they do there.</summary>
internal sealed class SimulatedBackground(World world, SimulatedProcess process) : BackgroundPool
{
    private const long StartNanosMax = 2_000_000;
    private const long DoneNanosMax = 500_000;

    public override void Run(Core core, IBackgroundJob job)
    {
        world.AssertOwnThread();
        long delay = world.Random.OneIn(10) ? StartNanosMax * 10 : StartNanosMax;
        world.Schedule(world.Random.Between(1_000L, delay), "job", () => RunNow(core, job));
    }

    public override void Dispose() { }

    private void RunNow(Core core, IBackgroundJob job)
    {
        if (process.HasEnded)
        {
            return;
        }
        job.Run();
        if (process.HasEnded)
        {
            return;
        }
        world.Schedule(
            world.Random.Between(1_000L, DoneNanosMax),
            "job is done",
            () =>
            {
                if (!process.HasEnded)
                {
                    PostDone(core, job);
                }
            }
        );
    }
}
