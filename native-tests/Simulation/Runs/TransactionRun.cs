namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Transactional producers of both protocols through several lives of a broker that is killed at any moment, often within a
/// call to its disk; in the end a reader of committed records says what there is.
/// </summary>
internal sealed class TransactionRun(World world, TransactionLedger ledger)
{
    private const int Producers = 4;

    private readonly KilledLives _lives = new(world);
    private readonly TopicUnderTest _topic = new(world, new Ledger(world));
    private readonly List<Task> _clients = [];

    public void Run()
    {
        _ = world.Start(_topic.CreateAsync);
        _lives.Run(StartClients);
        LastLife();
    }

    private void StartClients()
    {
        if (_topic.Exists && _clients.Count == 0)
        {
            for (int i = 0; i < Producers; i++)
            {
                TransactionalProducer producer = new(_topic, ledger, i, bumpsEpoch: i % 2 == 0);
                _clients.Add(world.Start(producer.RunAsync));
            }
        }
    }

    private void LastLife()
    {
        SimulatedBroker broker = _lives.BeginLast(() => _topic.Exists, StartClients);
        _topic.IsEnding = true;
        world.RunUntil(() => _clients.TrueForAll(c => c.IsCompleted), KilledLives.EndNanosMax, "the producers' end");
        Task<List<(long Offset, string Value)>[]>? reading = null;
        Task started = world.Start(() => reading = new CommittedReader(world, _topic).ReadAllAsync());
        world.RunUntil(() => started.IsCompleted, KilledLives.EndNanosMax, "the reading of everything");
        List<(long Offset, string Value)>[] all = reading!.Result;
        for (int partition = 0; partition < all.Length; partition++)
        {
            ledger.Check(partition, [.. all[partition].Select(record => record.Value)]);
        }
        _topic.IsOver = true;
        _lives.EndLast(broker);
    }
}
