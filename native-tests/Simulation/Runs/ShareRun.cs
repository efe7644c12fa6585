using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A share group through several lives of a broker that is killed at any moment, often within a call to its disk: what a
/// member accepted and was told so does not come again, and nothing else is lost.
/// </summary>
internal sealed class ShareRun(World world, ShareLedger ledger)
{
    private const int Producers = 2;
    private const int Members = 3;

    /// <summary>Answers without records after which a member takes the partitions for empty: locks have ended by then.</summary>
    private const int EmptyAnswersEnough = 400;

    private readonly KilledLives _lives = new(world);
    private readonly TopicUnderTest _topic = new(world, new Ledger(world)) { Partitions = 4 };
    private readonly List<Task> _producers = [];
    private readonly List<ShareMember> _members = [];
    private readonly List<Task> _running = [];
    private bool _isInitialized;

    public void Run()
    {
        _ = world.Start(PrepareAsync);
        _lives.Run(StartClients);
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

    private void StartClients()
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
    }

    private void LastLife()
    {
        SimulatedBroker broker = _lives.BeginLast(() => _isInitialized, StartClients);
        _topic.IsEnding = true;
        world.RunUntil(() => _producers.TrueForAll(c => c.IsCompleted), KilledLives.EndNanosMax, "the producers' end");
        world.RunUntil(
            () => _members.TrueForAll(m => m.EmptyAnswers > EmptyAnswersEnough),
            KilledLives.EndNanosMax,
            "the group's end of the topic"
        );
        for (int partition = 0; partition < _topic.Partitions; partition++)
        {
            ledger.CheckAll(partition, _topic.Ledger.AcknowledgedEnd(partition));
        }
        _topic.IsOver = true;
        world.RunUntil(() => _running.TrueForAll(c => c.IsCompleted), KilledLives.EndNanosMax, "the members' end");
        _lives.EndLast(broker);
    }
}
