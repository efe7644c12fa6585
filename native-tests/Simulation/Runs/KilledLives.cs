namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Lives of a broker that is killed at any moment, often within a call to its disk, while connections of its clients break;
/// and the last one, which ends in good order.
/// </summary>
internal sealed class KilledLives(World world)
{
    /// <summary>How long anything may take in a life that nothing disturbs.</summary>
    public const long EndNanosMax = 300_000_000_000;

    private const int Lives = 5;
    private const long LifeNanosMax = 500_000_000;
    private const long StartNanosMax = 60_000_000_000;
    private const long UndisturbedNanos = 200_000_000;

    /// <summary><paramref name="startClients"/> is called again and again, and starts what can be started by then.</summary>
    public void Run(Action startClients)
    {
        for (int life = 0; life < Lives; life++)
        {
            SimulatedBroker broker = new(world, new BrokerSetup());
            if (world.Random.OneIn(2))
            {
                broker.Process.EndInCall(world.Random.Below(world.Random.Pick<int>([100, 1_000])), ProcessEnd.Kill);
            }
            _ = world.Start(broker.StartAsync);
            bool isOver = false;
            world.Schedule(world.Random.Between(1_000_000L, LifeNanosMax), "end of life", () => isOver = true);
            for (int breaks = world.Random.Below(3); breaks > 0; breaks--)
            {
                world.Schedule(world.Random.Between(1L, LifeNanosMax), "break", () => world.Network.BreakOne());
            }
            world.RunUntil(HasEnded, StartNanosMax, $"the end of life {life}");
            broker.Process.End(ProcessEnd.Kill);

            bool HasEnded()
            {
                if (!broker.Process.HasEnded && !isOver)
                {
                    startClients();
                    return false;
                }
                return true;
            }
        }
    }

    /// <summary>The last start, and a while for the clients; <paramref name="isPrepared"/>: they can be started.</summary>
    public SimulatedBroker BeginLast(Func<bool> isPrepared, Action startClients)
    {
        SimulatedBroker broker = new(world, new BrokerSetup());
        _ = world.Start(broker.StartAsync);
        world.RunUntil(() => broker.IsReady && isPrepared(), StartNanosMax, "the last start, and what clients need");
        startClients();
        world.RunFor(UndisturbedNanos);
        return broker;
    }

    public void EndLast(SimulatedBroker broker)
    {
        Task stopped = world.Start(broker.StopAsync);
        world.RunUntil(() => stopped.IsCompleted, StartNanosMax, "a stop in good order");
        broker.Process.End(ProcessEnd.Kill);
    }
}
