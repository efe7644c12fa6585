namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Transactional producers of both protocols through several lives of a broker that is killed at any moment, often within a
/// call to its disk; in the end a reader of committed records says what there is.
/// </summary>
internal sealed class TransactionRun(World world, TransactionLedger ledger)
{
    private const int Lives = 5;
    private const int Producers = 4;
    private const long LifeNanosMax = 500_000_000;
    private const long StartNanosMax = 60_000_000_000;
    private const long EndNanosMax = 300_000_000_000;

    private readonly TopicUnderTest _topic = new(world, new Ledger(world));
    private readonly List<Task> _clients = [];

    public void Run()
    {
        _ = world.Start(_topic.CreateAsync);
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
            world.RunUntil(
                () => broker.Process.HasEnded || isOver || StartClients(),
                StartNanosMax,
                $"the end of life {life}"
            );
            broker.Process.End(ProcessEnd.Kill);
        }
        LastLife();
    }

    /// <summary>Never true: a condition's side effect.</summary>
    private bool StartClients()
    {
        if (_topic.Exists && _clients.Count == 0)
        {
            for (int i = 0; i < Producers; i++)
            {
                TransactionalProducer producer = new(_topic, ledger, i, bumpsEpoch: i % 2 == 0);
                _clients.Add(world.Start(producer.RunAsync));
            }
        }
        return false;
    }

    private void LastLife()
    {
        SimulatedBroker broker = new(world, new BrokerSetup());
        _ = world.Start(broker.StartAsync);
        world.RunUntil(() => broker.IsReady && _topic.Exists, StartNanosMax, "the last start, and the topic");
        StartClients();
        world.RunFor(200_000_000);
        _topic.IsEnding = true;
        world.RunUntil(() => _clients.TrueForAll(c => c.IsCompleted), EndNanosMax, "the producers' end");
        Task<List<(long Offset, string Value)>[]>? reading = null;
        Task started = world.Start(() => reading = new CommittedReader(world, _topic).ReadAllAsync());
        world.RunUntil(() => started.IsCompleted, EndNanosMax, "the reading of everything");
        List<(long Offset, string Value)>[] all = reading!.Result;
        for (int partition = 0; partition < all.Length; partition++)
        {
            ledger.Check(partition, [.. all[partition].Select(record => record.Value)]);
        }
        _topic.IsOver = true;
        Task stopped = world.Start(broker.StopAsync);
        world.RunUntil(() => stopped.IsCompleted, StartNanosMax, "a stop in good order");
        broker.Process.End(ProcessEnd.Kill);
    }
}
