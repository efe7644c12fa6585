using Aot.Broker.Base;
using Aot.Broker.Cluster;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Reactor;
using Aot.Broker.Storage;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A world with one broker and one topic, for moments that a run by seeds would hit once in a long time: the test says what
/// happens in them, with the broker's insides open.
/// </summary>
internal sealed class OneBroker : IDisposable
{
    public const long Second = 1_000_000_000;

    public OneBroker(string name)
    {
        World = new World(1, name);
        Broker = new SimulatedBroker(World, new BrokerSetup());
        Topic = new TopicUnderTest(World, new Ledger(World)) { Partitions = 2 };
        _ = World.Start(Broker.StartAsync);
        _ = World.Start(Topic.CreateAsync);
        World.RunUntil(() => Broker.IsReady && Topic.Exists, 60 * Second, "a broker with a topic");
    }

    public World World { get; }

    public SimulatedBroker Broker { get; }

    public TopicUnderTest Topic { get; }

    public MetadataImage Image => Broker.Process.Cores[0].Get<MetadataView>().Image;

    public Core OwnerOf(KafkaUuid topic, int partition)
    {
        IReadOnlyList<Core> cores = Broker.Process.Cores;
        return cores[PartitionPlacement.CoreOf(topic, partition, cores.Count).Value];
    }

    public int[] CountTimers() => [.. Broker.Process.Cores.Select(core => core.Timers.Count)];

    /// <summary>An assertion in it that does not hold is a failure of the run, and so of the test.</summary>
    public void Tell(Func<Task> part)
    {
        Task told = World.Start(part);
        World.RunUntil(() => told.IsCompleted, 600 * Second, "what is told");
    }

    /// <summary>Makes the coordinators' topic, where it is not there yet.</summary>
    public void FindCoordinator(sbyte type, string key) =>
        Tell(async () =>
        {
            WireClient client = (await WireClient.ConnectAsync(World, () => false))!;
            FindCoordinatorResponse found;
            do
            {
                await World.DelayAsync(TopicUnderTest.RetryNanos);
                found = await client.CallAsync<FindCoordinatorResponse>(
                    ApiKey.FindCoordinator,
                    6,
                    new FindCoordinatorRequest { KeyType = type, CoordinatorKeys = [key] },
                    FindCoordinatorResponse.TryRead
                );
            } while (found.Coordinators[0].ErrorCode != 0);
            client.Close();
        });

    public void Dispose()
    {
        Broker.Process.End(ProcessEnd.Kill);
        World.Dispose();
    }
}
