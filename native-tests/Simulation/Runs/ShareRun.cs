using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A share group through several lives of a broker that is killed at any moment, often within a call to its disk: what a
/// member accepted and was told so does not come again, and nothing else is lost.
/// </summary>
internal sealed class ShareRun(World world, ShareLedger ledger)
{
    private const int Lives = 5;
    private const int Producers = 2;
    private const int Members = 3;

    /// <summary>Answers without records after which a member takes the partitions for empty: locks have ended by then.</summary>
    private const int EmptyAnswersEnough = 400;
    private const long LifeNanosMax = 500_000_000;
    private const long StartNanosMax = 60_000_000_000;
    private const long EndNanosMax = 300_000_000_000;

    private readonly TopicUnderTest _topic = new(world, new Ledger(world)) { Partitions = 4 };
    private readonly List<Task> _producers = [];
    private readonly List<ShareMember> _members = [];
    private readonly List<Task> _running = [];
    private bool _isInitialized;

    public void Run()
    {
        _ = world.Start(PrepareAsync);
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

    private async Task PrepareAsync()
    {
        await _topic.CreateAsync();
        while (!_isInitialized)
        {
            WireClient client = (await WireClient.ConnectAsync(world, () => false))!;
            try
            {
                await InitializeAsync(client);
            }
            catch (ConnectionLost)
            {
                continue;
            }
            client.Close();
        }
    }

    /// <summary>As the group coordinator begins the state of the partitions, from offset 0 on.</summary>
    private async Task InitializeAsync(WireClient client)
    {
        InitializeShareGroupStateRequest.InitializeStateData state = new() { TopicId = _topic.Id };
        for (int i = 0; i < _topic.Partitions; i++)
        {
            state.Partitions.Add(
                new()
                {
                    Partition = i,
                    StateEpoch = 1,
                    StartOffset = 0,
                }
            );
        }
        await client.CallAsync<FindCoordinatorResponse>(
            ApiKey.FindCoordinator,
            6,
            new FindCoordinatorRequest { KeyType = 2, CoordinatorKeys = [$"{ShareMember.Group}:{_topic.Id}:0"] },
            FindCoordinatorResponse.TryRead
        );
        InitializeShareGroupStateResponse response = await client.CallAsync<InitializeShareGroupStateResponse>(
            ApiKey.InitializeShareGroupState,
            0,
            new InitializeShareGroupStateRequest { GroupId = ShareMember.Group, Topics = [state] },
            InitializeShareGroupStateResponse.TryRead
        );
        _isInitialized = response.Results[0].Partitions.TrueForAll(p => p.ErrorCode == 0);
        if (!_isInitialized)
        {
            await world.DelayAsync(TopicUnderTest.RetryNanos);
        }
    }

    /// <summary>Never true: a condition's side effect.</summary>
    private bool StartClients()
    {
        if (_isInitialized && _members.Count == 0)
        {
            for (int i = 0; i < Producers; i++)
            {
                _producers.Add(world.Start(new PlainProducer(_topic, i).RunAsync));
            }
            for (int i = 0; i < Members; i++)
            {
                ShareMember member = new(_topic, ledger, i);
                _members.Add(member);
                _running.Add(world.Start(member.RunAsync));
            }
        }
        return false;
    }

    private void LastLife()
    {
        SimulatedBroker broker = new(world, new BrokerSetup());
        _ = world.Start(broker.StartAsync);
        world.RunUntil(() => broker.IsReady && _isInitialized, StartNanosMax, "the last start, and the group's state");
        StartClients();
        world.RunFor(200_000_000);
        _topic.IsEnding = true;
        world.RunUntil(() => _producers.TrueForAll(c => c.IsCompleted), EndNanosMax, "the producers' end");
        world.RunUntil(
            () => _members.TrueForAll(m => m.EmptyAnswers > EmptyAnswersEnough),
            EndNanosMax,
            "the group's end of the topic"
        );
        for (int partition = 0; partition < _topic.Partitions; partition++)
        {
            ledger.CheckAll(partition, _topic.Ledger.AcknowledgedEnd(partition));
        }
        _topic.IsOver = true;
        world.RunUntil(() => _running.TrueForAll(c => c.IsCompleted), EndNanosMax, "the members' end");
        Task stopped = world.Start(broker.StopAsync);
        world.RunUntil(() => stopped.IsCompleted, StartNanosMax, "a stop in good order");
        broker.Process.End(ProcessEnd.Kill);
    }
}
