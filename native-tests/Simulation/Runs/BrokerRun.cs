namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A broker on two cores through several lives, with producers and consumers over the wire all the while; connections
/// break, the process is killed, loses power, or is stopped in good order. In the end every log is read from its
/// beginning and compared with what the clients know.
/// </summary>
internal sealed class BrokerRun(World world, Ledger ledger, bool syncedBeforeAnswer, bool losesPower)
{
    private const int Lives = 4;
    private const long LifeNanosMax = 700_000_000;
    private const long StartNanosMax = 60_000_000_000;
    private const long EndNanosMax = 300_000_000_000;

    private readonly TopicUnderTest _topic = new(world, ledger, syncedBeforeAnswer);
    private readonly HashSet<long> _producerIds = [];
    private readonly List<Task> _clients = [];

    public void Run()
    {
        _ = world.Start(_topic.CreateAsync);
        for (int life = 0; life < Lives; life++)
        {
            LiveAndEnd(life);
        }
        LastLife();
    }

    private void LiveAndEnd(int life)
    {
        SimulatedBroker broker = new(world, new ProcessOptions());
        ProcessEnd end = losesPower && world.Random.Percent(60) ? ProcessEnd.PowerLoss : ProcessEnd.Kill;
        bool isStopped = world.Random.OneIn(5);
        if (!isStopped && world.Random.OneIn(2))
        {
            broker.Process.EndInCall(world.Random.Below(world.Random.Pick<int>([30, 300, 3_000])), end);
        }
        _ = world.Start(broker.StartAsync);
        bool isOver = false;
        world.Schedule(world.Random.Between(1_000_000L, LifeNanosMax), "end of life", () => isOver = true);
        for (int breaks = world.Random.Below(4); breaks > 0; breaks--)
        {
            world.Schedule(world.Random.Between(1L, LifeNanosMax), "break", () => world.Network.BreakOne());
        }
        world.RunUntil(
            () => broker.Process.HasEnded || (isOver && !isStopped) || (isOver && broker.IsReady) || StartClients(),
            StartNanosMax,
            $"the end of life {life}"
        );
        if (isStopped && !broker.Process.HasEnded)
        {
            Stop(broker);
        }
        broker.Process.End(end);
    }

    /// <summary>Clients begin when their topic is there, in whichever life that is. Never true: a condition's side effect.</summary>
    private bool StartClients()
    {
        if (_topic.Exists && _clients.Count == 0)
        {
            for (int i = 0; i < 2; i++)
            {
                _clients.Add(world.Start(new PlainProducer(_topic, i).RunAsync));
                IdempotentProducer idempotent = new(_topic, i) { ProducerIds = _producerIds };
                _clients.Add(world.Start(idempotent.RunAsync));
                Consumer consumer = new(_topic);
                _ = world.Start(() => consumer.RunAsync());
            }
        }
        return false;
    }

    /// <summary>Producers finish, then everything is read back, by one who has seen nothing before.</summary>
    private void LastLife()
    {
        SimulatedBroker broker = new(world, new ProcessOptions());
        _ = world.Start(broker.StartAsync);
        world.RunUntil(() => broker.IsReady && _topic.Exists, StartNanosMax, "the last start, and the topic");
        StartClients();
        world.RunFor(200_000_000);
        _topic.IsEnding = true;
        world.RunUntil(() => _clients.TrueForAll(c => c.IsCompleted), EndNanosMax, "the producers' end");
        List<(long, string)>[] logs =
        [
            .. Enumerable.Range(0, TopicUnderTest.Partitions).Select(_ => new List<(long, string)>()),
        ];
        Consumer reader = new(_topic) { Records = logs };
        Task read = world.Start(() => reader.RunAsync(untilEnd: true));
        world.RunUntil(() => read.IsCompleted, EndNanosMax, reader);
        for (int partition = 0; partition < TopicUnderTest.Partitions; partition++)
        {
            ledger.CheckLog(partition, logs[partition]);
        }
        _topic.IsOver = true;
        Stop(broker);
        broker.Process.End(ProcessEnd.Kill);
    }

    private void Stop(SimulatedBroker broker)
    {
        Task stopped = world.Start(broker.StopAsync);
        world.RunUntil(() => stopped.IsCompleted || broker.Process.HasEnded, StartNanosMax, "a stop in good order");
    }
}
