using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Senders, transactions, pollers, and a group of copiers through several lives of a broker; what they did is recorded. In
/// the end everything is polled once more, the copies are held against the offsets that are committed, and the history
/// against the rules of <see cref="HistoryChecker"/>.
/// </summary>
internal sealed class HistoryRun
{
    private const int LivesMax = 3;
    private const int Copiers = 3;
    private const long LifeNanosMax = 500_000_000;
    private const long StartNanosMax = 60_000_000_000;
    private const long EndNanosMax = 300_000_000_000;

    private readonly World _world;
    private readonly bool _losesPower;
    private readonly BrokerSetup _setup;
    private readonly TopicUnderTest _source;
    private readonly CopyTask _task;
    private readonly HistoryRecorder _history;
    private readonly List<Task> _clients = [];

    public HistoryRun(World world, bool syncsBeforeAnswer, bool losesPower)
    {
        _world = world;
        _losesPower = losesPower;
        _setup = new BrokerSetup
        {
            SyncsBeforeAnswer = syncsBeforeAnswer,
            Groups = HistorySetup.Groups,
            Transactions = HistorySetup.Transactions,
        };
        _history = new HistoryRecorder(world);
        _source = NewTopic("source", world.Random.Between(1, 4));
        _task = new CopyTask(_source, NewTopic("sink", 2), "copiers", _history);
    }

    public HistoryRecorder History => _history;

    /// <summary>All of it was polled in the end.</summary>
    public bool IsComplete { get; private set; }

    public void Run()
    {
        _world.Device.MayDropPages = _setup.SyncsBeforeAnswer;
        _clients.Add(_world.Start(StartClientsAsync));
        for (int life = _world.Random.Between(1, LivesMax); life > 0; life--)
        {
            LiveAndEnd();
        }
        LastLife();
        string errors = HistoryChecker.Check(_history.Operations).Describe();
        _world.Check(errors.Length == 0, errors);
    }

    private TopicUnderTest NewTopic(string name, int partitions) =>
        new(_world, new Ledger(_world))
        {
            Name = name,
            Partitions = partitions,
            SegmentBytes = _world.Random.Pick<int>([1_000, 8_000, 1_000_000]),
        };

    private async Task StartClientsAsync()
    {
        await _source.CreateAsync();
        await _task.Sink.CreateAsync();
        bool isConsumerProtocol = _world.Random.OneIn(2);
        List<Func<Task>> clients =
        [
            new HistorySender(_source, _history, "send-0").RunAsync,
            new HistoryTransactions(_source, _history, "txn-0", bumpsEpoch: false).RunAsync,
            new HistoryTransactions(_source, _history, "txn-1", bumpsEpoch: true).RunAsync,
            new HistoryPoller(_source, _history, "poll-0").RunAsync,
        ];
        for (int i = 0; i < Copiers; i++)
        {
            clients.Add(new HistoryCopier(_task, $"copy-{i}", isConsumerProtocol, bumpsEpoch: i % 2 == 0).RunAsync);
        }
        foreach (Task client in clients.Select(_world.Start).ToList())
        {
            await client;
        }
    }

    private void LiveAndEnd()
    {
        SimulatedBroker broker = new(_world, _setup);
        ProcessEnd end = _losesPower && _world.Random.Percent(60) ? ProcessEnd.PowerLoss : ProcessEnd.Kill;
        if (_world.Random.OneIn(3))
        {
            broker.Process.EndInCall(_world.Random.Below(_world.Random.Pick<int>([100, 1_000])), end);
        }
        _ = _world.Start(broker.StartAsync);
        bool isOver = false;
        _world.Schedule(_world.Random.Between(1_000_000L, LifeNanosMax), "end of life", () => isOver = true);
        for (int breaks = _world.Random.Below(5); breaks > 0; breaks--)
        {
            _world.Schedule(_world.Random.Between(1L, LifeNanosMax), "break", () => _world.Network.BreakOne());
        }
        _world.RunUntil(() => broker.Process.HasEnded || isOver, StartNanosMax, "the end of a life");
        broker.Process.End(end);
    }

    private void LastLife()
    {
        SimulatedBroker broker = new(_world, _setup);
        _ = _world.Start(broker.StartAsync);
        _world.RunUntil(() => broker.IsReady && _task.Sink.Exists, StartNanosMax, "the last start");
        _world.RunFor(400_000_000);
        _source.IsEnding = true;
        _world.RunUntil(() => _clients.TrueForAll(c => c.IsCompleted), EndNanosMax, "the end of the clients");
        Task check = _world.Start(CheckAsync);
        _world.RunUntil(() => check.IsCompleted, EndNanosMax, "the check of all logs");
        _source.IsOver = _task.Sink.IsOver = true;
        Task stopped = _world.Start(broker.StopAsync);
        _world.RunUntil(() => stopped.IsCompleted, StartNanosMax, "a stop in good order");
        broker.Process.End(ProcessEnd.Kill);
    }

    private async Task CheckAsync()
    {
        await new HistoryPoller(_source, _history, "final-source").RunToEndAsync();
        await new HistoryPoller(_task.Sink, _history, "final-sink").RunToEndAsync();
        IsComplete = true;
        Administrator connection = new(_world, () => _source.IsOver);
        await _task.CheckAsync(connection);
        connection.Close();
    }
}
