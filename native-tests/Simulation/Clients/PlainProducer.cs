using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Codecs;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// A producer without idempotence: several requests under way, each with batches for several partitions, and never a
/// repetition, so that whatever was not acknowledged may be there or not.
/// </summary>
internal sealed class PlainProducer(TopicUnderTest topic, int number)
{
    private readonly World _world = topic.World;
    private readonly short _version = (short)topic.World.Random.Between(3, 13);
    private readonly int _underWayMax = topic.World.Random.Between(1, 5);
    private int _connections;

    public async Task RunAsync()
    {
        while (!topic.IsEnding)
        {
            WireClient? client = await WireClient.ConnectAsync(_world, () => topic.IsEnding);
            if (client is null)
            {
                return;
            }
            _connections++;
            await SendUntilLostAsync(client);
        }
    }

    private async Task SendUntilLostAsync(WireClient client)
    {
        Queue<Task> underWay = new();
        while (!topic.IsEnding && !client.IsLost)
        {
            underWay.Enqueue(SendOneAsync(client));
            while (underWay.Count >= _underWayMax)
            {
                await underWay.Dequeue();
            }
            if (_world.Random.OneIn(2))
            {
                await _world.DelayAsync(_world.Random.Between(1_000L, 30_000_000));
            }
        }
        while (underWay.TryDequeue(out Task? one))
        {
            await one;
        }
        client.Close();
    }

    private async Task SendOneAsync(WireClient client)
    {
        List<(int Partition, string[] Values)> sent = [];
        int first = _world.Random.Below(topic.Partitions);
        int partitions = Math.Min(_world.Random.Between(1, 3), topic.Partitions);
        for (int i = 0; i < partitions; i++)
        {
            int partition = (first + i) % topic.Partitions;
            string[] values = new string[_world.Random.Between(1, 4)];
            for (int v = 0; v < values.Length; v++)
            {
                values[v] = topic.Ledger.NewValue(partition, $"plain{number}.{_connections}.{partition}");
            }
            sent.Add((partition, values));
        }
        RecordBatchOptions options = new()
        {
            Codec = _world.Random.OneIn(8) ? CompressionCodec.Gzip : CompressionCodec.None,
        };
        ProduceRequest request = topic.ProduceOf(sent.Select(s => (s.Partition, topic.BatchOf(s.Values, options))), -1);
        try
        {
            ProduceResponse response = await client.CallAsync<ProduceResponse>(
                ApiKey.Produce,
                _version,
                request,
                ProduceResponse.TryRead
            );
            foreach (ProduceResponse.PartitionProduceResponse answer in response.Responses.Single().PartitionResponses)
            {
                Take(answer, sent.Single(s => s.Partition == answer.Index).Values);
            }
        }
        catch (ConnectionLost)
        {
            // Unknown: the ledger keeps them as sent.
        }
    }

    private void Take(ProduceResponse.PartitionProduceResponse answer, string[] values)
    {
        ErrorCode error = (ErrorCode)answer.ErrorCode;
        // While a broker stops, its logs are closed under requests that are still answered.
        bool isOrderly = topic.MayAnswer(error);
        _world.Check(error == ErrorCode.None || isOrderly, $"produce v{_version}: {error} {answer.ErrorMessage}");
        for (int i = 0; error == ErrorCode.None && i < values.Length; i++)
        {
            topic.Ledger.Acked(answer.Index, values[i], answer.BaseOffset + i);
        }
    }
}
