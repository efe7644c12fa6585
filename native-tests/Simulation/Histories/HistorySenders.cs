using Aot.Broker.Histories;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>Sends values without transactions, one batch after the other, with sequence numbers.</summary>
internal sealed class HistorySender(TopicUnderTest topic, HistoryRecorder history, string name)
{
    private readonly World _world = topic.World;
    private readonly Administrator _connection = new(topic.World, () => topic.IsOver);
    private readonly int[] _sequences = new int[topic.Partitions];
    private long _producerId = -1;
    private int _number;

    public async Task RunAsync()
    {
        await _connection.UntilDoneAsync(async client =>
        {
            InitProducerIdResponse response = await client.CallAsync<InitProducerIdResponse>(
                ApiKey.InitProducerId,
                4,
                new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = int.MaxValue },
                InitProducerIdResponse.TryRead
            );
            _producerId = response.ProducerId;
            return response.ErrorCode == 0;
        });
        while (!topic.IsEnding)
        {
            int partition = _world.Random.Below(topic.Partitions);
            string[] values = new string[_world.Random.Between(1, 4)];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = $"{name}.{_number++}";
            }
            await SendAsync(partition, values);
            await _world.DelayAsync(_world.Random.Between(10_000L, 30_000_000));
        }
        _connection.Close();
    }

    private async Task SendAsync(int partition, string[] values)
    {
        string key = HistorySetup.KeyOf(topic, partition);
        history.Begin(name, OperationFunction.Send, [.. values.Select(value => new SendStep(key, value))]);
        RecordBatchOptions options = new()
        {
            ProducerId = _producerId,
            ProducerEpoch = 0,
            BaseSequence = _sequences[partition],
        };
        ProduceRequest request = topic.ProduceOf([(partition, topic.BatchOf(values, options))], -1);
        long offset = -1;
        await _connection.UntilDoneAsync(async client =>
        {
            ProduceResponse response = await client.CallAsync<ProduceResponse>(
                ApiKey.Produce,
                9,
                request,
                ProduceResponse.TryRead
            );
            ProduceResponse.PartitionProduceResponse answer = response.Responses.Single().PartitionResponses.Single();
            ErrorCode error = (ErrorCode)answer.ErrorCode;
            _world.Check(error == ErrorCode.None || topic.MayAnswer(error), $"send: {error} {answer.ErrorMessage}");
            offset = answer.BaseOffset;
            return error == ErrorCode.None;
        });
        _sequences[partition] += values.Length;
        history.End(name, OperationType.Ok, [.. values.Select((value, i) => new SendStep(key, value, offset + i))]);
    }
}

/// <summary>Sends values in transactions, some of which are aborted, or take too long and are lost.</summary>
internal sealed class HistoryTransactions(TopicUnderTest topic, HistoryRecorder history, string name, bool bumpsEpoch)
{
    private readonly World _world = topic.World;
    private int _number;

    public async Task RunAsync()
    {
        Administrator connection = new(_world, () => topic.IsOver);
        TransactionSession session = new(_world, connection, name, bumpsEpoch)
        {
            TimeoutMs = HistorySetup.TransactionTimeoutMs,
        };
        await session.InitializeAsync();
        while (!topic.IsEnding)
        {
            bool commits = !_world.Random.OneIn(4);
            if (!await RunOneAsync(session, commits))
            {
                await session.InitializeAsync();
            }
            await _world.DelayAsync(_world.Random.Between(10_000L, 30_000_000));
        }
        await session.InitializeAsync();
        connection.Close();
    }

    /// <summary>False: the session has lost the transaction.</summary>
    private async Task<bool> RunOneAsync(TransactionSession session, bool commits)
    {
        List<SendStep> steps = [];
        List<(int Partition, int Count)> batches = [];
        for (int i = _world.Random.Between(1, 4); i > 0; i--)
        {
            int partition = _world.Random.Below(topic.Partitions);
            int count = _world.Random.Between(1, 3);
            batches.Add((partition, count));
            for (int j = 0; j < count; j++)
            {
                steps.Add(new SendStep(HistorySetup.KeyOf(topic, partition), $"{name}.{_number++}"));
            }
        }
        history.Begin(name, OperationFunction.Txn, steps);
        int at = 0;
        bool isWhole = true;
        foreach ((int partition, int count) in batches)
        {
            long offset = await session.ProduceAsync(
                topic,
                partition,
                [.. steps.GetRange(at, count).Select(step => step.Value)]
            );
            isWhole &= offset >= 0;
            if (!isWhole)
            {
                break;
            }
            for (int i = 0; i < count; i++, at++)
            {
                steps[at] = steps[at] with { Offset = offset + i };
            }
            if (_world.Random.OneIn(8))
            {
                await _world.DelayAsync(
                    _world.Random.Between(1_000_000L, 2_000_000 * HistorySetup.TransactionTimeoutMs)
                );
            }
        }
        bool isEnded = isWhole && await session.EndAsync(commits);
        history.End(name, isEnded && commits ? OperationType.Ok : OperationType.Fail, steps);
        return isEnded;
    }
}
