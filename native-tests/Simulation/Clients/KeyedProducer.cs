using System.Text;
using Aot.Broker.Protocol;
using Aot.Broker.Protocol.Messages;
using Aot.Broker.Protocol.Records;

namespace Aot.Broker.Simulation.Tests;

/// <summary>
/// An idempotent producer of a compacted topic, one batch after the other, each repeated until it is acknowledged. In the
/// end the newest acknowledged record of every key is there, at its offset, and no record is there twice.
/// </summary>
internal sealed class KeyedProducer(TopicUnderTest topic)
{
    private const int Keys = 6;
    private const int PausedNanosMax = 20_000_000;

    private readonly World _world = topic.World;
    private readonly int[] _nextSequence = new int[topic.Partitions];
    private readonly Dictionary<(int Partition, string Value), long> _offsets = [];
    private readonly Dictionary<(int Partition, string Key), (long Offset, string Value)> _newest = [];
    private readonly HashSet<(int Partition, string Value)> _sent = [];
    private long _producerId = -1;
    private int _number;

    /// <summary>Producer ids that were given out, over the whole run: none twice.</summary>
    public required HashSet<long> ProducerIds { get; init; }

    public async Task RunAsync()
    {
        Administrator connection = new(_world, () => topic.IsOver);
        await connection.UntilDoneAsync(TakeProducerIdAsync);
        while (!topic.IsEnding && !topic.IsOver)
        {
            int partition = _world.Random.Below(topic.Partitions);
            string[] values =
            [
                .. Enumerable
                    .Range(0, _world.Random.Between(1, 3))
                    .Select(_ =>
                        $"k{_world.Random.Below(Keys)}-{_number++}-{new string('x', _world.Random.Below(200))}"
                    ),
            ];
            byte[] batch = BatchOf(partition, values);
            await connection.UntilDoneAsync(client => SendAsync(client, partition, values, batch));
            _nextSequence[partition] += values.Length;
            if (_world.Random.OneIn(2))
            {
                await _world.DelayAsync(_world.Random.Between(100_000L, PausedNanosMax));
            }
        }
        connection.Close();
    }

    /// <summary>The log of a partition, from its beginning to its end.</summary>
    public void CheckLog(int partition, IReadOnlyList<(long Offset, string Value)> log)
    {
        Dictionary<string, long> newest = [];
        HashSet<string> seen = [];
        foreach ((long offset, string value) in log)
        {
            _world.Check(_sent.Contains((partition, value)), $"{Name(partition, value)} was never sent");
            _world.Check(seen.Add(value), $"{Name(partition, value)} is there twice");
            bool isRight = !_offsets.TryGetValue((partition, value), out long at) || at == offset;
            _world.Check(isRight, $"{Name(partition, value)} was acknowledged at {at} and is at {offset}");
            newest[KeyOf(value)] = offset;
        }
        foreach (((int of, string key), (long offset, string value)) in _newest)
        {
            _world.Check(
                of != partition || newest.GetValueOrDefault(key, -1) >= offset,
                $"{Name(partition, value)} was acknowledged at {offset} and is lost"
            );
        }
    }

    private async Task<bool> TakeProducerIdAsync(WireClient client)
    {
        InitProducerIdResponse response = await client.CallAsync<InitProducerIdResponse>(
            ApiKey.InitProducerId,
            4,
            new InitProducerIdRequest { TransactionalId = null, TransactionTimeoutMs = int.MaxValue },
            InitProducerIdResponse.TryRead
        );
        ErrorCode error = (ErrorCode)response.ErrorCode;
        _world.Check(error == ErrorCode.None || topic.MayAnswer(error), $"InitProducerId: {error}");
        if (error == ErrorCode.None)
        {
            _world.Check(
                ProducerIds.Add(response.ProducerId),
                $"producer id {response.ProducerId} was given out twice"
            );
            _producerId = response.ProducerId;
        }
        return error == ErrorCode.None;
    }

    private byte[] BatchOf(int partition, string[] values)
    {
        RecordBatchBuilder builder = new(
            new RecordBatchOptions
            {
                ProducerId = _producerId,
                ProducerEpoch = 0,
                BaseSequence = _nextSequence[partition],
            }
        );
        foreach (string value in values)
        {
            _sent.Add((partition, value));
            builder.Append(_world.WallMillis, Encoding.ASCII.GetBytes(KeyOf(value)), Encoding.ASCII.GetBytes(value));
        }
        return builder.ToArray();
    }

    private async Task<bool> SendAsync(WireClient client, int partition, string[] values, byte[] batch)
    {
        ProduceResponse response = await client.CallAsync<ProduceResponse>(
            ApiKey.Produce,
            9,
            topic.ProduceOf([(partition, batch)], -1),
            ProduceResponse.TryRead
        );
        ProduceResponse.PartitionProduceResponse answer = response.Responses.Single().PartitionResponses.Single();
        ErrorCode error = (ErrorCode)answer.ErrorCode;
        _world.Check(
            error == ErrorCode.None || topic.MayAnswer(error),
            $"keyed produce: {error} {answer.ErrorMessage}"
        );
        for (int i = 0; error == ErrorCode.None && i < values.Length; i++)
        {
            _offsets[(partition, values[i])] = answer.BaseOffset + i;
            _newest[(partition, KeyOf(values[i]))] = (answer.BaseOffset + i, values[i]);
        }
        return error == ErrorCode.None;
    }

    private static string KeyOf(string value) => value[..value.IndexOf('-')];

    private static string Name(int partition, string value) =>
        $"keyed record {value.TrimEnd('x')} of partition {partition}";
}
