using Aot.Broker.Histories;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// Copies one topic into another, each record once: it reads as a member of a group, and its transactions hold the copies
/// together with the offsets that it has read to.
/// </summary>
/// <remarks>It may be slow enough to lose its transaction, or its place in the group; and now and then it crashes.</remarks>
internal sealed class HistoryCopier(CopyTask task, string name, bool isConsumerProtocol, bool bumpsEpoch)
{
    private const int BatchMax = 8;

    private readonly World _world = task.Source.World;
    private readonly HistoryRecorder _history = task.History;
    private Administrator _connection = null!;
    private TransactionSession _session = null!;
    private GroupMember _member = null!;
    private Dictionary<int, long>? _positions;
    private bool _isRebalanced;
    private int _lives;
    private int _number;

    public async Task RunAsync()
    {
        await BeginAsync();
        while (!task.Source.IsEnding)
        {
            if (!await _member.BeatAsync())
            {
                _positions = null;
                _isRebalanced = true;
            }
            _positions ??= await _member.FetchOffsetsAsync(_member.Assignment);
            if (_positions is { Count: > 0 })
            {
                await CopyAsync(_positions.Keys.ElementAt(_world.Random.Below(_positions.Count)));
            }
            await _world.DelayAsync(_world.Random.Between(100_000L, 30_000_000));
        }
        await _session.InitializeAsync();
        _connection.Close();
    }

    /// <summary>Also after a crash: the transactional id is the same, the member is a new one.</summary>
    private async Task BeginAsync()
    {
        _connection = new Administrator(_world, () => task.Source.IsOver);
        _session = new TransactionSession(_world, _connection, name, bumpsEpoch)
        {
            TimeoutMs = HistorySetup.TransactionTimeoutMs,
        };
        _member = isConsumerProtocol
            ? new ConsumerMember(_world, _connection, task.Source, task.Group, $"{name}-{_lives++}")
            : new ClassicMember(_world, _connection, task.Source, task.Group);
        _positions = null;
        _isRebalanced = true;
        await _session.InitializeAsync();
    }

    private async Task CopyAsync(int partition)
    {
        long from = _positions![partition];
        long next = from;
        List<(long Offset, string Value)> polled = [];
        CommittedReader reader = new(_world, task.Source);
        _history.Begin(name, OperationFunction.Txn, new PollStep());
        await _connection.UntilDoneAsync(async client =>
        {
            polled.Clear();
            next = await reader.PollAsync(client, partition, from, polled);
            return true;
        });
        if (polled.Count > BatchMax)
        {
            next = polled[BatchMax].Offset;
            polled.RemoveRange(BatchMax, polled.Count - BatchMax);
        }
        List<Step> steps = [HistorySetup.Polled(task.Source, partition, polled)];
        if (next == from)
        {
            End(OperationType.Ok, steps);
            return;
        }
        bool isWhole = polled.Count == 0 || await SendAsync(polled, steps);
        if (_world.Random.OneIn(12))
        {
            await _world.DelayAsync(_world.Random.Between(1_000_000L, 2_000_000 * HistorySetup.SessionTimeoutMs));
        }
        Dictionary<int, long> offsets = new() { [partition] = next };
        isWhole = isWhole && await _session.CommitOffsetsAsync(task.Group, _member, task.Source, offsets);
        if (_world.Random.OneIn(12))
        {
            await _world.DelayAsync(_world.Random.Between(1_000_000L, 2_000_000 * HistorySetup.TransactionTimeoutMs));
        }
        if (_world.Random.OneIn(20))
        {
            _history.Crash(name);
            _connection.Close();
            await BeginAsync();
            return;
        }
        bool commits = isWhole && !_world.Random.OneIn(5);
        bool isEnded = await _session.EndAsync(commits);
        End(isEnded && commits ? OperationType.Ok : OperationType.Fail, steps);
        if (isEnded && commits)
        {
            _positions[partition] = next;
            return;
        }
        _positions = null;
        if (!isEnded)
        {
            await _session.InitializeAsync();
        }
    }

    /// <summary>Copies have names of their own, since one that was aborted is made again.</summary>
    private async Task<bool> SendAsync(List<(long Offset, string Value)> polled, List<Step> steps)
    {
        int partition = _world.Random.Below(task.Sink.Partitions);
        string[] copies = [.. polled.Select(one => $"{name}#{_number++}|{one.Value}")];
        long offset = await _session.ProduceAsync(task.Sink, partition, copies);
        string key = HistorySetup.KeyOf(task.Sink, partition);
        for (int i = 0; i < copies.Length; i++)
        {
            steps.Add(new SendStep(key, copies[i], offset < 0 ? null : offset + i));
        }
        return offset >= 0;
    }

    private void End(OperationType type, List<Step> steps)
    {
        _history.End(name, type, steps, _isRebalanced);
        _isRebalanced = false;
    }
}

/// <summary>What several copiers do together.</summary>
internal sealed record CopyTask(TopicUnderTest Source, TopicUnderTest Sink, string Group, HistoryRecorder History)
{
    /// <summary>Each record below the committed offset has one committed copy, and none above has any.</summary>
    public async Task CheckAsync(Administrator connection)
    {
        World world = Source.World;
        GroupMember stranger = new ClassicMember(world, connection, Source, Group);
        Dictionary<int, long>? committed = null;
        while (committed is null)
        {
            committed = await stranger.FetchOffsetsAsync([.. Enumerable.Range(0, Source.Partitions)]);
        }
        Dictionary<string, string> copies = [];
        foreach (
            (long _, string copy) in (await new CommittedReader(world, Sink).ReadAllAsync()).SelectMany(all => all)
        )
        {
            string value = copy[(copy.IndexOf('|') + 1)..];
            world.Check(copies.TryAdd(value, copy), $"{value} was copied twice: {copies[value]} and {copy}");
        }
        List<(long Offset, string Value)>[] source = await new CommittedReader(world, Source).ReadAllAsync();
        for (int partition = 0; partition < source.Length; partition++)
        {
            foreach ((long offset, string value) in source[partition])
            {
                bool isBelow = offset < committed[partition];
                world.Check(
                    copies.Remove(value) == isBelow,
                    $"{value} at {offset} of {partition} {(isBelow ? "was not" : "was")} copied, and {committed[partition]} is committed"
                );
            }
        }
        world.Check(copies.Count == 0, $"copies of what is not there: {string.Join(", ", copies.Values)}");
    }
}
