using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// An idempotent producer: up to five batches under way per partition; after a lost connection all that have no answer
/// are sent again in order, with their sequence numbers. Each record is there once in the end.
/// </summary>
internal sealed class IdempotentProducer(TopicUnderTest topic, int number, int batchesMax = int.MaxValue)
{
    private const int UnderWayMax = 5;

    private readonly World _world = topic.World;
    private readonly short _version = (short)topic.World.Random.Between(3, 13);
    private readonly List<Batch>[] _unanswered =
    [
        .. Enumerable.Range(0, topic.Partitions).Select(_ => new List<Batch>()),
    ];
    private readonly int[] _nextSequence = new int[topic.Partitions];
    private readonly bool[] _isKnown = new bool[topic.Partitions];
    private long _producerId = -1;
    private bool _hasFailed;
    private int _batchesLeft = batchesMax;

    private sealed record Batch(int Partition, string[] Values, byte[] Bytes);

    /// <summary>Producer ids that were given out, over the whole run: none twice.</summary>
    public required HashSet<long> ProducerIds { get; init; }

    public async Task RunAsync()
    {
        while (HasMore || _unanswered.Any(p => p.Count > 0))
        {
            WireClient? client = await WireClient.ConnectAsync(_world, () => topic.IsOver);
            if (client is null)
            {
                return;
            }
            try
            {
                await SendUntilLostAsync(client);
            }
            catch (ConnectionLost)
            {
                // Connects again.
            }
            client.Close();
            if (_hasFailed)
            {
                await _world.DelayAsync(_world.Random.Between(1L, TopicUnderTest.RetryNanos));
            }
        }
    }

    private bool HasMore => !topic.IsEnding && _batchesLeft > 0;

    private async Task SendUntilLostAsync(WireClient client)
    {
        if (_producerId < 0)
        {
            await TakeProducerIdAsync(client);
        }
        _hasFailed = false;
        List<Task> underWay = [];
        foreach (Batch batch in _unanswered.SelectMany(p => p).ToList())
        {
            underWay.Add(SendAsync(client, batch));
        }
        while (HasMore && !client.IsLost && !_hasFailed)
        {
            int partition = _world.Random.Below(topic.Partitions);
            if (_unanswered[partition].Count < (_isKnown[partition] || !topic.IsCautious ? UnderWayMax : 1))
            {
                underWay.Add(SendAsync(client, NewBatch(partition)));
            }
            if (_world.Random.OneIn(2) || _unanswered[partition].Count >= UnderWayMax)
            {
                await _world.DelayAsync(_world.Random.Between(100_000L, 20_000_000));
            }
            underWay.RemoveAll(t => t.IsCompleted);
        }
        foreach (Task one in underWay)
        {
            await one;
        }
    }

    private async Task TakeProducerIdAsync(WireClient client)
    {
        InitProducerIdResponse response = await client.CallAsync<InitProducerIdResponse>(
            ApiKey.InitProducerId,
            4,
            new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = int.MaxValue },
            InitProducerIdResponse.TryRead
        );
        if (response.ErrorCode != 0 && topic.MayAnswer((ErrorCode)response.ErrorCode))
        {
            throw new ConnectionLost();
        }
        _world.Check(response.ErrorCode == 0, $"InitProducerId: {(ErrorCode)response.ErrorCode}");
        _world.Check(ProducerIds.Add(response.ProducerId), $"producer id {response.ProducerId} was given out twice");
        _producerId = response.ProducerId;
    }

    private Batch NewBatch(int partition)
    {
        _batchesLeft--;
        string[] values = new string[_world.Random.Between(1, 4)];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = topic.Ledger.NewValue(partition, $"idem{number}.{partition}");
        }
        byte[] bytes = topic.BatchOf(
            values,
            new RecordBatchOptions
            {
                ProducerId = _producerId,
                ProducerEpoch = 0,
                BaseSequence = _nextSequence[partition],
            }
        );
        _nextSequence[partition] += values.Length;
        Batch batch = new(partition, values, bytes);
        _unanswered[partition].Add(batch);
        return batch;
    }

    private async Task SendAsync(WireClient client, Batch batch)
    {
        try
        {
            ProduceResponse response = await client.CallAsync<ProduceResponse>(
                ApiKey.Produce,
                _version,
                topic.ProduceOf([(batch.Partition, batch.Bytes)], -1),
                ProduceResponse.TryRead
            );
            Take(response.Responses.Single().PartitionResponses.Single(), batch);
        }
        catch (ConnectionLost)
        {
            // Stays unanswered.
        }
    }

    private void Take(ProduceResponse.PartitionProduceResponse answer, Batch batch)
    {
        ErrorCode error = (ErrorCode)answer.ErrorCode;
        if (error != ErrorCode.None)
        {
            // Behind a batch that failed, those that were sent after it are out of order; all are sent again.
            bool isOrderly = topic.MayAnswer(error) || (_hasFailed && error == ErrorCode.OutOfOrderSequenceNumber);
            _world.Check(isOrderly, $"idempotent produce v{_version}: {error} {answer.ErrorMessage}");
            _hasFailed = true;
            return;
        }
        for (int i = 0; i < batch.Values.Length; i++)
        {
            topic.Ledger.Acked(batch.Partition, batch.Values[i], answer.BaseOffset + i);
        }
        _unanswered[batch.Partition].Remove(batch);
        _isKnown[batch.Partition] = true;
    }
}
