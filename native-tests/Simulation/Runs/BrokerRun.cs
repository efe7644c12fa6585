namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A broker on two cores through several lives, with producers, consumers, an administrator and a group over the wire all
/// the while; connections break, the disk is full for a while, or fails, or descriptors run out; the process is killed,
/// loses power, or is stopped in good order. In the end every log is read from its beginning and compared with what the
/// clients know.
/// </summary>
internal sealed class BrokerRun(World world, bool syncsBeforeAnswer, bool losesPower)
{
    private const int LivesMax = 3;
    private const long LifeNanosMax = 300_000_000;
    private const long FaultNanosMax = 60_000_000;
    private const long StartNanosMax = 60_000_000_000;
    private const long EndNanosMax = 300_000_000_000;

    private readonly HashSet<long> _producerIds = [];
    private readonly List<Task> _clients = [];
    private readonly List<TopicUnderTest> _topics = [];
    private readonly List<TopicUnderTest> _shortLived = [];
    private readonly bool _hasDiskFaults = world.Random.OneIn(2);
    private readonly BrokerSetup _setup = new()
    {
        SyncsBeforeAnswer = syncsBeforeAnswer,
        Directories = world.Random.OneIn(3) ? ["/one", "/two"] : ["/data"],
    };
    private readonly TopicUnderTest _offsetsTopic = new(world, new Ledger(world)) { Name = "__consumer_offsets" };
    private Administrator _administrator = null!;
    private OffsetCommitter _group = null!;
    private TopicUnderTest? _keyedTopic;
    private KeyedProducer? _keyed;
    private bool _isEnding;
    private bool _isOver;
    private int _number;

    public void Run()
    {
        world.Device.MayDropPages = syncsBeforeAnswer;
        _topics.Add(NewTopic("records", world.Random.Between(1, 4)));
        _topics.Add(NewTopic("deleted", world.Random.Between(1, 3)));
        if (world.Random.OneIn(3))
        {
            _topics.Add(NewRetainedTopic());
        }
        _administrator = new Administrator(world, () => _isOver);
        _group = new OffsetCommitter(_topics[0], "group");
        _topics.ForEach(topic => _clients.Add(world.Start(() => UseAsync(topic))));
        if (world.Random.OneIn(3))
        {
            _keyedTopic = NewTopic("keyed", 2, ("cleanup.policy", "compact"));
            _clients.Add(world.Start(UseKeyedAsync));
        }
        _clients.Add(world.Start(AdministerAsync));
        for (int life = world.Random.Between(1, LivesMax); life > 0; life--)
        {
            LiveAndEnd();
        }
        LastLife();
    }

    private TopicUnderTest NewTopic(string name, int partitions, params (string, string)[] configs) =>
        new(world, new Ledger(world) { LongValueBytes = 400 })
        {
            Name = name,
            Partitions = partitions,
            Configs = configs,
            SegmentBytes = world.Random.Pick<int>([2_500, 8_000, 1_000_000]),
            IsCautious = _hasDiskFaults,
        };

    /// <summary>Its old segments go by themselves, whatever the clients know of them.</summary>
    private TopicUnderTest NewRetainedTopic()
    {
        TopicUnderTest topic = NewTopic("retained", 2, ("retention.bytes", $"{world.Random.Between(500, 5_000)}"));
        for (int partition = 0; partition < topic.Partitions; partition++)
        {
            topic.Ledger.Delete(partition, long.MaxValue);
        }
        return topic;
    }

    // Clients --------------------------------------------------------------------------------------------------------

    private async Task UseAsync(TopicUnderTest topic)
    {
        await topic.CreateAsync();
        Consumer consumer = new(topic);
        _ = world.Start(() => consumer.RunAsync());
        IdempotentProducer idempotent = new(topic, _number++) { ProducerIds = _producerIds };
        List<Task> producers = [world.Start(idempotent.RunAsync)];
        if (world.Random.OneIn(2))
        {
            producers.Add(world.Start(new PlainProducer(topic, _number++).RunAsync));
        }
        foreach (Task producer in producers)
        {
            await producer;
        }
    }

    private async Task UseKeyedAsync()
    {
        await _keyedTopic!.CreateAsync();
        _keyed = new KeyedProducer(_keyedTopic) { ProducerIds = _producerIds };
        await _keyed.RunAsync();
    }

    private async Task AdministerAsync()
    {
        while (!_topics.TrueForAll(topic => topic.Exists) && !_isEnding)
        {
            await world.DelayAsync(TopicUnderTest.RetryNanos);
        }
        for (int i = 1; !_isEnding; i++)
        {
            await world.DelayAsync(world.Random.Between(1_000_000L, 80_000_000));
            TopicUnderTest deleted = _topics[1];
            switch (world.Random.Below(_setup.Directories.Count > 1 ? 6 : 5))
            {
                case 0:
                    await DeleteSomeRecordsAsync(deleted);
                    break;
                case 1:
                    await _administrator.ConfigureAsync(_topics[0], "max.message.bytes", $"{1_000_000 + i}");
                    break;
                case 2:
                    await _group.CommitAsync(_administrator, i);
                    break;
                case 3:
                    // The log of the offsets is rolled, and so compacted, all the time.
                    await _group.CommitAsync(_administrator, i);
                    await _administrator.ConfigureAsync(_offsetsTopic, "internal.segment.bytes", $"{200 + i}");
                    break;
                case 5:
                    await _administrator.MoveAsync(_topics[0], world.Random.Below(_topics[0].Partitions));
                    break;
                default:
                    await MakeAndDeleteAsync(NewTopic($"short{i % 2}", 2));
                    break;
            }
        }
    }

