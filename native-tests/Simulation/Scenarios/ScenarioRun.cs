namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Tells a scenario with at most one fault: the broker is started again when it ended over it, the clients go on until
/// each step is acknowledged, and then everything is compared with what was acknowledged: after the steps, after a stop in
/// good order, and once more after a kill or, where answers wait for a sync, a power loss.
/// </summary>
internal sealed class ScenarioRun(World world, Scenario scenario, bool syncsBeforeAnswer)
{
    private const long StepsNanosMax = 60_000_000_000;

    /// <summary>How long a broker is left with a log that it took offline, before somebody starts it again.</summary>
    private const long OfflineNanos = 250_000_000;

    private readonly Dictionary<string, TopicUnderTest> _topics = [];
    private readonly List<TopicUnderTest> _all = [];
    private readonly Dictionary<string, OffsetCommitter> _groups = [];
    private readonly HashSet<long> _producerIds = [];
    private SimulatedBroker? _broker;
    private bool _isOver;
    private int _starts;
    private long _lastStartNanos;

    public World World { get; } = world;

    public Administrator Administrator { get; private set; } = null!;

    private DiskFaults Faults => World.Device.Faults;

    public TopicUnderTest Topic(string name) => _topics[name];

    public OffsetCommitter Group(string name)
    {
        if (!_groups.TryGetValue(name, out OffsetCommitter? group))
        {
            _groups.Add(name, group = new OffsetCommitter(_topics["a"], name));
        }
        return group;
    }

    public async Task CreateAsync(string name, int partitions, int segmentBytes)
    {
        TopicUnderTest topic = new(World, new Ledger(World) { LongValueBytes = 150 })
        {
            Name = name,
            Partitions = partitions,
            SegmentBytes = segmentBytes,
            IsCautious = Faults.IsCounting,
        };
        await topic.CreateAsync();
        World.Check(_all.TrueForAll(t => t.Id != topic.Id), $"the new topic {name} has the id of an old one");
        _topics[name] = topic;
        _all.Add(topic);
        Consumer consumer = new(topic);
        _ = World.Start(() => consumer.RunAsync());
    }

    /// <summary>So many batches of a new idempotent producer, each acknowledged.</summary>
    public Task ProduceAsync(TopicUnderTest topic, int batches) =>
        new IdempotentProducer(topic, _producerNumber++, batches) { ProducerIds = _producerIds }.RunAsync();

    private int _producerNumber;

    /// <param name="operation">Number of the call that the fault befalls; -1 = none, to count the calls.</param>
    /// <param name="fault">What happens there.</param>
    public void Run(long operation, DiskFault fault)
    {
        Administrator = new Administrator(World, () => _isOver);
        if (scenario.CountsFirstStart)
        {
            Faults.Count(operation, fault);
        }
        if (scenario.Before is { } before)
        {
            Tell(() => before(this), "what comes before");
        }
        if (!scenario.CountsFirstStart)
        {
            Faults.Count(operation, fault);
        }
        Tell(() => scenario.Steps(this), "the steps");
        if (scenario.CountsRestart)
        {
            Stop();
            Tell(() => Task.CompletedTask, "the counted restart");
        }
        Faults.StopCounting();
        Faults.Repair();
        Tell(CheckAsync, "the check after the steps");
        Stop();
        Tell(CheckAsync, "the check after a stop");
        _broker!.Process.End(syncsBeforeAnswer ? ProcessEnd.PowerLoss : ProcessEnd.Kill);
        Tell(CheckAsync, "the check after the end");
        _isOver = true;
        _all.ForEach(topic => topic.IsOver = topic.IsEnding = true);
        _broker!.Process.End(ProcessEnd.Kill);
    }

    /// <summary>Client code, with a broker that is started whenever there is none.</summary>
    private void Tell(Func<Task> part, string what)
    {
        KeepRunning();
        Task told = World.Start(part);
        while (!told.IsCompleted)
        {
            World.RunUntil(
                () => told.IsCompleted || _broker!.Process.HasEnded || IsOffline(),
                StepsNanosMax,
                $"{scenario.Name}: {what}, with {Faults.Where}"
            );
            if (IsOffline())
            {
                World.Note("somebody starts it again");
                _broker!.Process.End(ProcessEnd.Kill);
            }
            KeepRunning();
        }
    }

    /// <summary>
    /// After EIO, and when a start met the fault, a partition may stay offline until the next start. Everything else has
    /// to heal by itself.
    /// </summary>
    private bool IsOffline() =>
        Faults.HasFired
        && (Faults.Fault == DiskFault.InputOutputError || !_wasReadyAtFault)
        && _lastStartNanos <= Faults.FirstFaultNanos
        && World.NowNanos > Faults.FirstFaultNanos + OfflineNanos;

    private bool _wasReadyAtFault;

    private void KeepRunning()
    {
        if (_broker is { Process.HasEnded: false })
        {
            return;
        }
        World.Check(++_starts < 12, $"the broker ends again and again, with {Faults.Where}");
        _lastStartNanos = World.NowNanos;
        SimulatedBroker broker = _broker = new SimulatedBroker(
            World,
            new BrokerSetup { Directories = scenario.Directories, SyncsBeforeAnswer = syncsBeforeAnswer }
        );
        Faults.OnFirstFault = () => _wasReadyAtFault = broker.IsReady;
        _ = World.Start(broker.StartAsync);
        World.RunUntil(() => broker.IsReady || broker.Process.HasEnded || IsOffline(), StepsNanosMax, "a start");
        if (broker.Process.HasEnded)
        {
            // Long enough for a disk that is full or out of descriptors to be repaired.
            World.RunFor(DiskFaults.LastsNanos / 3);
            KeepRunning();
        }
    }

    private void Stop()
    {
        Administrator.Close();
        SimulatedBroker broker = _broker!;
        Task stopped = World.Start(broker.StopAsync);
        World.RunUntil(() => stopped.IsCompleted || broker.Process.HasEnded, StepsNanosMax, "a stop in good order");
        broker.Process.End(ProcessEnd.Kill);
    }

    private async Task CheckAsync()
    {
        foreach (TopicUnderTest topic in _all)
        {
            if (topic.IsDeleted)
            {
                await Administrator.CheckGoneAsync(topic);
                continue;
            }
            await LogReading.CheckAsync(topic);
        }
        await Administrator.CheckConfigsAsync();
        foreach (OffsetCommitter group in _groups.Values)
        {
            await group.CheckAsync(Administrator);
        }
    }
}
