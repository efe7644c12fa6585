using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>A consumer without a group that polls one partition after the other, committed records only.</summary>
internal sealed class HistoryPoller(TopicUnderTest topic, HistoryRecorder history, string name)
{
    private readonly World _world = topic.World;
    private readonly Administrator _connection = new(topic.World, () => topic.IsOver);
    private readonly long[] _next = new long[topic.Partitions];

    public async Task RunAsync()
    {
        history.Assign(name);
        while (!topic.IsEnding)
        {
            await PollAsync(_world.Random.Below(topic.Partitions));
            if (_world.Random.OneIn(40))
            {
                history.Crash(name);
                Array.Clear(_next);
            }
            await _world.DelayAsync(_world.Random.Between(10_000L, 20_000_000));
        }
        _connection.Close();
    }

    /// <summary>Everything from where it is to the end of each partition.</summary>
    public async Task RunToEndAsync()
    {
        history.Assign(name);
        for (int partition = 0; partition < topic.Partitions; partition++)
        {
            while (await PollAsync(partition) > 0) { }
        }
        _connection.Close();
    }

    /// <summary>How far it came.</summary>
    private async Task<long> PollAsync(int partition)
    {
        CommittedReader reader = new(_world, topic);
        long from = _next[partition];
        long next = from;
        List<(long, string)> values = [];
        history.Begin(name, OperationFunction.Poll, new PollStep());
        await _connection.UntilDoneAsync(async client =>
        {
            values.Clear();
            next = await reader.PollAsync(client, partition, from, values);
            return true;
        });
        _next[partition] = next;
        history.End(name, OperationType.Ok, [HistorySetup.Polled(topic, partition, values)]);
        return next - from;
    }
}