    private Task DeleteSomeRecordsAsync(TopicUnderTest topic)
    {
        int partition = world.Random.Below(topic.Partitions);
        long end = topic.Ledger.AcknowledgedEnd(partition);
        return _administrator.DeleteRecordsAsync(topic, partition, world.Random.Between(0L, end));
    }

    private async Task MakeAndDeleteAsync(TopicUnderTest topic)
    {
        await topic.CreateAsync();
        IdempotentProducer producer = new(topic, _number++, batchesMax: 2) { ProducerIds = _producerIds };
        await producer.RunAsync();
        if (world.Random.OneIn(2))
        {
            await DeleteSomeRecordsAsync(topic);
        }
        if (world.Random.OneIn(2))
        {
            await LogReading.CheckAsync(topic);
        }
        await _administrator.DeleteTopicAsync(topic);
        _shortLived.Add(topic);
    }

    // Lives ----------------------------------------------------------------------------------------------------------

    private void LiveAndEnd()
    {
        SimulatedBroker broker = new(world, _setup);
        ProcessEnd end = losesPower && world.Random.Percent(60) ? ProcessEnd.PowerLoss : ProcessEnd.Kill;
        bool isStopped = world.Random.OneIn(5);
        if (!isStopped && world.Random.OneIn(2))
        {
            broker.Process.EndInCall(world.Random.Below(world.Random.Pick<int>([30, 100, 1_000])), end);
        }
        _ = world.Start(broker.StartAsync);
        bool isOver = false;
        world.Schedule(world.Random.Between(1_000_000L, LifeNanosMax), "end of life", () => isOver = true);
        for (int breaks = world.Random.Below(4); breaks > 0; breaks--)
        {
            world.Schedule(world.Random.Between(1L, LifeNanosMax), "break", () => world.Network.BreakOne());
        }
        if (_hasDiskFaults)
        {
            world.Schedule(world.Random.Between(1L, LifeNanosMax), "a fault begins", () => BeginFault(broker));
        }
        world.RunUntil(
            () => broker.Process.HasEnded || (isOver && (!isStopped || broker.IsReady)),
            StartNanosMax,
            "the end of a life"
        );
        if (isStopped && !broker.Process.HasEnded)
        {
            Stop(broker);
        }
        broker.Process.End(end);
        world.Device.Faults.Repair();
    }

    private void BeginFault(SimulatedBroker broker)
    {
        if (broker.Process.HasEnded)
        {
            return;
        }
        DiskFaults faults = world.Device.Faults;
        switch (world.Random.Below(3))
        {
            case 0:
                faults.SetFull(true);
                break;
            case 1:
                faults.SetOutOfDescriptors(true);
                break;
            default:
                faults.SetFailing(world.Random.Pick<int>([5, 50]));
                break;
        }
        world.Schedule(world.Random.Between(1L, FaultNanosMax), "the fault ends", faults.Repair);
    }

    /// <summary>Producers finish, then everything is read back, by one who has seen nothing before.</summary>
    private void LastLife()
    {
        SimulatedBroker broker = new(world, _setup);
        _ = world.Start(broker.StartAsync);
        world.RunUntil(() => broker.IsReady && AllTopics().TrueForAll(t => t.Exists), StartNanosMax, "the last start");
        world.RunFor(60_000_000);
        _isEnding = true;
        AllTopics().ForEach(topic => topic.IsEnding = true);
        world.RunUntil(() => _clients.TrueForAll(c => c.IsCompleted), EndNanosMax, "the end of the clients");
        Task check = world.Start(CheckAsync);
        world.RunUntil(() => check.IsCompleted, EndNanosMax, "the check of all logs");
        _isOver = true;
        AllTopics().ForEach(topic => topic.IsOver = true);
        _administrator.Close();
        Stop(broker);
        broker.Process.End(ProcessEnd.Kill);
    }

    private List<TopicUnderTest> AllTopics() => _keyedTopic is null ? _topics : [.. _topics, _keyedTopic];

    private async Task CheckAsync()
    {
        foreach (TopicUnderTest topic in _topics)
        {
            await LogReading.CheckAsync(topic);
        }
        if (_keyedTopic is not null)
        {
            List<(long, string)>[] logs = await new CommittedReader(world, _keyedTopic).ReadAllAsync();
            for (int partition = 0; partition < logs.Length; partition++)
            {
                _keyed!.CheckLog(partition, logs[partition]);
            }
        }
        foreach (TopicUnderTest topic in _shortLived)
        {
            await _administrator.CheckGoneAsync(topic);
        }
        await _administrator.CheckConfigsAsync();
        await _group.CheckAsync(_administrator);
    }

    private void Stop(SimulatedBroker broker)
    {
        Task stopped = world.Start(broker.StopAsync);
        world.RunUntil(() => stopped.IsCompleted || broker.Process.HasEnded, StartNanosMax, "a stop in good order");
    }
}
